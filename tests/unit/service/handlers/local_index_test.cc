// SPDX-License-Identifier: Apache-2.0
//
// Local secondary indexes: how tables have them, their entries after each kind
// of write, what those take, and what is refused.
#include "tests/unit/service/handlers/local_index_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(LocalIndexTest, Example) {
  Put("places", Pair("a", 1) + S("name", "zoo") + S("x", "1"));
  Put("places", Pair("a", 2) + S("name", "bar") + S("x", "2"));
  Put("places", Pair("a", 3) + S("x", "no name"));
  EXPECT_EQ(Query("by-name", ByPk("a")),
            "items { attributes { key: \"name\" value { s: \"bar\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"sk\" value { n: \"2\" } } "
            "attributes { key: \"x\" value { s: \"2\" } } } "
            "items { attributes { key: \"name\" value { s: \"zoo\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"sk\" value { n: \"1\" } } "
            "attributes { key: \"x\" value { s: \"1\" } } } "
            "count: 2 scanned_count: 2");
}

TEST_F(LocalIndexTest, TablesTellWhatIndexesTheyHave) {
  Put("places", Pair("a", 1) + S("name", "zoo"));
  v1::DescribeTableResponse response;
  CHECK(google::protobuf::TextFormat::ParseFromString(
      Call("DescribeTable", "table_name: 'places'"), &response));
  ASSERT_EQ(response.table().local_secondary_indexes_size(), 3);
  EXPECT_EQ(response.table().local_secondary_indexes(2).ShortDebugString(),
            "index_name: \"by-tag\" "
            "key_schema { attribute_name: \"pk\" key_type: KEY_TYPE_HASH } "
            "key_schema { attribute_name: \"tag\" key_type: KEY_TYPE_RANGE } "
            "projection { projection_type: PROJECTION_TYPE_INCLUDE "
            "non_key_attributes: \"x\" non_key_attributes: \"y\" } "
            "index_arn: \"arn:aws:dynamodb:local:000000000000:table/places/"
            "index/by-tag\"");
  EXPECT_EQ(response.table().attribute_definitions_size(), 5);
  EXPECT_EQ(CountsOf("by-name"), "1 of 14");
  EXPECT_EQ(CountsOf("by-score"), "0 of 0");
}

TEST_F(LocalIndexTest, EntriesHaveWhatIsProjected) {
  Put("places", Pair("a", 1) + S("name", "n") + N("score", "7") +
                    S("tag", "t") + S("x", "1") + S("y", "2") + S("z", "3"));
  EXPECT_EQ(Query("by-score", ByPk("a")),
            "items { attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"score\" value { n: \"7\" } } "
            "attributes { key: \"sk\" value { n: \"1\" } } } "
            "count: 1 scanned_count: 1");
  EXPECT_EQ(Query("by-tag", ByPk("a")),
            "items { attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"sk\" value { n: \"1\" } } "
            "attributes { key: \"tag\" value { s: \"t\" } } "
            "attributes { key: \"x\" value { s: \"1\" } } "
            "attributes { key: \"y\" value { s: \"2\" } } } "
            "count: 1 scanned_count: 1");
  EXPECT_EQ(CountsOf("by-score"), "1 of 14");
}

TEST_F(LocalIndexTest, WritesTakeUnitsForTheEntriesTheyTouch) {
  const auto arms = [](const std::string& answer) {
    v1::PutItemResponse response;
    CHECK(google::protobuf::TextFormat::ParseFromString(answer, &response))
        << answer;
    const v1::ConsumedCapacity& all = response.consumed_capacity();
    std::string text =
        absl::StrCat(all.capacity_units(), " = ", all.table().capacity_units());
    for (const char* index : {"by-name", "by-score", "by-tag"}) {
      const auto found = all.local_secondary_indexes().find(index);
      if (found == all.local_secondary_indexes().end()) continue;
      absl::StrAppend(&text, " + ", found->second.capacity_units(), " ", index);
    }
    return text;
  };
  const std::string big(2000, 'v');
  // Not in any index.
  EXPECT_EQ(arms(PutPlace(Pair("a", 1) + S("z", "1"))), "1 = 1");
  // Comes into two.
  EXPECT_EQ(arms(PutPlace(Pair("a", 1) + N("score", "1") + S("tag", "t"))),
            "3 = 1 + 1 by-score + 1 by-tag");
  // What is projected stays the same.
  EXPECT_EQ(arms(PutPlace(Pair("a", 1) + N("score", "1.0") + S("tag", "t") +
                          S("z", big))),
            "2 = 2");
  // Changes in place: the larger one counts.
  EXPECT_EQ(arms(PutPlace(Pair("a", 1) + N("score", "1") + S("tag", "t") +
                          S("x", big))),
            "4 = 2 + 2 by-tag");
  // A key that moves is a delete and an insert, rounded each.
  EXPECT_EQ(arms(PutPlace(Pair("a", 1) + N("score", "2") + S("tag", "u"))),
            "7 = 2 + 2 by-score + 3 by-tag");
  // Leaves one.
  EXPECT_EQ(arms(PutPlace(Pair("a", 1) + S("tag", "u"))), "2 = 1 + 1 by-score");
  EXPECT_EQ(arms(Write("DeleteItem", "key {" + Pair("a", 1) + "}")),
            "2 = 1 + 1 by-tag");
  EXPECT_EQ(arms(Write("DeleteItem", "key {" + Pair("a", 1) + "}")), "1 = 1");
  for (const char* index : {"by-name", "by-score", "by-tag"}) {
    EXPECT_EQ(CountsOf(index), "0 of 0");
  }
}

