// SPDX-License-Identifier: Apache-2.0
//
// The client over real gRPC against a fake service in this process: frames,
// order, deadlines, broken streams, what is repeated and what is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "client/client.h"
#include "google/rpc/error_details.pb.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "pallet/wire/v1/query.pb.h"
#include "tests/unit/client/fake_service.h"

namespace pallet {
namespace {

using model::Reason;
using testing::FakeService;

class GrpcStubTest : public ::testing::Test {
 protected:
  GrpcStubTest() { service_.Start(); }

  Client Connect(ClientOptions options = {}) {
    options.address = service_.address();
    options.timeout = absl::Seconds(60);
    absl::StatusOr<Client> client = Client::Connect(options);
    CHECK(client.ok()) << client.status();
    return *std::move(client);
  }

  static absl::StatusOr<GetItemResponse> Get(Client& client, int key) {
    return client.GetItem({.table = "t", .key = {{"k", key}}});
  }
  static absl::Status Put(Client& client, int key) {
    return client.PutItem({.table = "t", .item = {{"k", key}}}).status();
  }

  // Makes all at once; each must find its key.
  void GetMany(Client& client, int count) {
    absl::BlockingCounter left(count);
    std::atomic<int> found = 0;
    for (int i = 0; i < count; ++i) {
      client.GetItemAsync(
          {.table = "t", .key = {{"k", i}}},
          [&, i](absl::StatusOr<GetItemResponse> response) {
            EXPECT_TRUE(response.ok()) << response.status();
            found += response.ok() && response->item == Item{{"k", i}};
            left.DecrementCount();
          });
    }
    left.Wait();
    EXPECT_EQ(found, count);
  }

  FakeService service_;
};

TEST_F(GrpcStubTest, Example) {
  Client client = Connect();
  const auto response = Get(client, 1);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->item, (Item{{"k", 1}}));
  EXPECT_TRUE(Put(client, 2).ok());
  EXPECT_EQ(service_.streams, 1);
  EXPECT_EQ(service_.operations, 2);
}

TEST_F(GrpcStubTest, OperationsThatWaitShareFrames) {
  Client client = Connect();
  GetMany(client, 5000);
  EXPECT_EQ(service_.operations, 5000);
  EXPECT_LT(service_.frames, 2500);
  EXPECT_EQ(service_.streams, 1);
}

TEST_F(GrpcStubTest, AnswersComeInAnyOrder) {
  service_.reverse = true;
  Client client = Connect();
  GetMany(client, 1000);
}

TEST_F(GrpcStubTest, ManyThreadsWait) {
  Client client = Connect();
  std::atomic<int> found = 0;
  {
    std::vector<Thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back("getter", [&, t] {
        for (int i = 0; i < 200; ++i) {
          const auto response = Get(client, t * 1000 + i);
          found += response.ok() && response->item == Item{{"k", t * 1000 + i}};
        }
      });
    }
  }
  EXPECT_EQ(found, 1600);
}

TEST_F(GrpcStubTest, ADeadlinePassesByItself) {
  service_.on_operation = [](const v1::PipelineOperation& operation)
      -> std::optional<v1::PipelineResult> {
    if (operation.has_put_item()) return std::nullopt;
    v1::PipelineResult result;
    result.mutable_get_item();
    return result;
  };
  Client client = Connect();
  const absl::Duration start = Clock::Real()->Monotonic();
  const absl::Status status =
      client.PutItem({.table = "t"}, {.timeout = absl::Milliseconds(50)})
          .status();
  EXPECT_EQ(model::ReasonOf(status), Reason::kDeadlineExceeded);
  EXPECT_GE(Clock::Real()->Monotonic() - start, absl::Milliseconds(50));
  EXPECT_LT(Clock::Real()->Monotonic() - start, absl::Seconds(5));
  // The stream goes on.
  EXPECT_TRUE(Get(client, 1).ok());
  EXPECT_EQ(service_.streams, 1);
}

TEST_F(GrpcStubTest, ShortDeadlinesPassBeforeLongOnes) {
  service_.on_operation = [](const v1::PipelineOperation&) {
    return std::nullopt;
  };
  Client client = Connect();
  absl::Notification long_one;
  client.PutItemAsync(
      {.table = "t"},
      [&](absl::StatusOr<PutItemResponse>) { long_one.Notify(); },
      {.timeout = absl::Seconds(300)});
  EXPECT_EQ(
      model::ReasonOf(
          client.PutItem({.table = "t"}, {.timeout = absl::Milliseconds(30)})
              .status()),
      Reason::kDeadlineExceeded);
  EXPECT_FALSE(long_one.HasBeenNotified());
  // The client's end answers what is left.
  client = Client(nullptr);
  EXPECT_TRUE(long_one.HasBeenNotified());
}

