// SPDX-License-Identifier: Apache-2.0
//
// The five cases of every call: success, permanent failure, retry then success,
// retries exhausted, not idempotent. Time is fake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/client.h"
#include "client/remote_connection.h"
#include "client/retry_policy.h"
#include "model/errors.h"
#include "pallet/wire/v1/batch.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"
#include "pallet/wire/v1/transaction.pb.h"
#include "tests/unit/client/fake_stub.h"

namespace pallet {
namespace {

namespace wire = ::pallet::wire::v1;
using model::MakeError;
using model::Reason;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeClock;
using testing::FakeStub;
using ::testing::Ge;
using ::testing::Le;
using ::testing::SizeIs;

class RetryTest : public ::testing::Test {
 protected:
  RetryTest() {
    auto stub = std::make_unique<FakeStub>(&clock_);
    stub_ = stub.get();
    ClientOptions options;
    options.retry.max_attempts = 4;
    client_.emplace(MakeRemoteConnection(options, std::move(stub), &clock_, 7));
  }

  static FakeStub::Reply Fails(absl::Status status, bool not_sent = false) {
    return {.failure = {.status = std::move(status), .not_sent = not_sent}};
  }
  static FakeStub::Reply Lost() {
    return Fails(absl::UnavailableError("connection reset"));
  }
  static FakeStub::Reply Refused() {
    return Fails(absl::UnavailableError("connection refused"), true);
  }
  static FakeStub::Reply Throttled() {
    return Fails(MakeError(Reason::kThrottling, "slow down"));
  }
  static FakeStub::Reply Found() {
    wire::GetItemResponse response;
    response.set_item(Item{{"k", 1}}.Encode());
    return {.response = response.SerializeAsString()};
  }
  static FakeStub::Reply Done() { return {}; }

  absl::StatusOr<GetItemResponse> Get() {
    return client_->GetItem({.table = "t", .key = {{"k", 1}}});
  }
  absl::Status Put() {
    return client_->PutItem({.table = "t", .item = {{"k", 1}}}).status();
  }