TEST_F(LocalIndexTest, BatchesKeepIndexesAndTellTheirArms) {
  EXPECT_EQ(
      Call("BatchWriteItem",
           absl::StrCat("request_items { key: 'places' value { "
                        "requests { put_request { item {",
                        Pair("a", 1), N("score", "5"),
                        "} } } requests { put_request { item {", Pair("b", 1),
                        N("score", "6"), "} } } } }", kIndexes)),
      "consumed_capacity { table_name: \"places\" capacity_units: 4 "
      "table { capacity_units: 2 } local_secondary_indexes { "
      "key: \"by-score\" value { capacity_units: 2 } } }");
  EXPECT_THAT(Found("by-score", ByPk("a")), ElementsAre("1"));
  EXPECT_THAT(
      Call("BatchWriteItem",
           "request_items { key: 'places' value { requests { put_request { "
           "item {" +
               Pair("a", 2) + S("score", "x") + "} } } } }"),
      HasSubstr("Type mismatch for Index Key score"));
}

TEST_F(LocalIndexTest, WritesTellOfTheirCollectionIfAsked) {
  constexpr char kSize[] =
      " return_item_collection_metrics: RETURN_ITEM_COLLECTION_METRICS_SIZE";
  constexpr char kMetrics[] =
      "item_collection_metrics { item_collection_key { attributes { key: "
      "\"pk\" value { s: \"a\" } } } size_estimate_range_gb: 0 "
      "size_estimate_range_gb: 1 }";
  const std::string item = "table_name: 'places' item {" + Pair("a", 1) + "}";
  const std::string key = "table_name: 'places' key {" + Pair("a", 1) + "}";
  EXPECT_EQ(Call("PutItem", item + kSize), kMetrics);
  EXPECT_EQ(Call("UpdateItem", key + kSize), kMetrics);
  EXPECT_EQ(Call("DeleteItem", key + kSize), kMetrics);
  EXPECT_EQ(Call("PutItem", item + " return_item_collection_metrics: "
                                   "RETURN_ITEM_COLLECTION_METRICS_NONE"),
            "");
  // Tables without local indexes have nothing to tell.
  EXPECT_EQ(Call("PutItem",
                 "table_name: 'pairs' item {" + Pair("a", 1) + "}" + kSize),
            "");
  for (const char* operation : {"PutItem", "UpdateItem", "DeleteItem"}) {
    EXPECT_THAT(
        Call(operation, (operation[0] == 'P' ? item : key) +
                            " return_item_collection_metrics: 7"),
        HasSubstr("at 'returnItemCollectionMetrics' failed to satisfy "
                  "constraint: Member must satisfy enum value set: [SIZE, "
                  "NONE]"));
  }
}

TEST_F(LocalIndexTest, UpdatesMoveEntriesAndAreChecked) {
  Put("places", Pair("a", 1) + N("score", "1") + S("name", "n"));
  const auto update = [&](absl::string_view expression) {
    return Write("UpdateItem",
                 absl::StrCat("key {", Pair("a", 1), "} update_expression: '",
                              expression, "'"));
  };
  EXPECT_THAT(update("SET score = score + score"),
              HasSubstr("capacity_units: 4 table { capacity_units: 1 }"));
  EXPECT_EQ(CountsOf("by-score"), "1 of 14");
  EXPECT_THAT(update("REMOVE score"),
              HasSubstr("key: \"by-score\" value { capacity_units: 1 }"));
  EXPECT_EQ(CountsOf("by-score"), "0 of 0");
  EXPECT_EQ(update("SET score = pk"),
            "VALIDATION: The update expression attempted to update the "
            "secondary index key to unsupported type");
  EXPECT_EQ(CountsOf("by-score"), "0 of 0");
}

TEST_F(LocalIndexTest, BatchesTellOfEachCollectionOnce) {
  const auto write = [&](absl::string_view table, absl::string_view pk,
                         int sk) {
    return absl::StrCat("request_items { key: '", table,
                        "' value { requests { put_request { item {",
                        Pair(pk, sk), "} } } requests { delete_request { key {",
                        Pair(pk, sk + 1), "} } } } }");
  };
  constexpr char kSize[] =
      " return_item_collection_metrics: RETURN_ITEM_COLLECTION_METRICS_SIZE";
  EXPECT_EQ(
      Call("BatchWriteItem",
           write("places", "a", 1) + write("pairs", "a", 1) + kSize),
      "item_collection_metrics { key: \"places\" value { metrics { "
      "item_collection_key { attributes { key: \"pk\" value { s: \"a\" } } } "
      "size_estimate_range_gb: 0 size_estimate_range_gb: 1 } } }");
  EXPECT_EQ(Call("BatchWriteItem", write("places", "b", 1) +
                                       " return_item_collection_metrics: "
                                       "RETURN_ITEM_COLLECTION_METRICS_NONE"),
            "");
  EXPECT_THAT(Call("BatchWriteItem", write("places", "b", 1) +
                                         " return_item_collection_metrics: 7"),
              HasSubstr("Member must satisfy enum value set: [SIZE, NONE]"));
}

