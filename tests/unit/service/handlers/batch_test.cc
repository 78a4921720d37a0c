// SPDX-License-Identifier: Apache-2.0
//
// BatchGetItem and BatchWriteItem: counts at and over, duplicates, what is left
// unprocessed.
#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "model/errors.h"
#include "pallet/v1/batch.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class BatchTest : public HandlerTest {
 protected:
  static std::string Table(absl::string_view name, absl::string_view value) {
    return absl::StrCat(" request_items { key: '", name, "' value {", value,
                        "} }");
  }
  static std::string Key(absl::string_view key) {
    return absl::StrCat(" keys {", key, "}");
  }
  static std::string PutOf(absl::string_view item) {
    return absl::StrCat(" requests { put_request { item {", item, "} } }");
  }
  static std::string DeleteOf(absl::string_view key) {
    return absl::StrCat(" requests { delete_request { key {", key, "} } }");
  }
  static std::string Keys(int count) {
    std::string keys;
    for (int i = 0; i < count; ++i) keys += Key(Plain(absl::StrCat(i)));
    return keys;
  }
  static std::string Puts(int count) {
    std::string puts;
    for (int i = 0; i < count; ++i) puts += PutOf(Plain(absl::StrCat(i)));
    return puts;
  }
  std::string Get(absl::string_view request) {
    return Call("BatchGetItem", request);
  }
  std::string Write(absl::string_view request) {
    return Call("BatchWriteItem", request);
  }
  std::string CountOf(absl::string_view table) {
    return Call("Scan",
                absl::StrCat("table_name: '", table, "' select: SELECT_COUNT"));
  }
  template <typename Response>
  static Response Parse(const std::string& text) {
    Response response;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response;
  }
};

TEST_F(BatchTest, Example) {
  EXPECT_EQ(Write(Table("plain", PutOf(Plain("a")) + PutOf(Plain("b"))) +
                  Table("pairs", PutOf(Pair("c", 1)))),
            "");
  EXPECT_EQ(Write(Table("plain", DeleteOf(Plain("a")))), "");
  const auto response = Parse<v1::BatchGetItemResponse>(
      Get(Table("plain", Key(Plain("a")) + Key(Plain("b"))) +
          Table("pairs", Key(Pair("c", 1)))));
  EXPECT_EQ(response.responses().at("plain").ShortDebugString(),
            "items { attributes { key: \"pk\" value { s: \"b\" } } }");
  EXPECT_EQ(response.responses().at("pairs").items_size(), 1);
  EXPECT_TRUE(response.unprocessed_keys().empty());
}

TEST_F(BatchTest, TablesWithoutAnyItemAreInTheResponse) {
  EXPECT_EQ(Get(Table("plain", Key(Plain("none")))),
            "responses { key: \"plain\" value { } }");
}

TEST_F(BatchTest, CountsHaveTheirLimits) {
  EXPECT_EQ(Get(""),
            "VALIDATION: The requestItems parameter is required for "
            "BatchGetItem");
  EXPECT_THAT(Get(Table("plain", Keys(100))), StartsWith("responses"));
  EXPECT_EQ(Get(Table("plain", Keys(101))),
            "VALIDATION: 1 validation error detected: Value at "
            "'RequestItems.plain.member.Keys' failed to satisfy constraint: "
            "Member must have length less than or equal to 100");
  EXPECT_EQ(Get(Table("plain", Keys(100)) + Table("pairs", Key(Pair("a", 1)))),
            "VALIDATION: Too many items requested for the BatchGetItem call");
  EXPECT_THAT(Get(Table("plain", "")),
              HasSubstr("length greater than or equal to 1"));

  EXPECT_EQ(Write(""),
            "VALIDATION: The requestItems parameter is required for "
            "BatchWriteItem");
  EXPECT_EQ(Write(Table("plain", Puts(25))), "");
  EXPECT_THAT(Write(Table("plain", Puts(26))),
              HasSubstr("length less than or equal to 25"));
  EXPECT_EQ(
      Write(Table("plain", Puts(25)) + Table("pairs", PutOf(Pair("a", 1)))),
      "VALIDATION: Too many items requested for the BatchWriteItem call");
  EXPECT_EQ(CountOf("pairs"), "");
}

TEST_F(BatchTest, DuplicatesAreRefusedByValue) {
  const std::string refusal =
      "VALIDATION: Provided list of item keys contains duplicates";
  const std::string one = S("pk", "a") + N("sk", "1");
  const std::string uno = S("pk", "a") + N("sk", "1.0");
  EXPECT_EQ(Get(Table("pairs", Key(one) + Key(uno))), refusal);
  EXPECT_EQ(Write(Table("pairs", PutOf(one) + DeleteOf(uno))), refusal);
  // One table under two names is one table.
  EXPECT_EQ(Write(Table("pairs", PutOf(one)) +
                  Table("arn:aws:dynamodb:local:000000000000:table/pairs",
                        DeleteOf(one))),
            refusal);
  EXPECT_EQ(CountOf("pairs"), "");
}

