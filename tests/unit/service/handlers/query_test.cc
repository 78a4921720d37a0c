// SPDX-License-Identifier: Apache-2.0
//
// Query and StreamQuery: which items, in which order, in which pages.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "model/errors.h"
#include "pallet/v1/query.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kAll[] = "key_condition_expression: 'pk = :p'";

class QueryTest : public HandlerTest {
 protected:
  // Five items "p" with sk -20, -1, 0, 3.5 and 100, and neighbours.
  void PutFive() {
    for (const char* sk : {"3.5", "-1", "100", "0", "-20"}) {
      Put("pairs", S("pk", "p") + N("sk", sk));
    }
    Put("pairs", Pair("o", 5));
    Put("pairs", Pair("q", 5));
  }

  static std::string Request(absl::string_view more) {
    return absl::StrCat(
        "table_name: 'pairs' expression_attribute_values { key: ':p' value: { "
        "s: 'p' } } ",
        more);
  }

  std::string Query(absl::string_view more) {
    return Call("Query", Request(more));
  }

  // Parses a response, or a stream message: they print alike.
  template <typename Response>
  static Response Parse(const std::string& text) {
    Response response;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response;
  }

  // The sort keys of the items, separated by blanks.
  template <typename Response = v1::QueryResponse>
  static std::string SortKeys(const std::string& text) {
    std::string keys;
    const auto response = Parse<Response>(text);
    for (const v1::Item& item : response.items()) {
      absl::StrAppend(&keys, keys.empty() ? "" : " ",
                      item.attributes().at("sk").n());
    }
    return keys;
  }

  std::string Where(absl::string_view condition, absl::string_view values) {
    const std::string answer = Query(absl::StrCat(
        "key_condition_expression: 'pk = :p", condition.empty() ? "" : " AND ",
        condition, "' ", values));
    return absl::StartsWith(answer, "VALIDATION") ? answer : SortKeys(answer);
  }

  static std::string Value(absl::string_view name, absl::string_view n) {
    return absl::StrCat(" expression_attribute_values { key: '", name,
                        "' value: { n: '", n, "' } }");
  }
};

TEST_F(QueryTest, Example) {
  PutFive();
  EXPECT_EQ(Query("key_condition_expression: 'pk = :p AND sk > :n'" +
                  Value(":n", "3")),
            "items { attributes { key: \"pk\" value { s: \"p\" } } "
            "attributes { key: \"sk\" value { n: \"3.5\" } } } "
            "items { attributes { key: \"pk\" value { s: \"p\" } } "
            "attributes { key: \"sk\" value { n: \"100\" } } } "
            "count: 2 scanned_count: 2");
}

TEST_F(QueryTest, EverySortConditionHasItsEdges) {
  PutFive();
  const std::string n = Value(":n", "0");
  EXPECT_EQ(Where("", ""), "-20 -1 0 3.5 100");
  EXPECT_EQ(Where("sk = :n", n), "0");
  EXPECT_EQ(Where("sk < :n", n), "-20 -1");
  EXPECT_EQ(Where("sk <= :n", n), "-20 -1 0");
  EXPECT_EQ(Where("sk > :n", n), "3.5 100");
  EXPECT_EQ(Where("sk >= :n", n), "0 3.5 100");
  EXPECT_EQ(Where("sk BETWEEN :n AND :m", n + Value(":m", "3.5")), "0 3.5");
  EXPECT_EQ(Where("sk = :n", Value(":n", "7")), "");
  EXPECT_EQ(Where("sk < :n", Value(":n", "-20")), "");
}

TEST_F(QueryTest, EverySortConditionHasItsEdgesBackwardsToo) {
  PutFive();
  const auto backwards = [&](absl::string_view condition, absl::string_view n) {
    return Where(condition, Value(":n", n) + " scan_index_forward: false");
  };
  EXPECT_EQ(SortKeys(Query(absl::StrCat(kAll, " scan_index_forward: false"))),
            "100 3.5 0 -1 -20");
  EXPECT_EQ(backwards("sk < :n", "0"), "-1 -20");
  EXPECT_EQ(backwards("sk <= :n", "0"), "0 -1 -20");
  EXPECT_EQ(backwards("sk > :n", "0"), "100 3.5");
  EXPECT_EQ(backwards("sk >= :n", "0"), "100 3.5 0");
  EXPECT_EQ(backwards("sk = :n", "0"), "0");
}

