// SPDX-License-Identifier: Apache-2.0
//
// Query and Scan over global secondary indexes: what they find, in which order,
// with which attributes, and what is refused.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/unit/service/handlers/global_index_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using GlobalIndexQueryTest = GlobalIndexTest;

TEST_F(GlobalIndexQueryTest, Example) {
  Add(Pair("a", 1) + S("label", "Bonn") + S("x", "1"));
  Add(Pair("b", 2) + S("label", "Bonn"));
  Add(Pair("c", 3) + S("label", "Rome"));
  EXPECT_EQ(Query("by-name", ByName("Bonn")),
            "items { attributes { key: \"label\" value { s: \"Bonn\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"sk\" value { n: \"1\" } } "
            "attributes { key: \"x\" value { s: \"1\" } } } "
            "items { attributes { key: \"label\" value { s: \"Bonn\" } } "
            "attributes { key: \"pk\" value { s: \"b\" } } "
            "attributes { key: \"sk\" value { n: \"2\" } } } "
            "count: 2 scanned_count: 2");
  EXPECT_EQ(Query("by-name", ByName("Oslo")), "");
}

TEST_F(GlobalIndexQueryTest, EntriesComeInTheOrderOfAllSortAttributesBothWays) {
  AddPlace(1, "Bonn", "10");
  AddPlace(2, "Bonn", "9");
  AddPlace(3, "Aachen", "11");
  AddPlace(4, "Bonna", "1");
  AddPlace(5, "Bonn", "-2.5");
  Add(Pair("a", 6) + S("country", "DE") + N("yard", "2") + S("city", "Bonn") +
      N("score", "1"));
  const std::vector<std::string> up = {"3", "5", "2", "1", "4"};
  const std::vector<std::string> down(up.rbegin(), up.rend());
  for (const char* limit : {"", " limit: 1", " limit: 2", " limit: 5"}) {
    EXPECT_EQ(Found("by-region", ByRegion() + limit), up);
    EXPECT_EQ(
        Found("by-region", ByRegion() + limit + " scan_index_forward: false"),
        down);
  }
}

TEST_F(GlobalIndexQueryTest, SortConditionsNarrowFromLeftToRight) {
  AddPlace(1, "Aachen", "1");
  AddPlace(2, "Bonn", "1");
  AddPlace(3, "Bonn", "2");
  AddPlace(4, "Bonn", "3");
  AddPlace(5, "Bonna", "2");
  const std::string bonn = Value("b", "s: 'Bonn'");
  const std::string two = bonn + Value("s", "n: '2'");
  const auto found = [&](absl::string_view more, const std::string& values) {
    return absl::StrJoin(
        Found("by-region", ByRegion(more, values) + " limit: 1"), " ");
  };
  EXPECT_EQ(found(" AND city = :b", bonn), "2 3 4");
  EXPECT_EQ(found(" AND begins_with(city, :b)", bonn), "2 3 4 5");
  EXPECT_EQ(found(" AND city > :b", bonn), "5");
  EXPECT_EQ(found(" AND city >= :b", bonn), "2 3 4 5");
  EXPECT_EQ(found(" AND city < :b", bonn), "1");
  EXPECT_EQ(found(" AND city <= :b", bonn), "1 2 3 4");
  EXPECT_EQ(found(" AND city = :b AND score = :s", two), "3");
  EXPECT_EQ(found(" AND city = :b AND score < :s", two), "2");
  EXPECT_EQ(found(" AND city = :b AND score <= :s", two), "2 3");
  EXPECT_EQ(found(" AND city = :b AND score > :s", two), "4");
  EXPECT_EQ(found(" AND city = :b AND score BETWEEN :s AND :s", two), "3");
  EXPECT_EQ(
      Query("by-region", ByRegion(" AND score = :s", Value("s", "n: '2'"))),
      "VALIDATION: Query condition missed key schema element: city");
  EXPECT_EQ(Query("by-region", ByRegion(" AND city > :b AND score = :s", two)),
            "VALIDATION: Query key condition not supported");
  EXPECT_EQ(Query("by-region", " key_condition_expression: 'country = :c'" +
                                   Value("c", "s: 'DE'")),
            "VALIDATION: Query condition missed key schema element: yard");
}

TEST_F(GlobalIndexQueryTest, LegacyKeyConditionsWorkToo) {
  AddPlace(1, "Bonn", "1");
  AddPlace(2, "Bonn", "2");
  const auto where = [](absl::string_view name, absl::string_view op,
                        absl::string_view value) {
    return absl::StrCat(
        " key_conditions { key: '", name, "' value { attribute_value_list { ",
        value, " } comparison_operator: COMPARISON_OPERATOR_", op, " } }");
  };
  const std::string all =
      where("country", "EQ", "s: 'DE'") + where("yard", "EQ", "n: '1'") +
      where("city", "EQ", "s: 'Bonn'") + where("score", "GT", "n: '1'");
  EXPECT_THAT(Found("by-region", all), ElementsAre("2"));
  EXPECT_EQ(Query("by-score", all),
            "VALIDATION: Conditions can be of length 1 or 2 only");
}

TEST_F(GlobalIndexQueryTest, EntriesHaveWhatIsProjected) {
  AddPlace(1, "Bonn", "7", S("x", "in") + S("y", "out"));
  EXPECT_EQ(Query("by-score", ByScore()),
            "items { attributes { key: \"country\" value { s: \"DE\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"score\" value { n: \"7\" } } "
            "attributes { key: \"sk\" value { n: \"1\" } } } "
            "count: 1 scanned_count: 1");
  EXPECT_EQ(
      Query("by-region", ByRegion() + " projection_expression: 'x, score, pk'"),
      "items { attributes { key: \"pk\" value { s: \"a\" } } "
      "attributes { key: \"score\" value { n: \"7\" } } "
      "attributes { key: \"x\" value { s: \"in\" } } } "
      "count: 1 scanned_count: 1");
}

