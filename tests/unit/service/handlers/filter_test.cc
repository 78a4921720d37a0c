// SPDX-License-Identifier: Apache-2.0
//
// Filters and projections of reads: what comes back, what is counted, and what
// does not go together. Said in expressions and in legacy parameters.
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kCount[] = " select: SELECT_COUNT";

std::string V(absl::string_view name, absl::string_view value) {
  return absl::StrCat(" expression_attribute_values { key: '", name,
                      "' value { ", value, " } }");
}

class FilterTest : public HandlerTest {
 protected:
  FilterTest() {
    for (int i = 1; i <= 6; ++i) {
      Put("pairs", Pair("a", i) + N("v", absl::StrCat(i * 10)) +
                       S("parity", i % 2 == 0 ? "even" : "odd"));
    }
  }

  std::string Query(absl::string_view more, absl::string_view query =
                                                "key_condition_expression: "
                                                "'pk = :pk'") {
    return Call("Query", absl::StrCat("table_name: 'pairs' ", query, " ",
                                      V(":pk", "s: 'a'"), more));
  }
  std::string Scan(absl::string_view more) {
    return Call("Scan", absl::StrCat("table_name: 'pairs' ", more));
  }
  std::string Get(absl::string_view more) {
    return Call("GetItem", absl::StrCat("table_name: 'pairs' key {",
                                        Pair("a", 1), "} ", more));
  }
};

TEST_F(FilterTest, Example) {
  EXPECT_EQ(Query("filter_expression: 'parity = :e AND v > :v' "
                  "projection_expression: 'v'" +
                  V(":e", "s: 'even'") + V(":v", "n: '20'")),
            "items { attributes { key: \"v\" value { n: \"40\" } } } "
            "items { attributes { key: \"v\" value { n: \"60\" } } } "
            "count: 2 scanned_count: 6");
}

TEST_F(FilterTest, LimitsCountItemsBeforeTheFilter) {
  const std::string even =
      "filter_expression: 'parity = :e' projection_expression: 'sk' limit: 3" +
      V(":e", "s: 'even'");
  EXPECT_EQ(Query(even),
            "items { attributes { key: \"sk\" value { n: \"2\" } } } count: 1 "
            "scanned_count: 3 last_evaluated_key { attributes { key: \"pk\" "
            "value { s: \"a\" } } attributes { key: \"sk\" value { n: \"3\" } "
            "} }");
  EXPECT_THAT(Scan(even), HasSubstr("scanned_count: 3"));
  const auto pages = Stream(
      "StreamQuery",
      absl::StrCat("query { table_name: 'pairs' key_condition_expression: 'pk "
                   "= :pk' filter_expression: 'v = :v' projection_expression: "
                   "'v' limit: 5 ",
                   V(":pk", "s: 'a'"), V(":v", "n: '50'"), "}"));
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_THAT(pages[0],
              StartsWith("items { attributes { key: \"v\" value { n: \"50\" } "
                         "} } count: 1 scanned_count: 5 resume_token: "));
}

TEST_F(FilterTest, PagesEndAtAMegabyteOfWhatWasEvaluated) {
  for (int i = 0; i < 3; ++i) {
    Put("pairs", Pair("big", i) + S("v", std::string(390000, 'x')));
  }
  const std::string none = Query(
      "filter_expression: 'attribute_exists(nope)' return_consumed_capacity: "
      "RETURN_CONSUMED_CAPACITY_TOTAL" +
          V(":big", "s: 'big'"),
      "key_condition_expression: 'pk = :big AND sk >= :pk'");
  EXPECT_THAT(none, HasSubstr("does not match schema type"));
  const std::string page =
      Call("Query",
           "table_name: 'pairs' key_condition_expression: 'pk = :pk' "
           "filter_expression: 'attribute_exists(nope)' "
           "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL" +
               V(":pk", "s: 'big'"));
  EXPECT_THAT(page, StartsWith("scanned_count: 3 last_evaluated_key"));
  EXPECT_THAT(page,
              HasSubstr("capacity_units: 143"));  // 3 * 390,0xx / 4 KB / 2
}

TEST_F(FilterTest, ItemsThatLoseEverythingAreEmpty) {
  EXPECT_EQ(Query("projection_expression: 'nope' limit: 1 "),
            "items { } count: 1 scanned_count: 1 last_evaluated_key { "
            "attributes { key: \"pk\" value { s: \"a\" } } attributes { key: "
            "\"sk\" value { n: \"1\" } } }");
  EXPECT_EQ(Get("projection_expression: 'nope'"), "item { }");
  EXPECT_EQ(Call("GetItem", "table_name: 'pairs' key {" + Pair("z", 1) +
                                "} projection_expression: 'pk'"),
            "");
}