TEST_F(QueryTest, PrefixesOfStringsAndBinariesAreByBytes) {
  EXPECT_THAT(
      Call("CreateTable",
           "table_name: 'words' billing_mode: BILLING_MODE_PAY_PER_REQUEST "
           "attribute_definitions { attribute_name: 'pk' "
           "attribute_type: SCALAR_ATTRIBUTE_TYPE_S } "
           "attribute_definitions { attribute_name: 'sk' "
           "attribute_type: SCALAR_ATTRIBUTE_TYPE_B } "
           "key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH } "
           "key_schema { attribute_name: 'sk' key_type: KEY_TYPE_RANGE }"),
      StartsWith("table_description"));
  for (const char* sk :
       {"a", "a\\000", "a\\000\\000", "a\\000\\001", "a\\001", "a\\377", "b"}) {
    Put("words", S("pk", "p") + B("sk", sk));
  }
  const auto starting = [&](absl::string_view prefix) {
    const auto response = Parse<v1::QueryResponse>(Call(
        "Query",
        absl::StrCat("table_name: 'words' key_condition_expression: 'pk = :p "
                     "AND begins_with(sk, :b)' expression_attribute_values { "
                     "key: ':p' value: { s: 'p' } } "
                     "expression_attribute_values { key: ':b' value: { b: '",
                     prefix, "' } }")));
    return response.count();
  };
  EXPECT_EQ(starting("a"), 6);
  EXPECT_EQ(starting("a\\000"), 3);
  EXPECT_EQ(starting("a\\000\\000"), 1);
  EXPECT_EQ(starting("a\\377"), 1);
  EXPECT_EQ(starting("c"), 0);
}

TEST_F(QueryTest, LimitEndsAPageAndTheStartKeyGoesOnBehindIt) {
  PutFive();
  for (const std::string direction :
       {"scan_index_forward: true", "scan_index_forward: false"}) {
    std::string start;
    std::vector<std::string> pages;
    for (int i = 0; i < 4; ++i) {
      const auto page = Parse<v1::QueryResponse>(
          Query(absl::StrCat(kAll, " limit: 2 ", direction, " ", start)));
      std::string keys;
      for (const v1::Item& item : page.items()) {
        absl::StrAppend(&keys, item.attributes().at("sk").n(), ";");
      }
      pages.push_back(keys);
      if (!page.has_last_evaluated_key()) break;
      start = absl::StrCat("exclusive_start_key {",
                           page.last_evaluated_key().ShortDebugString(), "}");
    }
    if (direction == "scan_index_forward: true") {
      EXPECT_THAT(pages, ElementsAre("-20;-1;", "0;3.5;", "100;"));
    } else {
      EXPECT_THAT(pages, ElementsAre("100;3.5;", "0;-1;", "-20;"));
    }
  }
}

TEST_F(QueryTest, AFullPageNamesItsEndThoughNothingIsBehindIt) {
  PutFive();
  EXPECT_THAT(Query(absl::StrCat(kAll, " limit: 5")),
              HasSubstr("last_evaluated_key"));
  EXPECT_THAT(Query(absl::StrCat(kAll, " limit: 6")),
              Not(HasSubstr("last_evaluated_key")));
}

TEST_F(QueryTest, AnAbsentStartKeyItemIsAPlaceLikeAnyOther) {
  PutFive();
  EXPECT_EQ(SortKeys(Query(absl::StrCat(kAll, " exclusive_start_key {",
                                        Pair("p", 1), "}"))),
            "3.5 100");
  EXPECT_EQ(
      SortKeys(Query(absl::StrCat(kAll, " scan_index_forward: false ",
                                  "exclusive_start_key {", Pair("p", 1), "}"))),
      "0 -1 -20");
}

TEST_F(QueryTest, StartKeysMustFitTheQuery) {
  EXPECT_THAT(
      Query(absl::StrCat(kAll, " exclusive_start_key {", Plain("p"), "}")),
      HasSubstr("The provided starting key is invalid"));
  EXPECT_THAT(
      Query(absl::StrCat(kAll, " exclusive_start_key {", Pair("q", 1), "}")),
      HasSubstr("outside query boundaries"));
}

// A page ends with the item that crosses 1 MB.
TEST_F(QueryTest, PagesEndAtOneMegabyte) {
  const std::string value(299990, 'x');  // about 300,000 bytes an item
  for (int i = 0; i < 5; ++i) Put("pairs", Pair("p", i) + S("v", value));
  const auto page = Parse<v1::QueryResponse>(Query(absl::StrCat(
      kAll, " return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL")));
  EXPECT_EQ(page.count(), 4);
  EXPECT_TRUE(page.has_last_evaluated_key());
  EXPECT_EQ(page.consumed_capacity().capacity_units(), 146.5);  // 293 / 2
}

TEST_F(QueryTest, CountTellsHowManyWithoutTheItems) {
  PutFive();
  EXPECT_EQ(Query(absl::StrCat(kAll, " select: SELECT_COUNT")),
            "count: 5 scanned_count: 5");
}

TEST_F(QueryTest, NothingThereIsAnEmptyPage) { EXPECT_EQ(Query(kAll), ""); }