TEST_F(GlobalIndexQueryTest, SelectGoesWithTheProjection) {
  AddPlace(1, "Bonn", "7", S("label", "n"));
  EXPECT_EQ(Query("by-region",
                  ByRegion() + " select: SELECT_ALL_PROJECTED_ATTRIBUTES"),
            Query("by-region", ByRegion()));
  EXPECT_EQ(Query("by-region", ByRegion() + " select: SELECT_COUNT"),
            "count: 1 scanned_count: 1");
  EXPECT_EQ(Query("by-name", ByName("n") + " select: SELECT_ALL_ATTRIBUTES"),
            Query("by-name", ByName("n")));
  EXPECT_EQ(Query("by-score", ByScore() + " select: SELECT_ALL_ATTRIBUTES"),
            "VALIDATION: One or more parameter values were invalid: Select "
            "type ALL_ATTRIBUTES is not supported for global secondary index "
            "by-score because its projection type is not ALL");
  EXPECT_THAT(Scan("by-region", "select: SELECT_ALL_ATTRIBUTES"),
              HasSubstr("for global secondary index by-region because"));
}

TEST_F(GlobalIndexQueryTest, WhatIsNotProjectedCannotBeNamed) {
  const std::string refusal =
      "VALIDATION: One or more parameter values were invalid: Global secondary "
      "index by-region does not project ";
  EXPECT_EQ(
      Query("by-region", ByRegion() + " projection_expression: 'x, y, q.r'"),
      refusal + "[q, y]");
  EXPECT_EQ(Query("by-region", ByRegion() + " attributes_to_get: 'y'"),
            "VALIDATION: Can not use both expression and non-expression "
            "parameters in the same request: Non-expression parameters: "
            "{AttributesToGet} Expression parameters: "
            "{KeyConditionExpression}");
  EXPECT_EQ(Scan("by-region", " attributes_to_get: 'y'"), refusal + "[y]");
  EXPECT_EQ(Query("by-region",
                  ByRegion() + " filter_expression: 'attribute_exists(y)'"),
            refusal + "[y]");
  EXPECT_EQ(Scan("by-region", " filter_expression: 'attribute_exists(y)'"),
            refusal + "[y]");
  EXPECT_EQ(Query("by-name",
                  ByName("n") + " filter_expression: 'attribute_exists(y)'"),
            "");
}

TEST_F(GlobalIndexQueryTest, FiltersMayNameAllButTheIndexKey) {
  AddPlace(1, "Bonn", "1", S("x", "yes"));
  AddPlace(2, "Bonn", "2", S("x", "no"));
  EXPECT_THAT(Query("by-region", ByRegion("", Value("x", "s: 'yes'")) +
                                     " filter_expression: 'x = :x' limit: 2"),
              HasSubstr(" count: 1 scanned_count: 2 last_evaluated_key"));
  EXPECT_THAT(Found("by-region", ByRegion("", Value("two", "n: '2'")) +
                                     " filter_expression: 'sk = :two'"),
              ElementsAre("2"));
  for (const char* key : {"country", "yard", "city", "score"}) {
    EXPECT_EQ(
        Query("by-region",
              absl::StrCat(ByRegion(), " filter_expression: 'attribute_exists(",
                           key, ")'")),
        absl::StrCat("VALIDATION: Filter Expression can only contain "
                     "non-primary key attributes: Primary key "
                     "attribute: ",
                     key));
  }
  EXPECT_THAT(Found("Scan", "by-region",
                    Value("one", "n: '1'") + " filter_expression: 'score = "
                                             ":one'"),
              ElementsAre("1"));
}

TEST_F(GlobalIndexQueryTest, PathsLeadAroundIndexKeys) {
  EXPECT_EQ(Query("by-name", ByName("n") + " projection_expression: 'city.a'"),
            "VALIDATION: Key attributes must be scalars; list random access "
            "'[]' and map lookup '.' are not allowed: IndexKey: city");
}

TEST_F(GlobalIndexQueryTest, ReadsAreNeverStrong) {
  const std::string refusal =
      "VALIDATION: Consistent reads are not supported on global secondary "
      "indexes";
  EXPECT_EQ(Query("by-name", ByName("n") + " consistent_read: true"), refusal);
  EXPECT_EQ(Scan("by-name", "consistent_read: true"), refusal);
  EXPECT_EQ(Query("by-name", ByName("n") + " consistent_read: false"), "");
  EXPECT_THAT(Stream("StreamScan",
                     "scan { table_name: 'places' index_name: "
                     "'by-name' consistent_read: true }"),
              ElementsAre(refusal));
}

TEST_F(GlobalIndexQueryTest, AnIndexThatIsBeingFilledIsNotRead) {
  Add(Pair("a", 1) + S("label", "n"));
  const std::string refusal =
      "VALIDATION: Cannot read from backfilling global secondary index: "
      "filling";
  EXPECT_EQ(Query("filling", ByName("n")), refusal);
  EXPECT_EQ(Scan("filling", ""), refusal);
  EXPECT_EQ(Query("missing", ByName("n")),
            "VALIDATION: The table does not have the specified index: missing");
}

}  // namespace
}  // namespace pallet::service