  FakeClock clock_;
  FakeStub* stub_;
  absl::optional<Client> client_;
};

TEST_F(RetryTest, Success) {
  stub_->replies = {Found()};
  const auto response = Get();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->item, (Item{{"k", 1}}));
  EXPECT_THAT(stub_->calls, ElementsAre("/pallet.v1.ItemService/GetItem"));
  wire::GetItemRequest request;
  ASSERT_TRUE(request.ParseFromString(stub_->requests[0]));
  EXPECT_EQ(request.table_name(), "t");
  EXPECT_EQ(request.key(), (Item{{"k", 1}}).Encode());
  EXPECT_FALSE(request.has_consistent_read());
}

TEST_F(RetryTest, PermanentFailure) {
  stub_->replies = {Fails(MakeError(Reason::kResourceNotFound, "no table"))};
  EXPECT_EQ(model::ReasonOf(Get().status()), Reason::kResourceNotFound);
  EXPECT_THAT(stub_->calls, SizeIs(1));
}

TEST_F(RetryTest, RetryThenSuccess) {
  stub_->replies = {Lost(), Throttled(), Found()};
  EXPECT_TRUE(Get().ok());
  EXPECT_THAT(stub_->calls, SizeIs(3));
  EXPECT_THAT(
      stub_->waits,
      ElementsAre(
          AllOf(Ge(absl::Milliseconds(10)), Le(absl::Milliseconds(20))),
          AllOf(Ge(absl::Milliseconds(20)), Le(absl::Milliseconds(40)))));
}

TEST_F(RetryTest, RetriesExhausted) {
  stub_->replies = {Throttled()};
  EXPECT_EQ(model::ReasonOf(Get().status()), Reason::kThrottling);
  EXPECT_THAT(stub_->calls, SizeIs(4));
}

TEST_F(RetryTest, APlainWriteIsNotRepeatedWhenItMayHaveHappened) {
  stub_->replies = {Lost(), Done()};
  EXPECT_EQ(model::ReasonOf(Put()), Reason::kOutcomeUnknown);
  EXPECT_THAT(stub_->calls, SizeIs(1));

  stub_->replies = {Fails(MakeError(Reason::kOutcomeUnknown, "?")), Done()};
  EXPECT_EQ(model::ReasonOf(Put()), Reason::kOutcomeUnknown);
  EXPECT_THAT(stub_->calls, SizeIs(2));

  stub_->replies = {Fails(MakeError(Reason::kInternal, "bug")), Done()};
  EXPECT_EQ(model::ReasonOf(Put()), Reason::kInternal);
  EXPECT_THAT(stub_->calls, SizeIs(3));
}

TEST_F(RetryTest, APlainWriteIsRepeatedWhenItCertainlyDidNotHappen) {
  stub_->replies = {Refused(), Throttled(),
                    Fails(MakeError(Reason::kShuttingDown, "bye")), Done()};
  EXPECT_TRUE(Put().ok());
  EXPECT_THAT(stub_->calls, SizeIs(4));
}

TEST_F(RetryTest, AReadIsRepeatedWhenItsOutcomeIsUnknown) {
  stub_->replies = {Lost(), Fails(MakeError(Reason::kOutcomeUnknown, "?")),
                    Fails(MakeError(Reason::kInternal, "bug")), Found()};
  EXPECT_TRUE(Get().ok());
}

TEST_F(RetryTest, ATransactionIsRepeatedUnderOneToken) {
  const TransactWriteRequest request = {
      .actions = {TransactWriteRequest::Put{.table = "t", .item = {{"k", 1}}}}};
  stub_->replies = {Lost(), Done()};
  EXPECT_TRUE(client_->TransactWrite(request).ok());
  ASSERT_THAT(stub_->requests, SizeIs(2));
  EXPECT_EQ(stub_->requests[0], stub_->requests[1]);
  wire::TransactWriteItemsRequest sent;
  ASSERT_TRUE(sent.ParseFromString(stub_->requests[0]));
  EXPECT_THAT(sent.client_request_token(), SizeIs(32));
}

TEST_F(RetryTest, ATransactionThatIsNeverRepeatedNeedsNoToken) {
  auto stub = std::make_unique<FakeStub>(&clock_);
  FakeStub* const calls = stub.get();
  ClientOptions options;
  options.retry.max_attempts = 1;
  Client client(MakeRemoteConnection(options, std::move(stub), &clock_, 7));
  calls->replies = {Done()};
  TransactWriteRequest request = {
      .actions = {TransactWriteRequest::Put{.table = "t", .item = {{"k", 1}}}}};
  EXPECT_TRUE(client.TransactWrite(request).ok());
  request.token = "mine";
  EXPECT_TRUE(client.TransactWrite(request).ok());
  ASSERT_THAT(calls->requests, SizeIs(2));
  wire::TransactWriteItemsRequest sent;
  ASSERT_TRUE(sent.ParseFromString(calls->requests[0]));
  EXPECT_FALSE(sent.has_client_request_token());
  ASSERT_TRUE(sent.ParseFromString(calls->requests[1]));
  EXPECT_EQ(sent.client_request_token(), "mine");
}

TEST_F(RetryTest, TheDeadlineCountsForAllAttempts) {
  FakeStub::Reply slow = Lost();
  slow.takes = absl::Seconds(2);
  stub_->replies = {slow};
  EXPECT_EQ(client_
                ->GetItem({.table = "t", .key = {{"k", 1}}},
                          {.timeout = absl::Seconds(3)})
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
  ASSERT_THAT(stub_->timeouts, SizeIs(2));
  EXPECT_EQ(stub_->timeouts[0], absl::Seconds(3));
  EXPECT_LE(stub_->timeouts[1], absl::Seconds(1));
}

TEST_F(RetryTest, DamagedAnswersAreNotTaken) {
  stub_->replies = {{.response = "\x0a\x05garbage"}};
  EXPECT_EQ(model::ReasonOf(Get().status()), Reason::kDataLoss);
}

TEST_F(RetryTest, BatchesAskAgainForWhatWasLeft) {
  wire::BatchGetItemResponse first, second;
  (*first.mutable_responses())["t"].add_items(Item{{"k", 1}}.Encode());
  (*first.mutable_unprocessed_keys())["t"].add_keys(Item{{"k", 2}}.Encode());
  (*second.mutable_responses())["t"].add_items(Item{{"k", 2}}.Encode());
  stub_->replies = {{.response = first.SerializeAsString()},
                    {.response = second.SerializeAsString()}};
  const auto response = client_->BatchGet(
      {.tables = {{"t", {.keys = {{{"k", 1}}, {{"k", 2}}}}}}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->items.at("t"),
              ElementsAre(Item{{"k", 1}}, Item{{"k", 2}}));
  EXPECT_TRUE(response->unprocessed.empty());
  EXPECT_THAT(stub_->waits, SizeIs(1));
  wire::BatchGetItemRequest again;
  ASSERT_TRUE(again.ParseFromString(stub_->requests[1]));
  EXPECT_EQ(again.request_items().at("t").keys_size(), 1);
}

TEST_F(RetryTest, ABatchThatMakesNoProgressReturnsTheRest) {
  wire::BatchWriteItemResponse nothing;
  (*nothing.mutable_unprocessed_items())["t"]
      .add_requests()
      ->mutable_put_request()
      ->set_item(Item{{"k", 1}}.Encode());
  stub_->replies = {{.response = nothing.SerializeAsString()}};
  const auto response =
      client_->BatchWrite({.tables = {{"t", {.puts = {{{"k", 1}}}}}}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->unprocessed.at("t").puts, ElementsAre(Item{{"k", 1}}));
  EXPECT_THAT(stub_->calls, SizeIs(4));
}

std::string StreamedPage(int key, const std::string& token) {
  wire::StreamScanResponse page;
  page.add_items(Item{{"k", key}}.Encode());
  page.set_count(1);
  page.set_scanned_count(1);
  if (!token.empty()) page.set_resume_token(token);
  return page.SerializeAsString();
}

std::string Read(ItemRange range) {
  std::string text;
  for (const absl::StatusOr<Item>& item : range) {
    text += item.ok() ? item->at("k").AsNumber()->text()
                      : std::string(item.status().message());
    text += ' ';
  }
  return text;
}

TEST_F(RetryTest, AStreamGoesOnWhereItBroke) {
  stub_->replies = {{.response = StreamedPage(1, "one")},
                    Lost(),
                    {.response = StreamedPage(2, "two")},
                    Refused(),
                    Lost(),
                    {.response = StreamedPage(3, "")}};
  EXPECT_EQ(Read(client_->StreamScan({.table = "t", .limit = 9})), "1 2 3 ");
  ASSERT_THAT(stub_->requests, SizeIs(4));
  wire::StreamScanRequest request;
  ASSERT_TRUE(request.ParseFromString(stub_->requests[1]));
  EXPECT_EQ(request.resume_token(), "one");
  EXPECT_EQ(request.scan().limit(), 8);
  ASSERT_TRUE(request.ParseFromString(stub_->requests[3]));
  EXPECT_EQ(request.resume_token(), "two");
}

TEST_F(RetryTest, AStreamThatCannotGoOnSaysWhy) {
  stub_->replies = {{.response = StreamedPage(1, "one")},
                    Fails(MakeError(Reason::kResourceNotFound, "gone"))};
  EXPECT_EQ(Read(client_->StreamScan({.table = "t"})), "1 gone ");
}

TEST(RetryPolicyTest, WaitsGrowToTheirLimitAndVary) {
  const RetryPolicy policy({.max_attempts = 100,
                            .first_backoff = absl::Milliseconds(10),
                            .max_backoff = absl::Milliseconds(100)});
  const Failure failure{.status = absl::UnavailableError("")};
  Random random(1);
  std::vector<absl::Duration> waits;
  for (int attempt = 6; attempt <= 100; ++attempt) {
    waits.push_back(*policy.Wait(failure, Repeat::kSafe, attempt, random));
  }
  EXPECT_THAT(waits, Each(AllOf(Ge(absl::Milliseconds(50)),
                                Le(absl::Milliseconds(100)))));
  EXPECT_NE(waits[0], waits[1]);
}

TEST(RetryPolicyTest, WhatRanOutOfTimeOrWasCancelledIsOver) {
  for (const Repeat repeat : {Repeat::kSafe, Repeat::kOnce}) {
    EXPECT_FALSE(RetryPolicy::MayRepeat(
        {MakeError(Reason::kDeadlineExceeded, ""), true}, repeat));
    EXPECT_FALSE(RetryPolicy::MayRepeat(
        {MakeError(Reason::kCancelled, ""), true}, repeat));
    EXPECT_FALSE(
        RetryPolicy::MayRepeat({MakeError(Reason::kDataLoss, "")}, repeat));
  }
}

}  // namespace
}  // namespace pallet
