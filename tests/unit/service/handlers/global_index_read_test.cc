// SPDX-License-Identifier: Apache-2.0
//
// Query and Scan over global secondary indexes: what they find and in which
// order, what they take, and what is refused.
//
// The table "places" has pk S and sk N, and these indexes:
//   by-name    label S; all attributes
//   by-region  country S, yard N, then city S, score N; with x
//   by-score   country S, then score N; keys only
//   filling    label S; not to be read yet
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "tests/testing/index_entries.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPlaces[] = R"(
  name: 'places' billing_mode: TABLE_BILLING_MODE_PAY_PER_REQUEST
  attribute_definitions { name: 'pk' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'sk' type: SCALAR_TYPE_NUMBER }
  attribute_definitions { name: 'label' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'country' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'yard' type: SCALAR_TYPE_NUMBER }
  attribute_definitions { name: 'city' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'score' type: SCALAR_TYPE_NUMBER }
  key_schema { name: 'pk' role: KEY_ROLE_PARTITION }
  key_schema { name: 'sk' role: KEY_ROLE_SORT }
  global_indexes { name: 'by-name' projection: INDEX_PROJECTION_ALL
    key_schema { name: 'label' role: KEY_ROLE_PARTITION } }
  global_indexes { name: 'by-region' projection: INDEX_PROJECTION_INCLUDE
    non_key_attributes: 'x'
    key_schema { name: 'country' role: KEY_ROLE_PARTITION }
    key_schema { name: 'yard' role: KEY_ROLE_PARTITION }
    key_schema { name: 'city' role: KEY_ROLE_SORT }
    key_schema { name: 'score' role: KEY_ROLE_SORT } }
  global_indexes { name: 'by-score' projection: INDEX_PROJECTION_KEYS_ONLY
    key_schema { name: 'country' role: KEY_ROLE_PARTITION }
    key_schema { name: 'score' role: KEY_ROLE_SORT } }
  global_indexes { name: 'filling' projection: INDEX_PROJECTION_ALL
    key_schema { name: 'label' role: KEY_ROLE_PARTITION } }
)";

constexpr char kIndexes[] =
    " return_consumed_capacity: RETURN_CONSUMED_CAPACITY_INDEXES ";

class GlobalIndexReadTest : public HandlerTest {
 protected:
  GlobalIndexReadTest() {
    storage::v1::TableRecord places;
    CHECK(google::protobuf::TextFormat::ParseFromString(kPlaces, &places));
    const auto table = host_->CreateTable(places);
    CHECK_OK(table.status());
    std::vector<cluster::IndexId> filled;
    for (const auto& index : (*table)->global_indexes) {
      if (index.schema->name() != "filling") filled.push_back(index.id);
    }
    CHECK_OK(host_->ActivateIndexes("places", filled).status());
  }

  // Puts the item's entries into all indexes it belongs to.
  void Add(const std::string& item_text) {
    v1::Item item;
    CHECK(google::protobuf::TextFormat::ParseFromString(item_text, &item));
    for (const char* index : {"by-name", "by-region", "by-score", "filling"}) {
      testing::PutIndexEntry(*host_, "places", index, item.SerializeAsString());
    }
  }
  void AddPlace(int sk, absl::string_view city, absl::string_view score,
                absl::string_view more = "") {
    Add(absl::StrCat(Pair("a", sk), S("country", "DE"), N("yard", "1"),
                     S("city", city), N("score", score), more));
  }

  static std::string Value(absl::string_view name, absl::string_view value) {
    return absl::StrCat(" expression_attribute_values { key: ':", name,
                        "' value { ", value, " } }");
  }
  static std::string ByName(absl::string_view name) {
    return absl::StrCat(" key_condition_expression: 'label = :n'",
                        Value("n", absl::StrCat("s: '", name, "'")));
  }
  // Germany's yard 1 and, behind that, a condition.
  static std::string ByRegion(absl::string_view more = "",
                              absl::string_view values = "") {
    return absl::StrCat(
        " key_condition_expression: 'country = :c AND yard = :z", more, "'",
        Value("c", "s: 'DE'"), Value("z", "n: '1'"), values);
  }
  static std::string ByScore() {
    return absl::StrCat(" key_condition_expression: 'country = :c'",
                        Value("c", "s: 'DE'"));
  }

