// SPDX-License-Identifier: Apache-2.0
//
// Local secondary indexes: their entries after each kind of write, Query and
// Scan over them, what they take, and what is refused.
//
// The table "places" has pk S and sk N, and three indexes: "by-name" (S, all
// attributes), "by-score" (N, keys only), "by-tag" (S, with x and y).
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kIndexes[] =
    " return_consumed_capacity: "
    "RETURN_CONSUMED_CAPACITY_INDEXES ";

std::string Attribute(absl::string_view name, absl::string_view type) {
  return absl::StrCat(" attribute_definitions { attribute_name: '", name,
                      "' attribute_type: SCALAR_ATTRIBUTE_TYPE_", type, " }");
}

std::string Keys(absl::string_view hash, absl::string_view range) {
  return absl::StrCat(" key_schema { attribute_name: '", hash,
                      "' key_type: KEY_TYPE_HASH } key_schema { "
                      "attribute_name: '",
                      range, "' key_type: KEY_TYPE_RANGE }");
}

std::string Index(absl::string_view name, absl::string_view sort,
                  absl::string_view projection) {
  return absl::StrCat(" local_secondary_indexes { index_name: '", name, "'",
                      Keys("pk", sort),
                      " projection { projection_type: ", "PROJECTION_TYPE_",
                      projection, " } }");
}

class LocalIndexTest : public HandlerTest {
 protected:
  LocalIndexTest() {
    const std::string created =
        Call("CreateTable",
             absl::StrCat("table_name: 'places' billing_mode: "
                          "BILLING_MODE_PAY_PER_REQUEST",
                          Attribute("pk", "S"), Attribute("sk", "N"),
                          Attribute("name", "S"), Attribute("score", "N"),
                          Attribute("tag", "S"), Keys("pk", "sk"),
                          Index("by-name", "name", "ALL"),
                          Index("by-score", "score", "KEYS_ONLY"),
                          Index("by-tag", "tag",
                                "INCLUDE non_key_attributes: 'x' "
                                "non_key_attributes: 'y'")));
    CHECK(host_->FindTable("places") != nullptr) << created;
  }

  std::string Write(absl::string_view operation, absl::string_view request) {
    return Call(operation,
                absl::StrCat("table_name: 'places' ", request, kIndexes));
  }
  std::string PutPlace(absl::string_view item) {
    return Write("PutItem", absl::StrCat("item {", item, "}"));
  }

  static std::string ByPk(absl::string_view pk) {
    return absl::StrCat(
        " key_condition_expression: 'pk = :p' "
        "expression_attribute_values { key: ':p' value { s: '",
        pk, "' } } ");
  }
  std::string Query(absl::string_view index, absl::string_view more) {
    return Call("Query", absl::StrCat("table_name: 'places' index_name: '",
                                      index, "' ", more));
  }

  v1::QueryResponse Parse(const std::string& text) {
    v1::QueryResponse response;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response;
  }

  // The sort keys of the items a query finds, in order; page by page.
  std::vector<std::string> Found(absl::string_view index,
                                 absl::string_view more) {
    std::vector<std::string> found;
    std::string start;
    do {
      const v1::QueryResponse page =
          Parse(Query(index, absl::StrCat(more, start)));
      for (const v1::Item& item : page.items()) {
        for (const auto& [name, value] : item.attributes()) {
          if (name == "sk") found.push_back(value.n());
        }
      }
      start =
          page.has_last_evaluated_key()
              ? absl::StrCat(" exclusive_start_key { ",
                             page.last_evaluated_key().ShortDebugString(), " }")
              : "";
    } while (!start.empty());
    return found;
  }

  std::string CountsOf(absl::string_view index) {
    v1::DescribeTableResponse response;
    CHECK(google::protobuf::TextFormat::ParseFromString(
        Call("DescribeTable", "table_name: 'places'"), &response));
    for (const auto& each : response.table().local_secondary_indexes()) {
      if (each.index_name() == index) {
        return absl::StrCat(each.item_count(), " of ", each.index_size_bytes());
      }
    }
    return "none";
  }
};

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