TEST_F(GrpcStubTest, ABrokenStreamRepeatsReadsOnly) {
  Client client = Connect();
  ASSERT_TRUE(Get(client, 0).ok());

  service_.frames_to_break = 2;
  EXPECT_TRUE(Get(client, 1).ok());
  EXPECT_EQ(service_.operations, 4);

  service_.frames_to_break = 1;
  EXPECT_EQ(model::ReasonOf(Put(client, 2)), Reason::kOutcomeUnknown);
  EXPECT_EQ(service_.operations, 5);
  EXPECT_TRUE(Put(client, 3).ok());
}

TEST_F(GrpcStubTest, BreakingUnderLoadLosesNoCall) {
  Client client = Connect();
  service_.frames_to_break = 5;
  GetMany(client, 2000);
}

TEST_F(GrpcStubTest, AWriteThatWasNeverSentIsRepeated) {
  service_.Stop();
  for (const bool unary : {false, true}) {
    ClientOptions options;
    options.unary_calls = unary;
    options.retry.max_attempts = 1;
    Client once = Connect(options);
    const absl::Status status = Put(once, 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  }
  // The service comes up while the write is being repeated.
  ClientOptions options;
  options.retry.max_attempts = 1000;
  Client client = Connect(options);
  absl::Notification answered;
  absl::Status status = absl::UnknownError("");
  client.PutItemAsync({.table = "t"},
                      [&](absl::StatusOr<PutItemResponse> response) {
                        status = response.status();
                        answered.Notify();
                      });
  EXPECT_FALSE(answered.WaitForNotificationWithTimeout(absl::Milliseconds(50)));
  service_.Start();
  answered.WaitForNotification();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(service_.operations, 1);
}

TEST_F(GrpcStubTest, TheConnectionComesBack) {
  Client client = Connect();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Put(client, round).ok());
    service_.Stop();
    service_.Start();
    // The stream's end may be noticed after the write is sent.
    ASSERT_TRUE(Get(client, round).ok());
  }
}

TEST_F(GrpcStubTest, ErrorsCarryReasonAndDetails) {
  service_.on_operation = [](const v1::PipelineOperation& operation) {
    v1::PipelineResult result;
    result.mutable_error()->set_code(9);
    result.mutable_error()->set_message("The conditional request failed");
    google::rpc::ErrorInfo info;
    info.set_reason("CONDITIONAL_CHECK_FAILED");
    result.mutable_error()->add_details()->PackFrom(info);
    v1::ConditionalCheckFailure failure;
    *failure.mutable_item() = operation.put_item().item();
    result.mutable_error()->add_details()->PackFrom(failure);
    return result;
  };
  Client client = Connect();
  const absl::Status status = Put(client, 5);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(model::ReasonOf(status), Reason::kConditionalCheckFailed);
  EXPECT_EQ(status.message(), "The conditional request failed");
  EXPECT_EQ(FailedItem(status), (Item{{"k", 5}}));
}

TEST_F(GrpcStubTest, UnaryErrorsCarryTheirReasonToo) {
  google::rpc::ErrorInfo info;
  info.set_reason("RESOURCE_NOT_FOUND");
  google::rpc::Status details;
  details.set_code(5);
  details.set_message("no such table");
  details.add_details()->PackFrom(info);
  service_.on_call = [&](const std::string& method, const std::string&) {
    EXPECT_EQ(method, "/pallet.v1.TableService/DescribeTable");
    return FakeService::Answer{
        .messages = {},
        .status = grpc::Status(grpc::StatusCode::NOT_FOUND, "no such table",
                               details.SerializeAsString())};
  };
  Client client = Connect();
  const absl::Status status = client.DescribeTable({.table = "t"}).status();
  EXPECT_EQ(model::ReasonOf(status), Reason::kResourceNotFound);
}

TEST_F(GrpcStubTest, UnaryCallsWorkToo) {
  service_.on_call = [&](const std::string& method, const std::string& bytes) {
    EXPECT_EQ(method, "/pallet.v1.ItemService/GetItem");
    v1::GetItemRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes));
    v1::GetItemResponse response;
    *response.mutable_item() = request.key();
    return FakeService::Answer{.messages = {response.SerializeAsString()},
                               .status = grpc::Status::OK};
  };
  ClientOptions options;
  options.unary_calls = true;
  Client client = Connect(options);
  GetMany(client, 200);
  EXPECT_EQ(service_.streams, 0);
}

