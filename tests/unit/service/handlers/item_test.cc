// SPDX-License-Identifier: Apache-2.0
//
// GetItem, PutItem and DeleteItem: what they do, their limits at and over, and
// the order and words of their refusals.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "model/errors.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ItemTest : public HandlerTest {
 protected:
  std::string Get(absl::string_view table, absl::string_view key,
                  absl::string_view more = "") {
    return Call("GetItem", absl::StrCat("table_name: '", table, "' key {", key,
                                        " } ", more));
  }
  std::string PutMore(absl::string_view item, absl::string_view more,
                      absl::string_view table = "plain") {
    return Call("PutItem", absl::StrCat("table_name: '", table, "' item {",
                                        item, " } ", more));
  }
  std::string Delete(absl::string_view table, absl::string_view key,
                     absl::string_view more = "") {
    return Call("DeleteItem", absl::StrCat("table_name: '", table, "' key {",
                                           key, " } ", more));
  }
};

TEST_F(ItemTest, Example) {
  EXPECT_EQ(PutMore(Pair("de", 7) + S("name", "Ulm"), "", "pairs"), "");
  EXPECT_EQ(Get("pairs", Pair("de", 7)),
            "item { attributes { key: \"name\" value { s: \"Ulm\" } } "
            "attributes { key: \"pk\" value { s: \"de\" } } "
            "attributes { key: \"sk\" value { n: \"7\" } } }");
  EXPECT_EQ(Delete("pairs", Pair("de", 7)), "");
  EXPECT_EQ(Get("pairs", Pair("de", 7)), "");
}

TEST_F(ItemTest, PutReplacesTheWholeItemAndReturnsTheOldOneIfAsked) {
  Put("plain", Plain("a") + S("old", "x"));
  EXPECT_EQ(PutMore(Plain("a") + S("new", "y"),
                    "return_values: RETURN_VALUE_ALL_OLD"),
            "attributes { attributes { key: \"old\" value { s: \"x\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } }");
  EXPECT_THAT(Get("plain", Plain("a")), Not(HasSubstr("old")));
  EXPECT_EQ(PutMore(Plain("b"), "return_values: RETURN_VALUE_ALL_OLD"), "");
}

TEST_F(ItemTest, DeleteReturnsTheOldItemIfAskedAndForgivesItsAbsence) {
  Put("plain", Plain("a"));
  EXPECT_EQ(Delete("plain", Plain("a"), "return_values: RETURN_VALUE_ALL_OLD"),
            "attributes { attributes { key: \"pk\" value { s: \"a\" } } }");
  EXPECT_EQ(Delete("plain", Plain("a"), "return_values: RETURN_VALUE_ALL_OLD"),
            "");
}

TEST_F(ItemTest, NumbersComeBackPlainAndKeysAreEqualByValue) {
  Put("pairs", S("pk", "a") + N("sk", "1e3") + N("v", "-0.50"));
  EXPECT_EQ(Get("pairs", Pair("a", 1000)),
            "item { attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"sk\" value { n: \"1000\" } } "
            "attributes { key: \"v\" value { n: \"-0.5\" } } }");
}

TEST_F(ItemTest, TablesAreFoundByArnOfAnyRegion) {
  Put("plain", Plain("a"));
  EXPECT_THAT(
      Get("arn:aws:dynamodb:eu-west-1:123456789012:table/plain", Plain("a")),
      StartsWith("item"));
  EXPECT_THAT(Get("arn:aws:dynamodb:eu-west-1:table/plain", Plain("a")),
              StartsWith("VALIDATION: "));
}

TEST_F(ItemTest, ConsumedCapacityIsToldAsAskedFor) {
  const std::string kilobytes(5000, 'x');
  const std::string total =
      "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL";
  const std::string indexes =
      "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_INDEXES";
  EXPECT_EQ(PutMore(Plain("a") + S("v", kilobytes), total),
            "consumed_capacity { table_name: \"plain\" capacity_units: 5 }");
  EXPECT_EQ(PutMore(Plain("a"), indexes),  // by the larger of old and new
            "consumed_capacity { table_name: \"plain\" capacity_units: 5 "
            "table { capacity_units: 5 } }");
  Put("plain", Plain("a") + S("v", kilobytes));
  EXPECT_THAT(Get("plain", Plain("a"), total),
              HasSubstr("table_name: \"plain\" capacity_units: 1 }"));
  EXPECT_THAT(Get("plain", Plain("a"), total + " consistent_read: true"),
              HasSubstr("table_name: \"plain\" capacity_units: 2 }"));
  EXPECT_EQ(Get("plain", Plain("none"), indexes),
            "consumed_capacity { table_name: \"plain\" capacity_units: 0.5 "
            "table { capacity_units: 0.5 } }");
  EXPECT_EQ(Delete("plain", Plain("none"), total),
            "consumed_capacity { table_name: \"plain\" capacity_units: 1 }");
}