TEST_F(BatchTest, OneBadMemberStopsTheWholeBatch) {
  EXPECT_THAT(Write(Table("plain", PutOf(Plain("a")) + PutOf(S("other", "x")))),
              HasSubstr("Missing the key pk in the item"));
  EXPECT_THAT(Write(Table("plain", PutOf(Plain("a"))) +
                    Table("nowhere", PutOf(Plain("a")))),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Write(Table("plain", PutOf(Plain("a")) + " requests { }")),
              HasSubstr("exactly one of PutRequest and DeleteRequest"));
  EXPECT_THAT(
      Write(Table("plain",
                  PutOf(Plain("a")) +
                      PutOf(Plain("b") + S("v", std::string(409600, 'x'))))),
      HasSubstr("Item size has exceeded"));
  EXPECT_EQ(CountOf("plain"), "");
  EXPECT_THAT(Get(Table("plain", Key(N("pk", "1")))),
              HasSubstr("does not match the schema"));
}

TEST_F(BatchTest, ReadsStopAtSixteenMegabytesAndTellTheRest) {
  // 300,000 bytes each: 55 fit into 16 MB.
  const std::string value(299900, 'x');
  for (int i = 0; i < 60; ++i) {
    Put("plain", Plain(absl::StrCat(i)) + S("v", value));
  }
  const auto response = Parse<v1::BatchGetItemResponse>(
      Get(Table("plain", Keys(60) + " consistent_read: true")));
  EXPECT_EQ(response.responses().at("plain").items_size(), 55);
  const v1::KeysAndAttributes& left = response.unprocessed_keys().at("plain");
  EXPECT_EQ(left.keys_size(), 5);
  EXPECT_TRUE(left.consistent_read());
  EXPECT_THAT(Get(Table("plain", left.ShortDebugString())),
              StartsWith("responses"));
}

TEST_F(BatchTest, CapacityIsPerTableAndItem) {
  Put("plain", Plain("a"));
  EXPECT_THAT(Get(Table("plain", Key(Plain("a")) + Key(Plain("none")) +
                                     " consistent_read: true") +
                  "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL"),
              HasSubstr("consumed_capacity { table_name: \"plain\" "
                        "capacity_units: 2 }"));
  EXPECT_EQ(Write(Table("plain", PutOf(Plain("a")) + DeleteOf(Plain("b"))) +
                  "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_INDEXES"),
            "consumed_capacity { table_name: \"plain\" capacity_units: 2 "
            "table { capacity_units: 2 } }");
}

TEST_F(BatchTest, ABatchThatNoQueueTakesIsThrottledAsAWhole) {
  disk_.RefuseWrites(
      model::MakeError(model::Reason::kThrottling, "the inbox is full"));
  EXPECT_EQ(Write(Table("plain", Puts(10))), "THROTTLING: the inbox is full");
  disk_.RefuseWrites(absl::OkStatus());
  EXPECT_EQ(Write(Table("plain", Puts(10))), "");
  EXPECT_THAT(CountOf("plain"), HasSubstr("count: 10"));
}

TEST_F(BatchTest, AFullQueueLeavesItsShareUnprocessed) {
  disk_.RefuseWrites(
      model::MakeError(model::Reason::kThrottling, "the inbox is full"),
      "store-1");
  std::string left = Table("plain", Puts(25));
  const auto response = Parse<v1::BatchWriteItemResponse>(Write(left));
  const int unprocessed =
      response.unprocessed_items().at("plain").requests_size();
  EXPECT_GT(unprocessed, 0);
  EXPECT_LT(unprocessed, 25);
  EXPECT_THAT(CountOf("plain"),
              HasSubstr(absl::StrCat(" scanned_count: ", 25 - unprocessed)));

  // The rest is what a client sends again.
  disk_.RefuseWrites(absl::OkStatus());
  EXPECT_EQ(
      Write(Table("plain",
                  response.unprocessed_items().at("plain").ShortDebugString())),
      "");
  EXPECT_THAT(CountOf("plain"), HasSubstr("count: 25"));
}

TEST_F(BatchTest, AFencedStoreBesideOthersFailsTheBatch) {
  disk_.RefuseWrites(
      model::MakeError(model::Reason::kStoreFenced, "the disk failed"),
      "store-1");
  EXPECT_EQ(Write(Table("plain", Puts(25))), "STORE_FENCED: the disk failed");
}

TEST_F(BatchTest, AFencedStoreIsToldAsItIs) {
  disk_.RefuseWrites(
      model::MakeError(model::Reason::kStoreFenced, "the disk failed"));
  EXPECT_EQ(Write(Table("plain", Puts(10))), "STORE_FENCED: the disk failed");
}

TEST_F(BatchTest, NothingIsDoneForACallThatNobodyWaitsFor) {
  EXPECT_THAT(Call("BatchWriteItem", Table("plain", Puts(2)), PastDeadline()),
              StartsWith("DEADLINE_EXCEEDED"));
  EXPECT_THAT(Call("BatchGetItem", Table("plain", Keys(2)), Cancelled()),
              StartsWith("CANCELLED"));
  EXPECT_EQ(CountOf("plain"), "");
}

}  // namespace
}  // namespace pallet::service
