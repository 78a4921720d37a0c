// SPDX-License-Identifier: Apache-2.0
#include "service/error_details.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "service/operation.h"

namespace pallet::service {
namespace {

using model::MakeError;
using model::Reason;

google::rpc::Status Encoded(const absl::Status& status) {
  google::rpc::Status result;
  EXPECT_TRUE(result.ParseFromString(EncodeError(status)));
  return result;
}

// The detail of type T; nullopt unless there is exactly one.
template <typename T>
std::optional<T> DetailOf(const google::rpc::Status& status) {
  std::optional<T> found;
  for (const auto& any : status.details()) {
    if (!any.Is<T>()) continue;
    if (found.has_value()) return std::nullopt;
    any.UnpackTo(&found.emplace());
  }
  return found;
}

TEST(ErrorDetailsTest, Example) {
  const auto status =
      Encoded(MakeError(Reason::kResourceNotFound, "no table Places"));
  EXPECT_EQ(status.code(), 5);  // NOT_FOUND
  EXPECT_EQ(status.message(), "no table Places");
  const auto info = DetailOf<google::rpc::ErrorInfo>(status).value();
  EXPECT_EQ(info.reason(), "RESOURCE_NOT_FOUND");
  EXPECT_EQ(info.domain(), "pallet");
  EXPECT_EQ(info.metadata().at("dynamodb"), "ResourceNotFoundException");
  EXPECT_TRUE(DetailOf<google::rpc::ResourceInfo>(status).has_value());
}

TEST(ErrorDetailsTest, EveryReasonHasOneErrorInfoAndItsCode) {
  for (const model::ReasonInfo& reason : model::AllReasons()) {
    const auto status = Encoded(MakeError(reason.reason, "why"));
    EXPECT_EQ(status.code(), static_cast<int>(reason.code));
    const auto info = DetailOf<google::rpc::ErrorInfo>(status);
    ASSERT_TRUE(info.has_value()) << reason.name;
    EXPECT_EQ(info->reason(), reason.name);
  }
}

TEST(ErrorDetailsTest, ThrottlingSaysHowLongToWait) {
  const auto status = Encoded(MakeError(Reason::kThrottling, "full"));
  const auto retry = DetailOf<google::rpc::RetryInfo>(status).value();
  EXPECT_EQ(retry.retry_delay().seconds(), 0);
  EXPECT_EQ(retry.retry_delay().nanos(),
            absl::ToInt64Nanoseconds(kThrottlingDelay));
  EXPECT_TRUE(DetailOf<google::rpc::QuotaFailure>(status).has_value());
}

TEST(ErrorDetailsTest, ValidationAndConditionsHaveTheirDetails) {
  const auto bad = Encoded(model::ValidationError("bad key"));
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(bad)
                .value()
                .field_violations(0)
                .description(),
            "bad key");
  const auto failed =
      Encoded(MakeError(Reason::kConditionalCheckFailed, "condition"));
  EXPECT_EQ(DetailOf<google::rpc::PreconditionFailure>(failed)
                .value()
                .violations(0)
                .type(),
            "CONDITIONAL_CHECK_FAILED");
}

TEST(ErrorDetailsTest, ErrorsMakeOwnDetailsStandInForDefaults) {
  absl::Status error = MakeError(Reason::kResourceNotFound, "gone");
  google::rpc::ResourceInfo table;
  table.set_resource_type("table");
  table.set_resource_name("Places");
  AddDetail(table, &error);
  const auto status = Encoded(error);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status).value().resource_name(),
            "Places");
}

TEST(ErrorDetailsTest, AnErrorWithoutAReasonIsInternal) {
  const auto status = Encoded(absl::InternalError("bug"));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).value().reason(),
            "INTERNAL");
}

TEST(ErrorDetailsTest, TrailersStaySmall) {
  absl::Status error = MakeError(Reason::kConditionalCheckFailed,
                                 std::string(model::kMaxMessageBytes, 'm'));
  v1::ConditionalCheckFailure failure;
  (*failure.mutable_item()->mutable_attributes())["a"].set_s(
      std::string(100000, 'x'));
  AddDetail(failure, &error);

  EXPECT_GT(EncodeError(error).size(), 100000u);
  const std::string trailers = EncodeErrorForTrailers(error);
  EXPECT_LE(trailers.size(), kMaxTrailerDetails);
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(trailers));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).value().reason(),
            "CONDITIONAL_CHECK_FAILED");
}

TEST(ErrorDetailsTest, SmallDetailsFitTheTrailers) {
  absl::Status error = MakeError(Reason::kConditionalCheckFailed, "no");
  v1::ConditionalCheckFailure failure;
  (*failure.mutable_item()->mutable_attributes())["a"].set_s("x");
  AddDetail(failure, &error);
  EXPECT_EQ(EncodeErrorForTrailers(error), EncodeError(error));
}

// A hundred reasons with large items: the codes fit.
TEST(ErrorDetailsTest, ReasonsOfATransactionShrinkToFitTheTrailers) {
  for (const bool messages : {false, true}) {
    v1::TransactionCancellation detail;
    for (int i = 0; i < 100; ++i) {
      auto* reason = detail.add_cancellation_reasons();
      reason->set_code("TransactionConflict");
      if (messages) reason->set_message(std::string(50, 'm'));
      (*reason->mutable_item()->mutable_attributes())["v"].set_s(
          std::string(1000, 'x'));
    }
    absl::Status error = MakeError(Reason::kTransactionCanceled, "cancelled");
    AddDetail(detail, &error);
    const std::string encoded = EncodeErrorForTrailers(error);
    EXPECT_LE(encoded.size(), kMaxTrailerDetails);
    google::rpc::Status status;
    ASSERT_TRUE(status.ParseFromString(encoded));
    const auto told = DetailOf<v1::TransactionCancellation>(status);
    ASSERT_TRUE(told.has_value());
    ASSERT_EQ(told->cancellation_reasons_size(), 100);
    EXPECT_EQ(told->cancellation_reasons(99).code(), "TransactionConflict");
    EXPECT_FALSE(told->cancellation_reasons(99).has_item());
  }
}

TEST(ErrorDetailsTest, MessagesAreCutAtACharacter) {
  std::string text(kMaxTrailerMessage - 1, 'a');
  text += "\xC3\xA9";  // two bytes across the limit
  EXPECT_EQ(TrailerMessage(text).size(), kMaxTrailerMessage - 1);
  EXPECT_EQ(TrailerMessage("short"), "short");
}

}  // namespace
}  // namespace pallet::service