TEST_F(ItemTest, ItemsOf400KilobytesPassAndOneByteMoreDoesNot) {
  const auto item = [](size_t size) {  // pk + a + v + value
    return Plain("a") + S("v", std::string(size - 4, 'x'));
  };
  EXPECT_EQ(PutMore(item(409600), ""), "");
  EXPECT_EQ(PutMore(item(409601), ""),
            "VALIDATION: Item size has exceeded the maximum allowed size");
}

TEST_F(ItemTest, KeysHaveTheirLimits) {
  EXPECT_EQ(PutMore(Plain(std::string(2048, 'k')), ""), "");
  EXPECT_THAT(PutMore(Plain(std::string(2049, 'k')), ""),
              HasSubstr("Size of hashkey has exceeded the maximum size limit "
                        "of2048 bytes"));
  EXPECT_THAT(Get("plain", Plain(std::string(2049, 'k'))),
              HasSubstr("Size of hashkey"));
  EXPECT_THAT(PutMore(Plain(""), ""),
              HasSubstr("cannot contain an empty string value. Key: pk"));
  EXPECT_THAT(PutMore(S("other", "x"), ""),
              HasSubstr("Missing the key pk in the item"));
  EXPECT_THAT(PutMore(N("pk", "1"), ""),
              HasSubstr("Type mismatch for key pk expected: S actual: N"));
  for (const std::string& key :
       {N("pk", "1"), Plain("a") + S("x", "y"), S("x", "y"), std::string()}) {
    EXPECT_EQ(Get("plain", key),
              "VALIDATION: The provided key element does not match the schema");
    EXPECT_EQ(Delete("plain", key),
              "VALIDATION: The provided key element does not match the schema");
  }
}

TEST_F(ItemTest, MissingTablesAreNotFound) {
  const std::string refusal =
      "RESOURCE_NOT_FOUND: Requested resource not found";
  EXPECT_EQ(Get("nowhere", Plain("a")), refusal);
  EXPECT_EQ(PutMore(Plain("a"), "", "nowhere"), refusal);
  EXPECT_EQ(Delete("nowhere", Plain("a")), refusal);
}

TEST_F(ItemTest, TheTableNameIsReportedAlone) {
  EXPECT_EQ(Call("GetItem", "return_consumed_capacity: 77"),
            "VALIDATION: 1 validation error detected: Value null at "
            "'tableName' failed to satisfy constraint: Member must not be "
            "null");
  EXPECT_THAT(Call("PutItem", "table_name: 'a b' return_values: 9"),
              StartsWith("VALIDATION: 1 validation error detected: Value 'a "
                         "b' at 'tableName'"));
}

TEST_F(ItemTest, ConstraintsAreCollected) {
  EXPECT_EQ(
      Call("PutItem",
           "table_name: 'plain' return_values: 9 return_consumed_capacity: 7"),
      "VALIDATION: 3 validation errors detected: Value null at 'item' failed "
      "to satisfy constraint: Member must not be null; Value '9' at "
      "'returnValues' failed to satisfy constraint: Member must satisfy enum "
      "value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]; Value "
      "'7' at 'returnConsumedCapacity' failed to satisfy constraint: Member "
      "must satisfy enum value set: [INDEXES, TOTAL, NONE]");
}

TEST_F(ItemTest, PutAndDeleteReturnOldValuesOnly) {
  const std::string refusal =
      "VALIDATION: 1 validation error detected: ReturnValues can only be "
      "ALL_OLD or NONE";
  EXPECT_EQ(PutMore(Plain("a"), "return_values: RETURN_VALUE_ALL_NEW"),
            refusal);
  EXPECT_EQ(
      Delete("plain", Plain("a"), "return_values: RETURN_VALUE_UPDATED_OLD"),
      refusal);
}