TEST_F(QueryTest, RefusalsComeInDynamoDbsOrder) {
  // Constraints, then rules of the request, then expressions, then the table,
  // then what needs its schema.
  EXPECT_THAT(Call("Query", "table_name: 'nowhere' select: 9 limit: 0"),
              HasSubstr("'select'"));
  EXPECT_EQ(Call("Query", "table_name: 'nowhere' limit: 0"),
            "VALIDATION: 1 validation error detected: Value at 'Limit' failed "
            "to satisfy constraint: Member must have value greater than or "
            "equal to 1");
  EXPECT_THAT(
      Call("Query", "table_name: 'nowhere' select: SELECT_SPECIFIC_ATTRIBUTES"),
      HasSubstr("Must specify the AttributesToGet"));
  EXPECT_THAT(Call("Query", "table_name: 'nowhere'"),
              HasSubstr("KeyConditionExpression parameter must be specified"));
  EXPECT_THAT(
      Call("Query", "table_name: 'nowhere' key_condition_expression: 'pk ! 1'"),
      HasSubstr("Syntax error"));
  EXPECT_THAT(
      Call("Query", absl::StrReplaceAll(Request(kAll), {{"pairs", "nowhere"}})),
      StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Query("key_condition_expression: 'elsewhere = :p'"),
              HasSubstr("Query condition missed key schema element: pk"));
}

TEST_F(QueryTest, UnusedPlaceholdersAreRefused) {
  EXPECT_THAT(Query(absl::StrCat(kAll, Value(":unused", "1"))),
              HasSubstr("unused in expressions: keys: {:unused}"));
}

TEST_F(QueryTest, FreshnessIsChecked) {
  EXPECT_EQ(Query(absl::StrCat(kAll, " freshness { strong: true }")),
            Query(kAll));
  std::string many;
  for (int i = 0; i <= 100; ++i) many += " positions: ''";
  EXPECT_THAT(Query(absl::StrCat(kAll, " freshness {", many, " }")),
              HasSubstr("at most 100 positions"));
}

class StreamQueryTest : public QueryTest {
 protected:
  std::vector<std::string> StreamQuery(absl::string_view more,
                                       absl::string_view beside = "") {
    std::vector<std::string> messages = Stream(
        "StreamQuery", absl::StrCat("query {", Request(more), "} ", beside));
    return messages;
  }
};

TEST_F(StreamQueryTest, SendsAllPagesAndEndsWithoutAToken) {
  const std::string value(299990, 'x');
  for (int i = 0; i < 6; ++i) Put("pairs", Pair("p", i) + S("v", value));
  const std::vector<std::string> messages = StreamQuery(kAll);
  ASSERT_EQ(messages.size(), 2u);
  const auto first = Parse<v1::StreamQueryResponse>(messages[0]);
  const auto second = Parse<v1::StreamQueryResponse>(messages[1]);
  EXPECT_EQ(first.items_size(), 4);
  EXPECT_TRUE(first.has_resume_token());
  EXPECT_EQ(second.items_size(), 2);
  EXPECT_FALSE(second.has_resume_token());
}

TEST_F(StreamQueryTest, ResumesBehindItsTokenEitherWay) {
  PutFive();
  for (const std::string direction : {"true", "false"}) {
    const std::string query =
        absl::StrCat(kAll, " scan_index_forward: ", direction);
    const auto first = Parse<v1::StreamQueryResponse>(
        StreamQuery(query + " limit: 2").front());
    ASSERT_TRUE(first.has_resume_token());
    v1::StreamQueryRequest token;
    token.set_resume_token(first.resume_token());
    EXPECT_EQ(SortKeys<v1::StreamQueryResponse>(
                  StreamQuery(query, token.ShortDebugString()).front()),
              direction == "true" ? "0 3.5 100" : "0 -1 -20");
  }
}

TEST_F(StreamQueryTest, LimitCountsTheWholeStream) {
  PutFive();
  const std::vector<std::string> messages =
      StreamQuery(absl::StrCat(kAll, " limit: 3"));
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(SortKeys<v1::StreamQueryResponse>(messages[0]), "-20 -1 0");
}

TEST_F(StreamQueryTest, AnEmptyResultIsOneMessageWithoutAToken) {
  EXPECT_THAT(StreamQuery(kAll), ElementsAre(""));
}

TEST_F(StreamQueryTest, TokensOfOtherRequestsAreRefused) {
  PutFive();
  const auto first = Parse<v1::StreamQueryResponse>(
      StreamQuery(absl::StrCat(kAll, " limit: 2")).front());
  v1::StreamQueryRequest token;
  token.set_resume_token(first.resume_token());
  EXPECT_THAT(
      Stream("StreamQuery",
             absl::StrCat("query { table_name: 'pairs' ", kAll,
                          " expression_attribute_values { key: ':p' value: { "
                          "s: 'q' } } } ",
                          token.ShortDebugString())),
      ElementsAre(
          "VALIDATION: The resume token does not belong to this request"));
  for (const char* bad : {"", "\\001", "nonsense"}) {
    EXPECT_THAT(StreamQuery(kAll, absl::StrCat("resume_token: '", bad, "'")),
                ElementsAre(StartsWith("VALIDATION")));
  }
}

TEST_F(StreamQueryTest, StopsBetweenPagesWhenNobodyWaits) {
  PutFive();
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  CallContext context;
  context.cancelled = cancelled;
  auto source =
      Open("StreamQuery", absl::StrCat("query {", Request(kAll), "}"), context);
  ASSERT_TRUE(source.ok()) << source.status();
  cancelled->store(true);
  const auto page = (*source)->Next();
  EXPECT_EQ(model::ReasonOf(page.status()), model::Reason::kCancelled);
}

}  // namespace
}  // namespace pallet::service