TEST_F(GrpcStubTest, TablesGoThereAndBack) {
  service_.on_call = [&](const std::string& method, const std::string& bytes) {
    EXPECT_EQ(method, "/pallet.v1.TableService/CreateTable");
    v1::CreateTableRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes));
    v1::CreateTableResponse response;
    v1::TableDescription& table = *response.mutable_table_description();
    table.set_table_name(request.table_name());
    *table.mutable_key_schema() = request.key_schema();
    *table.mutable_attribute_definitions() = request.attribute_definitions();
    table.set_table_status(v1::TABLE_STATUS_ACTIVE);
    table.set_item_count(7);
    return FakeService::Answer{.messages = {response.SerializeAsString()},
                               .status = grpc::Status::OK};
  };
  Client client = Connect();
  const KeySchema key = {.partition = {.name = "p"},
                         .sort = KeyAttribute{"s", ScalarType::kNumber}};
  const auto table = client.CreateTable({.table = "t", .key = key});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->name, "t");
  EXPECT_EQ(table->key, key);
  EXPECT_EQ(table->state, TableState::kActive);
  EXPECT_EQ(table->item_count, 7);
}

std::string Page(int key, const std::string& token) {
  wire::v1::StreamScanResponse page;
  page.add_items(Item{{"k", key}}.Encode());
  if (!token.empty()) page.set_resume_token(token);
  return page.SerializeAsString();
}

TEST_F(GrpcStubTest, AStreamIsTakenUpAgainWhereItBroke) {
  std::vector<std::string> tokens;
  service_.on_call = [&](const std::string& method, const std::string& bytes) {
    EXPECT_EQ(method, "/pallet.v1.ItemService/StreamScan");
    wire::v1::StreamScanRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes));
    tokens.push_back(request.resume_token());
    if (request.resume_token() == "2") {
      return FakeService::Answer{.messages = {Page(3, "3"), Page(4, "")},
                                 .status = grpc::Status::OK};
    }
    return FakeService::Answer{
        .messages = {Page(1, "1"), Page(2, "2")},
        .status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone")};
  };
  Client client = Connect();
  int next = 1;
  for (const auto& item : client.StreamScan({.table = "t"})) {
    ASSERT_TRUE(item.ok()) << item.status();
    EXPECT_EQ(item->at("k"), Value(next++));
  }
  EXPECT_EQ(next, 5);
  EXPECT_EQ(tokens, (std::vector<std::string>{"", "2"}));
}

TEST_F(GrpcStubTest, AStreamMayBeDroppedHalfRead) {
  service_.on_call = [&](const std::string&, const std::string&) {
    return FakeService::Answer{
        .messages = std::vector<std::string>(1000, Page(1, "1")),
        .status = grpc::Status::OK};
  };
  Client client = Connect();
  for (int round = 0; round < 20; ++round) {
    int count = 0;
    for (const auto& item : client.StreamScan({.table = "t"})) {
      ASSERT_TRUE(item.ok());
      if (++count == round) break;
    }
  }
}

TEST_F(GrpcStubTest, WhatWaitsIsBounded) {
  ClientOptions options;
  options.max_waiting_bytes = 1;
  options.retry.max_attempts = 1;
  Client client = Connect(options);
  constexpr int kCount = 2000;
  absl::BlockingCounter left(kCount);
  std::atomic<int> throttled = 0, found = 0;
  for (int i = 0; i < kCount; ++i) {
    client.GetItemAsync({.table = "t", .key = {{"k", i}}},
                        [&](absl::StatusOr<GetItemResponse> response) {
                          response.ok() ? ++found : ++throttled;
                          if (!response.ok()) {
                            EXPECT_EQ(model::ReasonOf(response.status()),
                                      Reason::kThrottling);
                          }
                          left.DecrementCount();
                        });
  }
  left.Wait();
  EXPECT_GT(found, 0);
  EXPECT_GT(throttled, 0);
}

TEST_F(GrpcStubTest, AMessageTooLargeHarmsNobodyElse) {
  Client client = Connect();
  EXPECT_EQ(model::ReasonOf(
                client
                    .PutItem({.table = "t",
                              .item = {{"k", std::string(17 << 20, 'x')}}})
                    .status()),
            Reason::kValidation);
  EXPECT_TRUE(Put(client, 1).ok());
  EXPECT_EQ(service_.streams, 1);
}

TEST(ClientTest, ConnectChecksItsOptions) {
  EXPECT_EQ(model::ReasonOf(Client::Connect({.address = ""}).status()),
            Reason::kValidation);
  EXPECT_EQ(model::ReasonOf(
                Client::Connect({.timeout = absl::ZeroDuration()}).status()),
            Reason::kValidation);
}

}  // namespace
}  // namespace pallet