TEST_F(FilterTest, GetItemProjects) {
  EXPECT_EQ(Get("projection_expression: 'v, #p' expression_attribute_names { "
                "key: '#p' value: 'pk' }"),
            "item { attributes { key: \"pk\" value { s: \"a\" } } attributes { "
            "key: \"v\" value { n: \"10\" } } }");
  EXPECT_EQ(Get("attributes_to_get: 'v' attributes_to_get: 'none'"),
            "item { attributes { key: \"v\" value { n: \"10\" } } }");
}

TEST_F(FilterTest, GetItemChecksItsProjectionFirst) {
  const auto refusal = [&](absl::string_view more) {
    return Call("GetItem", absl::StrCat("table_name: 'none' key {",
                                        Pair("a", 1), "} ", more));
  };
  EXPECT_EQ(refusal("projection_expression: ''"),
            "VALIDATION: Invalid ProjectionExpression: The expression can not "
            "be empty;");
  EXPECT_EQ(refusal("attributes_to_get: 'a' attributes_to_get: 'a'"),
            "VALIDATION: One or more parameter values were invalid: Duplicate "
            "value in attribute name: a");
  EXPECT_EQ(refusal("projection_expression: 'a' attributes_to_get: 'a'"),
            "VALIDATION: Can not use both expression and non-expression "
            "parameters in the same request: Non-expression parameters: "
            "{AttributesToGet} Expression parameters: {ProjectionExpression}");
  EXPECT_EQ(refusal("expression_attribute_names { key: '#a' value: 'a' }"),
            "VALIDATION: ExpressionAttributeNames can only be specified when "
            "using expressions");
  EXPECT_EQ(Get("projection_expression: 'pk.a'"),
            "VALIDATION: Key attributes must be scalars; list random access "
            "'[]' and map lookup '.' are not allowed: Key: pk");
}

TEST_F(FilterTest, BatchGetItemProjectsPerTable) {
  Put("plain", Plain("p") + N("v", "1") + N("w", "2"));
  EXPECT_EQ(
      Call("BatchGetItem", "request_items { key: 'plain' value { keys {" +
                               Plain("p") + "} projection_expression: 'w' } }"),
      "responses { key: \"plain\" value { items { attributes { key: "
      "\"w\" value { n: \"2\" } } } } }");
  EXPECT_THAT(Call("BatchGetItem",
                   "request_items { key: 'plain' value { keys {" + Plain("p") +
                       "} projection_expression: 'w' } } "
                       "request_items { key: 'pairs' value { keys {" +
                       Pair("a", 1) + "} attributes_to_get: 'v' } }"),
              StartsWith("VALIDATION: Can not use both expression and"));
}

TEST_F(FilterTest, AQueryFiltersOnNoKeyAndAScanDoes) {
  const std::string filter = "filter_expression: 'sk > :n'" + V(":n", "n: '4'");
  EXPECT_EQ(Query(filter),
            "VALIDATION: Filter Expression can only contain non-primary key "
            "attributes: Primary key attribute: sk");
  EXPECT_EQ(Scan(filter + kCount), "count: 2 scanned_count: 6");
}

TEST_F(FilterTest, SelectGoesWithTheProjectionOrNot) {
  const std::string must =
      "Must specify the AttributesToGet or ProjectionExpression when choosing "
      "to get SPECIFIC_ATTRIBUTES";
  EXPECT_EQ(Query("select: SELECT_SPECIFIC_ATTRIBUTES"),
            "VALIDATION: 1 validation error detected: " + must);
  EXPECT_EQ(Scan("select: SELECT_SPECIFIC_ATTRIBUTES"), "VALIDATION: " + must);
  EXPECT_EQ(Scan("projection_expression: 'v' select: SELECT_COUNT"),
            "VALIDATION: Cannot specify the ProjectionExpression when choosing "
            "to get COUNT");
  EXPECT_EQ(Scan("attributes_to_get: 'v' select: SELECT_ALL_ATTRIBUTES"),
            "VALIDATION: Cannot specify the AttributesToGet when choosing to "
            "get ALL_ATTRIBUTES");
  EXPECT_THAT(Scan("projection_expression: 'v' limit: 1 select: "
                   "SELECT_SPECIFIC_ATTRIBUTES"),
              StartsWith("items { attributes { key: \"v\""));
}

TEST_F(FilterTest, ValuesAreSharedByAllExpressionsOfARequest) {
  EXPECT_EQ(Query(std::string("filter_expression: 'parity <> :pk'") + kCount),
            "count: 6 scanned_count: 6");
  EXPECT_THAT(Query("filter_expression: 'v = :v'" + V(":v", "n: '1'") +
                    V(":w", "n: '1'")),
              HasSubstr("unused in expressions: keys: {:w}"));
  EXPECT_EQ(Scan("expression_attribute_values { key: ':v' value { n: '1' } }"),
            "VALIDATION: ExpressionAttributeValues can only be specified when "
            "using expressions: FilterExpression is null");
}