TEST_F(LocalIndexTest, WhatIsNotProjectedIsFetchedIfItIsNamed) {
  Put("places", Pair("a", 1) + N("score", "1") + S("z", "here"));
  const std::string wants_z =
      ByPk("a") + "consistent_read: true projection_expression: ";
  EXPECT_EQ(Query("by-score", absl::StrCat(wants_z, "'z'", kIndexes)),
            "items { attributes { key: \"z\" value { s: \"here\" } } } count: "
            "1 scanned_count: 1 consumed_capacity { table_name: \"places\" "
            "capacity_units: 2 table { capacity_units: 1 } "
            "local_secondary_indexes { key: \"by-score\" value { "
            "capacity_units: 1 } } }");
  EXPECT_THAT(Query("by-score", absl::StrCat(wants_z, "'score, sk'", kIndexes)),
              HasSubstr("capacity_units: 1 table { capacity_units: 0 }"));
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

TEST_F(LocalIndexTest, QueriesGoBothWaysPageByPage) {
  for (int i = 0; i < 9; ++i) {
    Put("places", Pair("a", i) + N("score", absl::StrCat((i * 4) % 9 / 2)));
  }
  Put("places", Pair("b", 100) + N("score", "1"));
  // score: 0 0 1 1 2 2 3 3 4 for sk 0 7 5 3 1 8 6 4 2; ties by sk.
  const std::vector<std::string> ascending = {"0", "7", "3", "5", "1",
                                              "8", "4", "6", "2"};
  const std::vector<std::string> descending(ascending.rbegin(),
                                            ascending.rend());
  for (const char* limit : {"", "limit: 1 ", "limit: 2 ", "limit: 4 "}) {
    EXPECT_EQ(Found("by-score", absl::StrCat(ByPk("a"), limit)), ascending);
    EXPECT_EQ(Found("by-score", absl::StrCat(ByPk("a"), limit,
                                             "scan_index_forward: false ")),
              descending);
    EXPECT_EQ(Found("by-score",
                    absl::StrCat(ByPk("a"), limit, "consistent_read: true ")),
              ascending);
  }
  EXPECT_EQ(Query("by-score", ByPk("a") + "limit: 1 select: SELECT_COUNT"),
            "count: 1 scanned_count: 1 last_evaluated_key { "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"score\" value { n: \"0\" } } "
            "attributes { key: \"sk\" value { n: \"0\" } } }");
}

TEST_F(LocalIndexTest, ConditionsOnTheIndexKeyTakeAllTies) {
  for (int i = 0; i < 6; ++i) {
    Put("places", Pair("a", i) + N("score", absl::StrCat(i / 2)) +
                      S("tag", i < 3 ? "aa" : "ab"));
  }
  const auto where = [&](absl::string_view condition) {
    return Found(
        "by-score",
        absl::StrCat("key_condition_expression: 'pk = :p AND ", condition,
                     "' expression_attribute_values { key: ':p' value { s: "
                     "'a' } } expression_attribute_values { key: ':s' value { "
                     "n: '1' } } limit: 1 "));
  };
  EXPECT_THAT(where("score = :s"), ElementsAre("2", "3"));
  EXPECT_THAT(where("score > :s"), ElementsAre("4", "5"));
  EXPECT_THAT(where("score >= :s"), ElementsAre("2", "3", "4", "5"));
  EXPECT_THAT(where("score < :s"), ElementsAre("0", "1"));
  EXPECT_THAT(where("score <= :s"), ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(where("score BETWEEN :s AND :s"), ElementsAre("2", "3"));
  EXPECT_THAT(
      Found("by-tag",
            "key_condition_expression: 'pk = :p AND begins_with(tag, :t)' "
            "expression_attribute_values { key: ':p' value { s: 'a' } } "
            "expression_attribute_values { key: ':t' value { s: 'ab' } } "),
      ElementsAre("3", "4", "5"));
}

TEST_F(LocalIndexTest, AllAttributesAreFetchedFromTheTable) {
  const std::string big(9000, 'v');
  Put("places", Pair("a", 1) + N("score", "1") + S("z", big));
  Put("places", Pair("a", 2) + N("score", "2") + S("z", "small"));
  const v1::QueryResponse response =
      Parse(Query("by-score", absl::StrCat(ByPk("a"),
                                           "consistent_read: true "
                                           "select: SELECT_ALL_ATTRIBUTES",
                                           kIndexes)));
  ASSERT_EQ(response.items_size(), 2);
  EXPECT_THAT(response.items(0).ShortDebugString(), HasSubstr(big));
  // The entries together are a unit; the items three and one.
  EXPECT_EQ(response.consumed_capacity().ShortDebugString(),
            "table_name: \"places\" capacity_units: 5 table { "
            "capacity_units: 4 } local_secondary_indexes { key: \"by-score\" "
            "value { capacity_units: 1 } }");
  // Nothing is fetched from an index that has everything.
  EXPECT_THAT(
      Query("by-name",
            absl::StrCat(ByPk("a"), "select: SELECT_ALL_ATTRIBUTES", kIndexes)),
      HasSubstr("capacity_units: 0.5 table { capacity_units: 0 }"));
}

TEST_F(LocalIndexTest, FetchedItemsFillPagesToo) {
  for (int i = 0; i < 5; ++i) {
    Put("places", Pair("a", i) + N("score", absl::StrCat(i)) +
                      S("z", std::string(300000, 'v')));
  }
  const v1::QueryResponse page =
      Parse(Query("by-score", ByPk("a") + "select: SELECT_ALL_ATTRIBUTES"));
  EXPECT_EQ(page.items_size(), 4);
  EXPECT_TRUE(page.has_last_evaluated_key());
  EXPECT_EQ(Parse(Query("by-score", ByPk("a"))).items_size(), 5);
}

TEST_F(LocalIndexTest, SelectGoesWithTheIndex) {
  Put("places", Pair("a", 1) + N("score", "1"));
  EXPECT_EQ(
      Query("by-score", ByPk("a") + "select: SELECT_ALL_PROJECTED_ATTRIBUTES"),
      Query("by-score", ByPk("a")));
  EXPECT_THAT(Call("Query", "table_name: 'places' " + ByPk("a") +
                                "select: SELECT_ALL_PROJECTED_ATTRIBUTES"),
              StartsWith("VALIDATION"));
  EXPECT_EQ(Query("by-score", ByPk("a") + "select: SELECT_COUNT"),
            "count: 1 scanned_count: 1");
}

TEST_F(LocalIndexTest, IndexesAreScannedWholeAndInSegments) {
  for (int i = 0; i < 40; ++i) {
    std::string item = Pair(absl::StrCat("p", i), i);
    if (i % 2 == 0) item += N("score", "1");
    Put("places", item);
  }
  const auto scan = [&](absl::string_view more) {
    v1::ScanResponse response;
    const std::string text =
        Call("Scan", absl::StrCat("table_name: 'places' index_name: "
                                  "'by-score' ",
                                  more));
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response;
  };
  EXPECT_EQ(scan("").count(), 20);
  EXPECT_EQ(scan("select: SELECT_ALL_ATTRIBUTES").count(), 20);
  int total = 0;
  for (int segment = 0; segment < 3; ++segment) {
    std::string start;
    do {
      const v1::ScanResponse page = scan(absl::StrCat(
          "total_segments: 3 segment: ", segment, " limit: 3 ", start));
      total += page.count();
      start =
          page.has_last_evaluated_key()
              ? absl::StrCat("exclusive_start_key { ",
                             page.last_evaluated_key().ShortDebugString(), " }")
              : "";
    } while (!start.empty());
  }
  EXPECT_EQ(total, 20);
  EXPECT_EQ(Stream("StreamScan",
                   "scan { table_name: 'places' index_name: 'by-score' limit: "
                   "7 }")
                .size(),
            1u);
  EXPECT_THAT(Stream("StreamQuery",
                     "query { table_name: 'places' index_name: 'by-score' " +
                         ByPk("p4") + "}")
                  .front(),
              HasSubstr("\"p4\""));
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

TEST_F(LocalIndexTest, QueriesThatDoNotFitTheIndexAreRefused) {
  EXPECT_EQ(Query("by-nothing", ByPk("a")),
            "VALIDATION: The table does not have the specified index: "
            "by-nothing");
  EXPECT_THAT(Query("x", ByPk("a")),
              HasSubstr("Value 'x' at 'indexName' failed to satisfy"));
  EXPECT_EQ(
      Query("by-score",
            "key_condition_expression: 'pk = :p AND sk = :s' "
            "expression_attribute_values { key: ':p' value { s: 'a' } } "
            "expression_attribute_values { key: ':s' value { n: '1' } } "),
      "VALIDATION: Query condition missed key schema element: score");
  const auto from = [&](absl::string_view key) {
    return Query("by-score",
                 absl::StrCat(ByPk("a"), "exclusive_start_key {", key, "}"));
  };
  EXPECT_EQ(from(Pair("a", 1)),
            "VALIDATION: The provided starting key is invalid");
  EXPECT_EQ(from(Pair("a", 1) + S("score", "1")),
            "VALIDATION: The provided starting key is invalid");
  EXPECT_EQ(from(Pair("b", 1) + N("score", "1")),
            "VALIDATION: The provided starting key is outside query boundaries "
            "based on provided conditions");
  EXPECT_EQ(from(Pair("a", 1) + N("score", "1")), "");
}

TEST_F(LocalIndexTest, AnIndexMayOrderByTheTablesOwnSortKey) {
  const std::string created =
      Call("CreateTable",
           absl::StrCat("table_name: 'same' billing_mode: "
                        "BILLING_MODE_PAY_PER_REQUEST",
                        Attribute("pk", "S"), Attribute("sk", "N"),
                        Keys("pk", "sk"), Index("again", "sk", "KEYS_ONLY")));
  ASSERT_THAT(created, StartsWith("table_description"));
  Put("same", Pair("a", 1) + S("x", "1"));
  Put("same", Pair("a", 2) + S("x", "1"));
  const auto page = [&](absl::string_view more) {
    return Call("Query", absl::StrCat("table_name: 'same' index_name: 'again' "
                                      "limit: 1 ",
                                      ByPk("a"), more));
  };
  const std::string first = page("");
  EXPECT_THAT(first, HasSubstr("last_evaluated_key { attributes { key: \"pk\" "
                               "value { s: \"a\" } } attributes { key: \"sk\" "
                               "value { n: \"1\" } } }"));
  EXPECT_THAT(page("exclusive_start_key {" + Pair("a", 1) + "}"),
              StartsWith("items { attributes { key: \"pk\" value { s: \"a\" } "
                         "} attributes { key: \"sk\" value { n: \"2\" } } }"));
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

TEST_F(LocalIndexTest, FiltersAndProjectionsLookAtEntries) {
  Put("places", Pair("a", 1) + N("score", "7") + S("z", "3"));
  Put("places", Pair("a", 2) + N("score", "8") + S("z", "4"));
  const std::string more =
      " expression_attribute_values { key: ':v' value { n: '1' } }";
  EXPECT_EQ(Query("by-score", ByPk("a") + more +
                                  "filter_expression: 'sk > :v' "
                                  "projection_expression: 'score'"),
            "items { attributes { key: \"score\" value { n: \"8\" } } } "
            "count: 1 scanned_count: 2");
  EXPECT_THAT(
      Query("by-score", ByPk("a") + more + "filter_expression: 'score > :v'"),
      HasSubstr("Filter Expression can only contain non-primary key "
                "attributes: Primary key attribute: score"));
  // What entries do not have is fetched, and taken.
  EXPECT_EQ(
      Query("by-score", ByPk("a") + "projection_expression: 'z' limit: 1"),
      "items { attributes { key: \"z\" value { s: \"3\" } } } "
      "count: 1 scanned_count: 1 last_evaluated_key { "
      "attributes { key: \"pk\" value { s: \"a\" } } "
      "attributes { key: \"score\" value { n: \"7\" } } "
      "attributes { key: \"sk\" value { n: \"1\" } } }");
}

}  // namespace
}  // namespace pallet::service
