// SPDX-License-Identifier: Apache-2.0
//
// Pages of global secondary indexes: what they take, where they end and go on,
// in segments and streams too.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/service/handlers/global_index_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using GlobalIndexPagesTest = GlobalIndexTest;

TEST_F(GlobalIndexPagesTest, CapacityIsThatOfTheIndex) {
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

TEST_F(GlobalIndexPagesTest, PagesEndAtOneMegabyteOfEntries) {
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

TEST_F(GlobalIndexPagesTest, LastKeysHaveIndexAndTableKeysOnce) {
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

TEST_F(GlobalIndexPagesTest, StartKeysAreBoundToTheQuery) {
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

TEST_F(GlobalIndexPagesTest, ScansMeetEachEntryOnceAlsoInSegments) {
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

TEST_F(GlobalIndexPagesTest, StartKeysBelongToTheirSegment) {
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

TEST_F(GlobalIndexPagesTest, StreamsGoOnWhereTheirTokensSay) {
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

TEST_F(GlobalIndexPagesTest, AReadOfAnIndexThatWentSaysSo) {
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