// Legacy parameters.

std::string Condition(absl::string_view parameter, absl::string_view name,
                      absl::string_view op, absl::string_view values) {
  std::string text =
      absl::StrCat(" ", parameter, " { key: '", name,
                   "' value { comparison_operator: COMPARISON_OPERATOR_", op);
  for (const absl::string_view value : {values}) {
    if (!value.empty()) {
      absl::StrAppend(&text, " attribute_value_list { ", value, " }");
    }
  }
  return text + " } }";
}

TEST_F(FilterTest, LegacyParametersQueryAndFilter) {
  const std::string query = "table_name: 'pairs' attributes_to_get: 'v'" +
                            Condition("key_conditions", "pk", "EQ", "s: 'a'") +
                            Condition("key_conditions", "sk", "GT", "n: '2'");
  EXPECT_EQ(Call("Query",
                 query + Condition("query_filter", "parity", "EQ", "s: 'odd'")),
            "items { attributes { key: \"v\" value { n: \"30\" } } } items { "
            "attributes { key: \"v\" value { n: \"50\" } } } count: 2 "
            "scanned_count: 4");
  EXPECT_EQ(
      Call("Query", query + Condition("query_filter", "sk", "EQ", "n: '3'")),
      "VALIDATION: QueryFilter can only contain non-primary key "
      "attributes: Primary key attribute: sk");
  EXPECT_THAT(Call("Query", query + " filter_expression: 'a = b'"),
              HasSubstr("Non-expression parameters: {AttributesToGet, "
                        "KeyConditions} Expression parameters: "
                        "{FilterExpression}"));
}

TEST_F(FilterTest, AttributesToGetHas255Names) {
  std::string names = " attributes_to_get: 'v'";
  for (int i = 2; i <= 255; ++i) {
    absl::StrAppend(&names, " attributes_to_get: 'a", i, "'");
  }
  const std::string one_more = names + " attributes_to_get: 'b'";
  EXPECT_EQ(Get(names),
            "item { attributes { key: \"v\" value { n: \"10\" } } }");
  EXPECT_THAT(Get(one_more),
              HasSubstr("at 'attributesToGet' failed to satisfy constraint: "
                        "Member must have length less than or equal to 255"));
  const std::string pk = Condition("key_conditions", "pk", "EQ", "s: 'a'");
  EXPECT_THAT(Call("Query", "table_name: 'pairs'" + pk + names),
              HasSubstr("count: 6"));
  EXPECT_THAT(Call("Query", "table_name: 'pairs'" + pk + one_more),
              StartsWith("VALIDATION: "));
  EXPECT_THAT(Scan(one_more), StartsWith("VALIDATION: "));
}

TEST_F(FilterTest, LegacyScansFilterByAllOrAny) {
  const std::string two = Condition("scan_filter", "parity", "EQ", "s: 'odd'") +
                          Condition("scan_filter", "sk", "EQ", "n: '2'") +
                          kCount;
  EXPECT_EQ(Scan(two), "scanned_count: 6");
  EXPECT_EQ(Scan(two + " conditional_operator: CONDITIONAL_OPERATOR_OR"),
            "count: 4 scanned_count: 6");
  EXPECT_THAT(Scan("scan_filter { key: 'a' value {} }"),
              HasSubstr("Value null at 'scanFilter.a.member."
                        "comparisonOperator' failed to satisfy constraint: "
                        "Member must not be null"));
}

TEST_F(FilterTest, LegacyKeyConditionsHaveTheirRules) {
  const auto refusal = [&](absl::string_view conditions) {
    return Call("Query", absl::StrCat("table_name: 'pairs'", conditions));
  };
  const std::string pk = Condition("key_conditions", "pk", "EQ", "s: 'a'");
  EXPECT_EQ(refusal(""),
            "VALIDATION: Either the KeyConditions or KeyConditionExpression "
            "parameter must be specified in the request.");
  EXPECT_EQ(refusal(pk + Condition("key_conditions", "x", "EQ", "n: '1'") +
                    Condition("key_conditions", "y", "EQ", "n: '1'")),
            "VALIDATION: Conditions can be of length 1 or 2 only");
  EXPECT_EQ(refusal(pk + Condition("key_conditions", "sk", "NE", "n: '1'")),
            "VALIDATION: Attempted conditional constraint is not an indexable "
            "operation");
  EXPECT_EQ(refusal(Condition("key_conditions", "pk", "GT", "s: 'a'")),
            "VALIDATION: Query key condition not supported");
  EXPECT_EQ(refusal(Condition("key_conditions", "sk", "EQ", "n: '1'")),
            "VALIDATION: Query condition missed key schema element: pk");
}

}  // namespace
}  // namespace pallet::service
