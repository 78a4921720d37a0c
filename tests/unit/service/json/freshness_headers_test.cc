// SPDX-License-Identifier: Apache-2.0
#include "service/json/freshness_headers.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "pallet/wire/v1/batch.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"
#include "service/wire.h"

namespace pallet::service::json {
namespace {

using ::testing::HasSubstr;
using Headers = std::vector<std::pair<std::string, std::string>>;

HttpRequest With(const Headers& headers) {
  HttpRequest request;
  for (const auto& [name, value] : headers) request.AddHeader(name, value);
  return request;
}

// What a Query of the index "i" asks for with these headers, or its error.
std::string Asked(const Headers& headers) {
  wire::QueryRequest query;
  query.set_index_name("i");
  std::string encoded = query.SerializeAsString();
  const absl::Status status = AppendFreshness(
      With(headers), wire::QueryRequest::kFreshnessFieldNumber, &encoded);
  if (!status.ok()) {
    EXPECT_EQ(model::ReasonOf(status), model::Reason::kValidation);
    return std::string(status.message());
  }
  EXPECT_TRUE(query.ParseFromString(encoded));
  EXPECT_EQ(query.index_name(), "i");
  return query.freshness().ShortDebugString();
}

TEST(FreshnessHeadersTest, Example) {
  EXPECT_EQ(Asked({{"X-Pallet-Consistency", "strong"},
                   {"X-Pallet-Positions", "YWI=, Y2Q="},
                   {"X-Pallet-Max-Staleness-Ms", "1500"},
                   {"X-Pallet-Wait-Ms", "0"}}),
            "strong: true positions: \"ab\" positions: \"cd\" max_staleness { "
            "seconds: 1 nanos: 500000000 } max_wait { }");
}

TEST(FreshnessHeadersTest, WithoutThemNothingIsAsked) {
  const Headers others = {{"Host", "x"}, {"X-Pallet-Else", "strong"}};
  wire::QueryRequest query;
  std::string encoded;
  EXPECT_TRUE(AppendFreshness(With(others),
                              wire::QueryRequest::kFreshnessFieldNumber,
                              &encoded)
                  .ok());
  EXPECT_EQ(encoded, "");
  EXPECT_EQ(Asked({{"x-pallet-consistency", "eventual"}}), "");
}

TEST(FreshnessHeadersTest, OperationsThatReadNothingDoNotLook) {
  std::string encoded = "as it was";
  EXPECT_TRUE(
      AppendFreshness(With({{"x-pallet-wait-ms", "never"}}), 0, &encoded).ok());
  EXPECT_EQ(encoded, "as it was");
}

TEST(FreshnessHeadersTest, WrongValuesAreRefusedByTheHeadersName) {
  for (const auto& [name, value] :
       Headers{{"x-pallet-consistency", "weak"},
               {"x-pallet-consistency", ""},
               {"x-pallet-positions", ""},
               {"x-pallet-positions", "YWI=,"},
               {"x-pallet-positions", "YWI"},
               {"x-pallet-positions", "?"},
               {"x-pallet-max-staleness-ms", "-1"},
               {"x-pallet-max-staleness-ms", "1.5"},
               {"x-pallet-max-staleness-ms", "99999999999999999999"},
               {"x-pallet-wait-ms", "1s"},
               {"x-pallet-wait-ms", ""}}) {
    EXPECT_THAT(Asked({{name, value}}),
                HasSubstr(absl::StrCat("the header ", name, " must be ")))
        << value;
  }
}

TEST(FreshnessHeadersTest, PositionsOfAnswersBecomeOneLine) {
  wire::PutItemResponse put;
  put.set_attributes("some item");
  put.mutable_consumed_capacity()->set_capacity_units(1);
  constexpr uint32_t kPosition = wire::PutItemResponse::kPositionFieldNumber;
  EXPECT_EQ(PositionLine(kPosition, put.SerializeAsString()), "");
  put.set_position("ab");
  EXPECT_EQ(PositionLine(kPosition, put.SerializeAsString()),
            "x-pallet-position: YWI=\r\n");
  EXPECT_EQ(PositionLine(0, put.SerializeAsString()), "");
  EXPECT_EQ(PositionLine(kPosition, ""), "");
  wire::BatchWriteItemResponse batch;
  batch.add_positions("ab");
  batch.add_positions("cd");
  EXPECT_EQ(PositionLine(wire::BatchWriteItemResponse::kPositionsFieldNumber,
                         batch.SerializeAsString()),
            "x-pallet-position: YWI=,Y2Q=\r\n");
}

}  // namespace
}  // namespace pallet::service::json
