// SPDX-License-Identifier: Apache-2.0
//
// Query and Scan over local secondary indexes: order and pages, what is fetched
// from the table, and what is refused.
#include "tests/unit/service/handlers/local_index_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using LocalIndexReadTest = LocalIndexTest;

TEST_F(LocalIndexReadTest, WhatIsNotProjectedIsFetchedIfItIsNamed) {
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

TEST_F(LocalIndexReadTest, QueriesGoBothWaysPageByPage) {
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

TEST_F(LocalIndexReadTest, ConditionsOnTheIndexKeyTakeAllTies) {
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

TEST_F(LocalIndexReadTest, AllAttributesAreFetchedFromTheTable) {
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

TEST_F(LocalIndexReadTest, FetchedItemsFillPagesToo) {
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

TEST_F(LocalIndexReadTest, SelectGoesWithTheIndex) {
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

TEST_F(LocalIndexReadTest, IndexesAreScannedWholeAndInSegments) {
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

TEST_F(LocalIndexReadTest, QueriesThatDoNotFitTheIndexAreRefused) {
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

TEST_F(LocalIndexReadTest, AnIndexMayOrderByTheTablesOwnSortKey) {
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

TEST_F(LocalIndexReadTest, FiltersAndProjectionsLookAtEntries) {
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