  std::string Query(absl::string_view index, absl::string_view more) {
    return Call("Query", absl::StrCat("table_name: 'places' index_name: '",
                                      index, "' ", more));
  }
  std::string Scan(absl::string_view index, absl::string_view more) {
    return Call("Scan", absl::StrCat("table_name: 'places' index_name: '",
                                     index, "' ", more));
  }

  // The sort keys of what is found, in order; page by page.
  std::vector<std::string> Found(const char* operation, absl::string_view index,
                                 absl::string_view more) {
    std::vector<std::string> found;
    std::string start;
    do {
      const std::string text =
          Call(operation, absl::StrCat("table_name: 'places' index_name: '",
                                       index, "' ", more, start));
      v1::QueryResponse page;  // Scan's looks the same
      CHECK(google::protobuf::TextFormat::ParseFromString(text, &page)) << text;
      for (const v1::Item& item : page.items()) {
        found.push_back(item.attributes().at("sk").n());
      }
      start =
          page.has_last_evaluated_key()
              ? absl::StrCat(" exclusive_start_key { ",
                             page.last_evaluated_key().ShortDebugString(), " }")
              : "";
    } while (!start.empty());
    return found;
  }
  std::vector<std::string> Found(absl::string_view index,
                                 absl::string_view more) {
    return Found("Query", index, more);
  }
};