TEST_F(LocalIndexTest, ValuesOfIndexKeysAreChecked) {
  EXPECT_EQ(PutPlace(Pair("a", 1) + S("score", "x")),
            "VALIDATION: One or more parameter values were invalid: Type "
            "mismatch for Index Key score Expected: N Actual: S IndexName: "
            "by-score");
  EXPECT_EQ(PutPlace(Pair("a", 1) + S("tag", "")),
            "VALIDATION: One or more parameter values are not valid. A value "
            "specified for a secondary index key is not supported. The "
            "AttributeValue for a key attribute cannot contain an empty string "
            "value. IndexName: by-tag, IndexKey: tag");
  EXPECT_THAT(PutPlace(Pair("a", 1) + S("tag", std::string(1024, 't'))),
              StartsWith("consumed_capacity"));
  EXPECT_EQ(PutPlace(Pair("a", 1) + S("tag", std::string(1025, 't'))),
            "VALIDATION: One or more parameter values were invalid: Aggregated "
            "size of all range keys has exceeded the size limit of 1024 bytes");
  EXPECT_EQ(PutPlace(N("sk", "1") + S("score", "x")),
            "VALIDATION: One or more parameter values were invalid: Missing "
            "the key pk in the item");
}

TEST_F(LocalIndexTest, MembersOfIndexesAreConstrained) {
  const auto create = [&](absl::string_view index) {
    return Call("CreateTable",
                absl::StrCat("table_name: 'new' billing_mode: "
                             "BILLING_MODE_PAY_PER_REQUEST",
                             Attribute("pk", "S"), Attribute("sk", "N"),
                             Attribute("c", "S"), Keys("pk", "sk"),
                             " local_secondary_indexes {", index, "}"));
  };
  EXPECT_EQ(create("index_name: 'a?'"),
            "VALIDATION: 4 validation errors detected: Value 'a?' at "
            "'localSecondaryIndexes.1.member.indexName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            "[a-zA-Z0-9_.-]+; Value 'a?' at "
            "'localSecondaryIndexes.1.member.indexName' failed to satisfy "
            "constraint: Member must have length greater than or equal to 3; "
            "Value '[]' at 'localSecondaryIndexes.1.member.keySchema' failed "
            "to satisfy constraint: Member must have length greater than or "
            "equal to 1; Value null at "
            "'localSecondaryIndexes.1.member.projection' failed to satisfy "
            "constraint: Member must not be null");
  std::string names;
  for (int i = 0; i < 21; ++i) names += " non_key_attributes: 'x'";
  EXPECT_THAT(
      create(absl::StrCat("index_name: 'by-c'", Keys("pk", "c"),
                          "projection { projection_type: "
                          "PROJECTION_TYPE_INCLUDE",
                          names, "}")),
      HasSubstr("at 'localSecondaryIndexes.1.member.projection."
                "nonKeyAttributes' failed to satisfy constraint: Member must "
                "have length less than or equal to 20"));
  EXPECT_EQ(create("index_name: 'by-c'" + Keys("pk", "c") + "projection {}"),
            "VALIDATION: One or more parameter values were invalid: Unknown "
            "ProjectionType: null");
}

TEST_F(LocalIndexTest, UpdatesMoveEntriesOrAreRefused) {
  const auto update = [&](absl::string_view expression,
                          absl::string_view value) {
    return Call("UpdateItem",
                absl::StrCat("table_name: 'places' key {", Pair("a", 1),
                             "} update_expression: '", expression,
                             "' expression_attribute_values { key: ':v' "
                             "value { ",
                             value, " } }"));
  };
  EXPECT_EQ(update("SET score = :v", "n: '7'"), "");
  EXPECT_THAT(Found("by-score", ByPk("a")), ElementsAre("1"));
  EXPECT_EQ(CountsOf("by-score"), "1 of 14");
  EXPECT_EQ(update("SET x = :v REMOVE score", "n: '7'"), "");
  EXPECT_EQ(CountsOf("by-score"), "0 of 0");
  EXPECT_EQ(update("SET score = :v", "s: '7'"),
            "VALIDATION: The update expression attempted to update the "
            "secondary index key to unsupported type");
  EXPECT_EQ(update("SET score.x = :v", "n: '7'"),
            "VALIDATION: Key attributes must be scalars; list random access "
            "'[]' and map lookup '.' are not allowed: IndexKey: score");
}

}  // namespace
}  // namespace pallet::service