// Rules of the request before values, values before the table, the table
// before its schema.
TEST_F(ItemTest, RefusalsComeInDynamoDbsOrder) {
  const std::string bad_number = N("pk", "1") + N("v", "1x");
  EXPECT_THAT(
      PutMore(bad_number, "return_values: RETURN_VALUE_ALL_NEW", "nowhere"),
      HasSubstr("ReturnValues can only be"));
  EXPECT_THAT(PutMore(bad_number, "", "nowhere"),
              HasSubstr("cannot be converted to a numeric value: 1x"));
  EXPECT_THAT(PutMore(N("pk", "1"), "", "nowhere"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(PutMore(N("pk", "1"), ""), HasSubstr("Type mismatch"));
  EXPECT_THAT(Get("nowhere", N("pk", "1x")),
              HasSubstr("cannot be converted to a numeric value: 1x"));
}

TEST_F(ItemTest, UnbuiltFieldsAreRefusedAndNothingIsDone) {
  EXPECT_THAT(Call("CreateTable",
                   "table_name: 'other' billing_mode: "
                   "BILLING_MODE_PAY_PER_REQUEST attribute_definitions { "
                   "attribute_name: 'pk' attribute_type: "
                   "SCALAR_ATTRIBUTE_TYPE_S } key_schema { attribute_name: "
                   "'pk' key_type: KEY_TYPE_HASH } resource_policy: 't'"),
              HasSubstr("NOT_BUILT: The field resource_policy"));
  EXPECT_EQ(host_->FindTable("other"), nullptr);
}

TEST_F(ItemTest, APositionThatNoWriteHasGivenIsRefused) {
  EXPECT_EQ(Get("plain", Plain("a"), "freshness { strong: true }"), "");
  EXPECT_THAT(Get("plain", Plain("a"), "freshness { positions: 'x' }"),
              HasSubstr("a position is none that a write has returned"));
  EXPECT_THAT(
      Get("plain", Plain("a"), "freshness { max_staleness { seconds: -1 } }"),
      HasSubstr("max_staleness is negative"));
}

TEST_F(ItemTest, BytesThatAreNoMessageAreRefused) {
  for (const char* operation : {"GetItem", "PutItem", "Query", "ListTables"}) {
    absl::Status status;
    (*registry_.Find(operation))(
        "\xFF\xFF\xFF", CallContext(),
        [&](absl::StatusOr<std::string> answer) { status = answer.status(); });
    EXPECT_EQ(model::ReasonOf(status), model::Reason::kValidation);
  }
}

// The five cases of a write: it succeeds (above), is refused for good, is
// refused for now and then succeeds, is refused each time, and is no repeat.

TEST_F(ItemTest, AStoreThatRefusesForGoodIsToldAsItIs) {
  disk_.RefuseWrites(
      model::MakeError(model::Reason::kStoreFenced, "the disk failed"));
  EXPECT_EQ(PutMore(Plain("a"), ""), "STORE_FENCED: the disk failed");
  EXPECT_EQ(Delete("plain", Plain("a")), "STORE_FENCED: the disk failed");
  EXPECT_EQ(Get("plain", Plain("a")), "");  // reads go on
}

TEST_F(ItemTest, AThrottledWriteDidNothingAndMayBeRepeated) {
  disk_.RefuseWrites(
      model::MakeError(model::Reason::kThrottling, "the inbox is full"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(PutMore(Plain("a"), ""), "THROTTLING: the inbox is full");
  }
  EXPECT_EQ(Get("plain", Plain("a")), "");
  disk_.RefuseWrites(absl::OkStatus());
  EXPECT_EQ(PutMore(Plain("a"), ""), "");
  EXPECT_THAT(Get("plain", Plain("a")), StartsWith("item"));
}

TEST_F(ItemTest, ARepeatedPutOverwritesALaterWrite) {
  Put("plain", Plain("a") + N("v", "1"));
  Put("plain", Plain("a") + N("v", "2"));
  Put("plain", Plain("a") + N("v", "1"));
  EXPECT_THAT(Get("plain", Plain("a")), HasSubstr("n: \"1\""));
}

TEST_F(ItemTest, NothingIsDoneForACallThatNobodyWaitsFor) {
  const std::string put = "table_name: 'plain' item {" + Plain("a") + " }";
  EXPECT_THAT(Call("PutItem", put, PastDeadline()),
              StartsWith("DEADLINE_EXCEEDED"));
  EXPECT_THAT(Call("PutItem", put, Cancelled()), StartsWith("CANCELLED"));
  const std::string key = "table_name: 'plain' key {" + Plain("a") + " }";
  EXPECT_THAT(Call("GetItem", key, PastDeadline()),
              StartsWith("DEADLINE_EXCEEDED"));
  EXPECT_THAT(Call("DeleteItem", key, Cancelled()), StartsWith("CANCELLED"));
  EXPECT_EQ(Get("plain", Plain("a")), "");
}

}  // namespace
}  // namespace pallet::service