TEST_F(GlobalIndexReadTest, Example) {
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

TEST_F(GlobalIndexReadTest, EntriesComeInTheOrderOfAllSortAttributesBothWays) {
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

TEST_F(GlobalIndexReadTest, SortConditionsNarrowFromLeftToRight) {
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

TEST_F(GlobalIndexReadTest, LegacyKeyConditionsWorkToo) {
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

TEST_F(GlobalIndexReadTest, EntriesHaveWhatIsProjected) {
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

TEST_F(GlobalIndexReadTest, SelectGoesWithTheProjection) {
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

TEST_F(GlobalIndexReadTest, WhatIsNotProjectedCannotBeNamed) {
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

TEST_F(GlobalIndexReadTest, FiltersMayNameAllButTheIndexKey) {
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

TEST_F(GlobalIndexReadTest, PathsLeadAroundIndexKeys) {
  EXPECT_EQ(Query("by-name", ByName("n") + " projection_expression: 'city.a'"),
            "VALIDATION: Key attributes must be scalars; list random access "
            "'[]' and map lookup '.' are not allowed: IndexKey: city");
}

TEST_F(GlobalIndexReadTest, ReadsAreNeverStrong) {
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

TEST_F(GlobalIndexReadTest, AnIndexThatIsBeingFilledIsNotRead) {
  Add(Pair("a", 1) + S("label", "n"));
  const std::string refusal =
      "VALIDATION: Cannot read from backfilling global secondary index: "
      "filling";
  EXPECT_EQ(Query("filling", ByName("n")), refusal);
  EXPECT_EQ(Scan("filling", ""), refusal);
  EXPECT_EQ(Query("missing", ByName("n")),
            "VALIDATION: The table does not have the specified index: missing");
}

TEST_F(GlobalIndexReadTest, CapacityIsThatOfTheIndex) {
  for (int i = 0; i < 3; ++i) {
    AddPlace(i, "Bonn", "1", S("x", std::string(3000, 'x')));
  }
  // 9 KB and a bit: three units, half of them.
  EXPECT_THAT(
      Query("by-region", ByRegion() + " select: SELECT_COUNT" + kIndexes),
      "count: 3 scanned_count: 3 consumed_capacity { table_name: "
      "\"places\" capacity_units: 1.5 table { capacity_units: 0 } "
      "global_secondary_indexes { key: \"by-region\" value { "
      "capacity_units: 1.5 } } }");
  EXPECT_EQ(Scan("by-score",
                 "select: SELECT_COUNT return_consumed_capacity: "
                 "RETURN_CONSUMED_CAPACITY_TOTAL"),
            "count: 3 scanned_count: 3 consumed_capacity { table_name: "
            "\"places\" capacity_units: 0.5 }");
}

TEST_F(GlobalIndexReadTest, PagesEndAtOneMegabyteOfEntries) {
  for (int i = 0; i < 5; ++i) {
    AddPlace(i, "Bonn", "1", S("x", std::string(300000, 'v')));
  }
  const std::string page =
      Query("by-region", ByRegion() + " projection_expression: 'sk'");
  EXPECT_THAT(page, HasSubstr("count: 4 scanned_count: 4 last_evaluated_key"));
  EXPECT_THAT(Found("by-region", ByRegion() + " projection_expression: 'sk'"),
              ElementsAre("0", "1", "2", "3", "4"));
  // Its entries have no x.
  EXPECT_EQ(Query("by-score", ByScore() + " select: SELECT_COUNT"),
            "count: 5 scanned_count: 5");
}

TEST_F(GlobalIndexReadTest, LastKeysHaveIndexAndTableKeysOnce) {
  AddPlace(1, "Bonn", "1", S("label", "n"));
  EXPECT_EQ(Query("by-region", ByRegion() + " limit: 1 select: SELECT_COUNT"),
            "count: 1 scanned_count: 1 last_evaluated_key { "
            "attributes { key: \"city\" value { s: \"Bonn\" } } "
            "attributes { key: \"country\" value { s: \"DE\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"score\" value { n: \"1\" } } "
            "attributes { key: \"sk\" value { n: \"1\" } } "
            "attributes { key: \"yard\" value { n: \"1\" } } }");
}

TEST_F(GlobalIndexReadTest, StartKeysAreBoundToTheQuery) {
  const auto start = [](const std::string& attributes) {
    return " exclusive_start_key { " + attributes + " }";
  };
  const std::string table_key = Pair("a", 1);
  const std::string region = S("country", "DE") + N("yard", "1");
  const std::string sort = S("city", "Bonn") + N("score", "1");
  const std::string invalid =
      "VALIDATION: The provided starting key is invalid";
  EXPECT_EQ(Query("by-region", ByRegion() + start(table_key + region + sort)),
            "");
  // What belongs to it, all of it, nothing else.
  EXPECT_EQ(Query("by-region", ByRegion() + start(table_key)), invalid);
  EXPECT_EQ(Query("by-region", ByRegion() + start(region + sort)), invalid);
  EXPECT_EQ(Query("by-region",
                  ByRegion() + start(table_key + region + S("city", "Bonn"))),
            invalid);
  EXPECT_EQ(Query("by-region",
                  ByRegion() + start(table_key + region + sort + S("x", "1"))),
            invalid);
  EXPECT_EQ(Query("by-region",
                  ByRegion() + start(table_key + region + S("city", "Bonn") +
                                     S("score", "1"))),
            invalid);
  // Within what the query may return.
  EXPECT_EQ(
      Query("by-region", ByRegion() + start(table_key + S("country", "DE") +
                                            N("yard", "2") + sort)),
      "VALIDATION: The provided starting key is outside query boundaries "
      "based on provided conditions");
  const std::string predicate =
      "VALIDATION: The provided starting key does not match the range key "
      "predicate";
  EXPECT_EQ(
      Query("by-region", ByRegion(" AND city = :b", Value("b", "s: 'Aachen'")) +
                             start(table_key + region + sort)),
      predicate);
  EXPECT_EQ(Query("by-region",
                  ByRegion(" AND city = :b AND score > :s",
                           Value("b", "s: 'Bonn'") + Value("s", "n: '1'")) +
                      start(table_key + region + sort)),
            predicate);
  // All equal: there may be many of them still.
  EXPECT_EQ(Query("by-region",
                  ByRegion(" AND city = :b AND score = :s",
                           Value("b", "s: 'Bonn'") + Value("s", "n: '1'")) +
                      start(table_key + region + sort)),
            "");
  EXPECT_THAT(Scan("by-region", start(table_key)), StartsWith(invalid));
}

TEST_F(GlobalIndexReadTest, ScansMeetEachEntryOnceAlsoInSegments) {
  std::vector<std::string> all;
  for (int i = 0; i < 40; ++i) {
    Add(Pair(absl::StrCat("p", i % 7), i) +
        (i % 2 == 0 ? S("label", absl::StrCat("n", i / 4)) : ""));
    if (i % 2 == 0) all.push_back(absl::StrCat(i));
  }
  EXPECT_THAT(Found("Scan", "by-name", ""),
              ::testing::UnorderedElementsAreArray(all));
  EXPECT_THAT(Found("Scan", "by-name", "limit: 3 "),
              ::testing::UnorderedElementsAreArray(all));
  std::vector<std::string> together;
  for (int segment = 0; segment < 3; ++segment) {
    const auto part = Found(
        "Scan", "by-name",
        absl::StrCat("total_segments: 3 segment: ", segment, " limit: 2 "));
    EXPECT_LT(part.size(), all.size());
    together.insert(together.end(), part.begin(), part.end());
  }
  EXPECT_THAT(together, ::testing::UnorderedElementsAreArray(all));
  EXPECT_THAT(Found("Scan", "by-region", ""), ElementsAre());
}

TEST_F(GlobalIndexReadTest, StartKeysBelongToTheirSegment) {
  Add(Pair("a", 1) + S("label", "n"));
  const std::string start =
      " exclusive_start_key {" + Pair("a", 1) + S("label", "n") + "}";
  int taken = 0;
  for (int segment = 0; segment < 2; ++segment) {
    const std::string answer = Scan(
        "by-name", absl::StrCat("total_segments: 2 segment: ", segment, start));
    if (answer.empty()) {
      ++taken;
    } else {
      EXPECT_EQ(answer,
                absl::StrCat("VALIDATION: The provided starting key is "
                             "invalid: Invalid ExclusiveStartKey. Please use "
                             "ExclusiveStartKey with correct Segment. "
                             "TotalSegments: 2 Segment: ",
                             segment));
    }
  }
  EXPECT_EQ(taken, 1);
}

TEST_F(GlobalIndexReadTest, StreamsGoOnWhereTheirTokensSay) {
  for (int i = 0; i < 5; ++i) {
    AddPlace(i, "Bonn", absl::StrCat(i), S("x", std::string(300000, 'v')));
  }
  const std::string query =
      "query { table_name: 'places' index_name: 'by-region' "
      "projection_expression: 'sk' " +
      ByRegion() + "} ";
  const std::vector<std::string> pages = Stream("StreamQuery", query);
  ASSERT_EQ(pages.size(), 2u);
  const size_t at = pages[0].find("resume_token: ");
  ASSERT_NE(at, std::string::npos);
  const std::string token = pages[0].substr(at);
  EXPECT_THAT(Stream("StreamQuery", query + token), ElementsAre(pages[1]));
  // A token of one index is none of another, nor of the table.
  EXPECT_THAT(
      Stream("StreamQuery",
             "query { table_name: 'places' index_name: 'by-score' " +
                 ByScore() + "} " + token),
      ElementsAre("VALIDATION: The resume token does not belong to this "
                  "request"));
  EXPECT_THAT(Stream("StreamScan", "scan { table_name: 'places' } " + token),
              ElementsAre("VALIDATION: The resume token does not belong to "
                          "this request"));
  EXPECT_EQ(Stream("StreamScan",
                   "scan { table_name: 'places' index_name: 'by-region' "
                   "projection_expression: 'sk' }")
                .size(),
            2u);
}

TEST_F(GlobalIndexReadTest, AReadOfAnIndexThatWentSaysSo) {
  for (int i = 0; i < 5; ++i) {
    AddPlace(i, "Bonn", absl::StrCat(i), S("x", std::string(300000, 'v')));
  }
  auto source = Open("StreamScan",
                     "scan { table_name: 'places' index_name: 'by-region' }");
  CHECK_OK(source.status());
  CHECK_OK((*source)->Next().status());
  CHECK_OK(host_
               ->UpdateTable("places",
                             [](storage::v1::TableRecord& table) {
                               table.mutable_global_indexes()->DeleteSubrange(
                                   1, 1);
                               return absl::OkStatus();
                             })
               .status());
  EXPECT_EQ((*source)->Next().status().message(),
            "The table does not have the specified index: by-region");
}

}  // namespace
}  // namespace pallet::service
