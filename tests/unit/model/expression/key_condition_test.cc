// SPDX-License-Identifier: Apache-2.0
//
// KeyConditionExpression: what a Query may ask for (SEMANTICS 2.1 "keycond",
// 1.4 "Key condition", "Condition type", "Start key").
#include "model/expression/key_condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/errors.h"
#include "tests/testing/wire_values.h"

namespace pallet::model {
namespace {

using ::pallet::testing::B;
using ::pallet::testing::ItemOf;
using ::pallet::testing::N;
using ::pallet::testing::S;
using ::testing::ElementsAre;
using ::testing::StartsWith;
using Map = std::map<std::string, std::string>;

const KeySchema kByString = {{"pk", ScalarType::kString},
                             {{"sk", ScalarType::kString}}};
const KeySchema kByNumber = {{"pk", ScalarType::kString},
                             {{"sk", ScalarType::kNumber}}};
const KeySchema kByBinary = {{"pk", ScalarType::kString},
                             {{"sk", ScalarType::kBinary}}};
const KeySchema kNoSort = {{"pk", ScalarType::kString}, std::nullopt};

Map Values() {
  return {{":p", S("p")},
          {":q", S("q")},
          {":n", N("10")},
          {":m", N("20")},
          {":b", B("\x01z")},
          {":empty", S("")},
          {":emptyb", B("")},
          {":p2048", S(std::string(2048, 'p'))},
          {":p2049", S(std::string(2049, 'p'))},
          {":s1024", S(std::string(1024, 's'))},
          {":s1025", S(std::string(1025, 's'))}};
}

absl::StatusOr<KeyConditionExpression> Parse(absl::string_view text) {
  auto placeholders =
      expression::Placeholders::Create(Map{{"#year", "year"}}, Values());
  return KeyConditionExpression::Parse(text, *placeholders);
}

std::string Show(const KeyCondition& condition) {
  static constexpr absl::string_view kOperators[] = {
      "=", "<", "<=", ">", ">=", "between", "begins_with"};
  std::string text = absl::StrCat("pk=", condition.partition.front().bytes);
  if (!condition.sort.has_value()) return text;
  absl::StrAppend(&text, " sk ",
                  kOperators[static_cast<size_t>(condition.sort->op)], " ",
                  condition.sort->bound.bytes);
  if (condition.sort->upper.has_value()) {
    absl::StrAppend(&text, "..", condition.sort->upper->bytes);
  }
  return text;
}

// The condition as a line, or the error.
std::string Bound(absl::string_view text, const KeySchema& schema = kByString) {
  const auto parsed = Parse(text);
  if (!parsed.ok()) {
    return absl::StrCat("parse: ", parsed.status().message());
  }
  const auto condition = parsed->Bind(schema);
  if (condition.ok()) return Show(*condition);
  EXPECT_EQ(ReasonOf(condition.status()), Reason::kValidation);
  return std::string(condition.status().message());
}

TEST(KeyConditionTest, Example) {
  const auto parsed = Parse("pk = :p AND sk BETWEEN :n AND :m");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->Attributes(), ElementsAre("pk", "sk"));
  const auto condition = parsed->Bind(kByNumber);
  ASSERT_TRUE(condition.ok()) << condition.status();
  EXPECT_THAT(condition->partition,
              ElementsAre(KeyValue{ScalarType::kString, "p"}));
  EXPECT_EQ(*condition->sort,
            (SortCondition{SortOperator::kBetween,
                           {ScalarType::kNumber, "10"},
                           KeyValue{ScalarType::kNumber, "20"}}));
}

TEST(KeyConditionTest, EveryFormOfASortCondition) {
  EXPECT_EQ(Bound("pk = :p"), "pk=p");
  EXPECT_EQ(Bound("pk = :p", kNoSort), "pk=p");
  EXPECT_EQ(Bound("pk = :p AND sk = :q"), "pk=p sk = q");
  EXPECT_EQ(Bound("pk = :p AND sk < :q"), "pk=p sk < q");
  EXPECT_EQ(Bound("pk = :p AND sk <= :q"), "pk=p sk <= q");
  EXPECT_EQ(Bound("pk = :p AND sk > :q"), "pk=p sk > q");
  EXPECT_EQ(Bound("pk = :p AND sk >= :q"), "pk=p sk >= q");
  EXPECT_EQ(Bound("pk = :p AND sk BETWEEN :p AND :q"), "pk=p sk between p..q");
  EXPECT_EQ(Bound("pk = :p AND begins_with(sk, :q)"), "pk=p sk begins_with q");
  EXPECT_EQ(Bound("pk = :p AND begins_with(sk, :b)", kByBinary),
            "pk=p sk begins_with \x01z");
  EXPECT_EQ(Bound("pk = :p AND sk > :n", kByNumber), "pk=p sk > 10");
}

TEST(KeyConditionTest, OrderSidesAndParenthesesAreFree) {
  EXPECT_EQ(Bound("sk < :q AND pk = :p"), "pk=p sk < q");
  EXPECT_EQ(Bound(":p = pk AND :q < sk"), "pk=p sk > q");
  EXPECT_EQ(Bound(":p = pk AND :q <= sk"), "pk=p sk >= q");
  EXPECT_EQ(Bound(":p = pk AND :q > sk"), "pk=p sk < q");
  EXPECT_EQ(Bound(":p = pk AND :q >= sk"), "pk=p sk <= q");
  EXPECT_EQ(Bound("(pk = :p) AND (sk < :q)"), "pk=p sk < q");
  EXPECT_EQ(Bound("(pk = :p AND sk < :q)"), "pk=p sk < q");
  EXPECT_THAT(Bound("((pk = :p AND sk < :q))"),
              StartsWith("parse: Invalid KeyConditionExpression: The "
                         "expression has redundant parentheses;"));
}

TEST(KeyConditionTest, OtherOperatorsAreInvalid) {
  const std::string invalid =
      "parse: Invalid operator used in KeyConditionExpression: ";
  EXPECT_EQ(Bound("pk = :p OR sk = :q"), invalid + "OR");
  EXPECT_EQ(Bound("pk = :p AND NOT sk = :q"), invalid + "NOT");
  EXPECT_EQ(Bound("pk = :p AND sk <> :q"), invalid + "<>");
  EXPECT_EQ(Bound("pk IN (:p)"), invalid + "IN");
  EXPECT_EQ(Bound("pk = :p AND attribute_exists(sk)"),
            invalid + "attribute_exists");
  EXPECT_EQ(Bound("pk = :p AND contains(sk, :q)"), invalid + "contains");
}

TEST(KeyConditionTest, AConditionIsOneAttributeAgainstValues) {
  const std::string invalid =
      "parse: Invalid condition in KeyConditionExpression: ";
  EXPECT_EQ(Bound("pk = sk"),
            invalid + "Multiple attribute names used in one condition");
  EXPECT_EQ(Bound("begins_with(pk, sk)"),
            invalid + "Multiple attribute names used in one condition");
  EXPECT_EQ(Bound(":p = :q"), invalid + "No key attribute specified");
  EXPECT_EQ(Bound(":p BETWEEN sk AND :q"),
            invalid +
                "BETWEEN operator must have the key attribute as its first "
                "operand");
  EXPECT_EQ(Bound("begins_with(:p, sk)"),
            invalid +
                "begins_with operator must have the key attribute as its first "
                "operand");
  EXPECT_EQ(Bound("pk = :p AND size(sk) > :n"),
            "parse: KeyConditionExpressions cannot contain nested operations");
  EXPECT_EQ(Bound("pk = :p AND sk.a > :q"),
            "parse: KeyConditionExpressions cannot have conditions on nested "
            "attributes");
  EXPECT_EQ(Bound("pk[0] = :p"),
            "parse: KeyConditionExpressions cannot have conditions on nested "
            "attributes");
}

TEST(KeyConditionTest, OneConditionPerKey) {
  EXPECT_EQ(Bound("pk = :p AND sk > :p AND sk < :q"),
            "parse: KeyConditionExpressions must only contain one condition "
            "per key");
  EXPECT_EQ(Bound("(pk = :p AND sk > :p) AND (pk = :q)"),
            "parse: KeyConditionExpressions must only contain one condition "
            "per key");
}

TEST(KeyConditionTest, TheSchemasKeysAndNoOthers) {
  EXPECT_EQ(Bound("sk = :p"), "Query condition missed key schema element: pk");
  EXPECT_EQ(Bound("a = :p AND b = :q"),
            "Query condition missed key schema element: pk");
  EXPECT_EQ(Bound("pk = :p AND zz = :q"),
            "Query condition missed key schema element: sk");
  EXPECT_EQ(Bound("pk = :p AND sk = :q", kNoSort),
            "Query key condition not supported");
  EXPECT_EQ(Bound("pk = :p AND sk = :q AND #year = :q"),
            "Query key condition not supported");
}

TEST(KeyConditionTest, ThePartitionKeyTakesOnlyEquality) {
  const std::string unsupported = "Query key condition not supported";
  EXPECT_EQ(Bound("pk > :p"), unsupported);
  EXPECT_EQ(Bound("pk BETWEEN :p AND :q"), unsupported);
  EXPECT_EQ(Bound("begins_with(pk, :p) AND sk = :q"), unsupported);
}

TEST(KeyConditionTest, ValuesHaveTheSchemasTypes) {
  const std::string mismatch =
      "One or more parameter values were invalid: Condition parameter type "
      "does not match schema type";
  EXPECT_EQ(Bound("pk = :n"), mismatch);
  EXPECT_EQ(Bound("pk = :p AND sk = :n"), mismatch);
  EXPECT_EQ(Bound("pk = :p AND sk BETWEEN :n AND :m"), mismatch);
  EXPECT_EQ(Bound("pk = :p AND begins_with(sk, :q)", kByNumber), mismatch);
  EXPECT_EQ(Bound("pk = :p AND sk = :q", kByBinary), mismatch);
  EXPECT_EQ(Bound("pk = :p AND begins_with(sk, :n)", kByNumber),
            "parse: Invalid KeyConditionExpression: Incorrect operand type for "
            "operator or function; operator or function: begins_with, operand "
            "type: N");
}

TEST(KeyConditionTest, BoundsAreInOrder) {
  EXPECT_THAT(Bound("pk = :p AND sk BETWEEN :q AND :p"),
              StartsWith("parse: Invalid KeyConditionExpression: The BETWEEN "
                         "operator requires upper bound"));
  EXPECT_EQ(Bound("pk = :p AND sk BETWEEN :q AND :q"), "pk=p sk between q..q");
}

TEST(KeyConditionTest, KeyValuesAreNotEmptyAndNotTooLong) {
  const std::string empty =
      "One or more parameter values are not valid. The AttributeValue for a "
      "key attribute cannot contain an empty ";
  EXPECT_EQ(Bound("pk = :empty"), empty + "string value. Key: pk");
  EXPECT_EQ(Bound("pk = :p AND sk > :empty"), empty + "string value. Key: sk");
  EXPECT_EQ(Bound("pk = :p AND sk > :emptyb", kByBinary),
            empty + "binary value. Key: sk");
  EXPECT_THAT(Bound("pk = :p2048"), StartsWith("pk=ppp"));
  EXPECT_EQ(Bound("pk = :p2049"),
            "One or more parameter values were invalid: Size of hashkey has "
            "exceeded the maximum size limit of2048 bytes");
  EXPECT_THAT(Bound("pk = :p AND sk > :s1024"), StartsWith("pk=p sk > sss"));
  EXPECT_EQ(Bound("pk = :p AND sk > :s1025"),
            "One or more parameter values were invalid: Aggregated size of all "
            "range keys has exceeded the size limit of 1024 bytes");
  EXPECT_THAT(Bound("pk = :p AND sk BETWEEN :p AND :s1025"),
              StartsWith("One or more parameter values were invalid: "));
}

TEST(SortConditionTest, MatchesAsItReads) {
  const auto text = [](const char* bytes) {
    return KeyValue{ScalarType::kString, bytes};
  };
  const auto matches = [&](SortOperator op, const char* value) {
    SortCondition condition{op, text("b"), std::nullopt};
    if (op == SortOperator::kBetween) condition.upper = text("d");
    return Matches(condition, text(value));
  };
  const auto matching = [&](SortOperator op) {
    std::string out;
    for (const char* value : {"a", "b", "ba", "c", "d", "e"}) {
      if (matches(op, value)) absl::StrAppend(&out, value, " ");
    }
    return out;
  };
  EXPECT_EQ(matching(SortOperator::kEqual), "b ");
  EXPECT_EQ(matching(SortOperator::kLess), "a ");
  EXPECT_EQ(matching(SortOperator::kLessOrEqual), "a b ");
  EXPECT_EQ(matching(SortOperator::kGreater), "ba c d e ");
  EXPECT_EQ(matching(SortOperator::kGreaterOrEqual), "b ba c d e ");
  EXPECT_EQ(matching(SortOperator::kBetween), "b ba c d ");
  EXPECT_EQ(matching(SortOperator::kBeginsWith), "b ba ");
  EXPECT_TRUE(Matches(
      {SortOperator::kGreater, {ScalarType::kNumber, "9"}, std::nullopt},
      {ScalarType::kNumber, "10"}));
}

const IndexKeySchema kWide = {
    {{"h1", ScalarType::kString}, {"h2", ScalarType::kNumber}},
    {{"r1", ScalarType::kString},
     {"r2", ScalarType::kNumber},
     {"r3", ScalarType::kString}}};
constexpr char kHash[] = "h1 = :p AND h2 = :n";

std::string ShowWide(const KeyCondition& condition) {
  std::vector<std::string> partition, equal;
  for (const KeyValue& each : condition.partition) {
    partition.push_back(each.bytes);
  }
  for (const KeyValue& each : condition.equal) equal.push_back(each.bytes);
  KeyCondition last = {condition.partition, {}, condition.sort};
  std::string text = Show(last);
  text.replace(0, text.find(' '), "");
  return absl::StrCat(absl::StrJoin(partition, ","), " | ",
                      absl::StrJoin(equal, ","), " |",
                      condition.sort.has_value() ? text : "");
}

// The condition on `kWide`, or the error.
std::string Wide(absl::string_view text) {
  const auto parsed = Parse(text);
  if (!parsed.ok()) {
    return absl::StrCat("parse: ", parsed.status().message());
  }
  const auto condition = parsed->Bind(kWide);
  if (condition.ok()) return ShowWide(*condition);
  EXPECT_EQ(ReasonOf(condition.status()), Reason::kValidation);
  return std::string(condition.status().message());
}

TEST(WideKeyConditionTest, Example) {
  EXPECT_EQ(Wide(kHash), "p,10 |  |");
  EXPECT_EQ(Wide(absl::StrCat(kHash, " AND r1 = :q")), "p,10 |  | sk = q");
  EXPECT_EQ(Wide(absl::StrCat(kHash, " AND begins_with(r1, :q)")),
            "p,10 |  | sk begins_with q");
  EXPECT_EQ(Wide(absl::StrCat(kHash, " AND r1 = :q AND r2 > :m")),
            "p,10 | q | sk > 20");
  EXPECT_EQ(Wide(absl::StrCat("r3 BETWEEN :p AND :q AND r2 = :m AND ", kHash,
                              " AND r1 = :q")),
            "p,10 | q,20 | sk between p..q");
}

TEST(WideKeyConditionTest, EachPartitionAttributeIsEqualToAValue) {
  EXPECT_EQ(Wide("h1 = :p"), "Query condition missed key schema element: h2");
  EXPECT_EQ(Wide("h2 = :n AND r1 = :q"),
            "Query condition missed key schema element: h1");
  EXPECT_EQ(Wide("h1 = :p AND h2 > :n"), "Query key condition not supported");
  EXPECT_EQ(Wide("begins_with(h1, :p) AND h2 = :n"),
            "Query key condition not supported");
}

TEST(WideKeyConditionTest, SortAttributesComeWithoutGaps) {
  EXPECT_EQ(Wide(absl::StrCat(kHash, " AND r2 = :n")),
            "Query condition missed key schema element: r1");
  EXPECT_EQ(Wide(absl::StrCat(kHash, " AND r1 = :p AND r3 = :q")),
            "Query condition missed key schema element: r2");
  EXPECT_EQ(Wide(absl::StrCat(kHash, " AND zz = :p")),
            "Query condition missed key schema element: r1");
  EXPECT_EQ(Wide(absl::StrCat(
                kHash, " AND r1 = :p AND r2 = :n AND r3 = :p AND zz = :q")),
            "Query key condition not supported");
}

TEST(WideKeyConditionTest, OnlyTheLastSortConditionIsARange) {
  for (const char* range : {"r1 < :q", "r1 <= :q", "r1 > :q", "r1 >= :q",
                            "r1 BETWEEN :p AND :q", "begins_with(r1, :q)"}) {
    EXPECT_EQ(Wide(absl::StrCat(kHash, " AND ", range, " AND r2 = :n")),
              "Query key condition not supported");
  }
}

TEST(WideKeyConditionTest, ValuesAreThoseOfKeys) {
  const std::string mismatch =
      "One or more parameter values were invalid: Condition parameter type "
      "does not match schema type";
  EXPECT_EQ(Wide("h1 = :p AND h2 = :p"), mismatch);
  EXPECT_EQ(Wide(absl::StrCat(kHash, " AND r1 = :n AND r2 = :n")), mismatch);
  EXPECT_THAT(Wide(absl::StrCat(kHash, " AND r1 = :empty AND r2 = :n")),
              ::testing::EndsWith("empty string value. Key: r1"));
  EXPECT_THAT(Wide(absl::StrCat(kHash, " AND r1 = :s1025 AND r2 = :n")),
              ::testing::HasSubstr("size of all range keys"));
  EXPECT_THAT(Wide("h1 = :p2049 AND h2 = :n"),
              ::testing::HasSubstr("Size of hashkey"));
}

TEST(WideKeyConditionTest, LegacyConditionsAreAsManyAsTheKeyHas) {
  using expression::LegacyOperator;
  const auto equal = [](const char* attribute, const std::string& value) {
    expression::LegacyCondition condition;
    condition.attribute = attribute;
    condition.op = LegacyOperator::kEqual;
    condition.values = {value};
    return condition;
  };
  std::vector<expression::LegacyCondition> conditions = {
      equal("h1", S("p")), equal("h2", N("1")), equal("r1", S("r")),
      equal("r2", N("2"))};
  conditions.back().op = LegacyOperator::kLess;
  const auto parsed = KeyConditionExpression::FromLegacy(conditions);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(ShowWide(*parsed->Bind(kWide)), "p,1 | r | sk < 2");
  EXPECT_EQ(parsed->Bind(kByString).status().message(),
            "Conditions can be of length 1 or 2 only");
}

TEST(WideKeyConditionTest, MatchesRowsByAllItsSortConditions) {
  const auto condition =
      Parse(absl::StrCat(kHash, " AND r1 = :q AND r2 > :n"))->Bind(kWide);
  const auto matches = [&](const char* r1, const char* r2) {
    return MatchesSort(*condition, {{ScalarType::kString, r1},
                                    {ScalarType::kNumber, r2},
                                    {ScalarType::kString, "any"}});
  };
  EXPECT_TRUE(matches("q", "11"));
  EXPECT_FALSE(matches("q", "10"));
  EXPECT_FALSE(matches("p", "11"));
}

std::string Started(absl::string_view text, const std::string& start_key,
                    const KeySchema& schema = kByString) {
  const auto condition = Parse(text)->Bind(schema);
  const auto key = QueryStartKey(schema, *condition, ItemView(start_key));
  if (!key.ok()) return std::string(key.status().message());
  return absl::StrCat(key->partition.bytes, "/", key->sort->bytes);
}

TEST(QueryStartKeyTest, IsAKeyTheQueryCouldHaveReturned) {
  const std::string key = ItemOf({{"pk", S("p")}, {"sk", S("k")}});
  EXPECT_EQ(Started("pk = :p", key), "p/k");
  EXPECT_EQ(Started("pk = :p AND sk < :q", key), "p/k");
  EXPECT_EQ(Started("pk = :q", key),
            "The provided starting key is outside query boundaries based on "
            "provided conditions");
  EXPECT_EQ(Started("pk = :p AND sk > :q", key),
            "The provided starting key does not match the range key predicate");
}

TEST(QueryStartKeyTest, HasExactlyTheSchemasAttributes) {
  const std::string invalid = "The provided starting key is invalid";
  EXPECT_EQ(Started("pk = :p", ItemOf({{"pk", S("p")}})), invalid);
  EXPECT_EQ(Started("pk = :p", ItemOf({{"pk", S("p")}, {"sk", N("1")}})),
            invalid);
  EXPECT_EQ(Started("pk = :p",
                    ItemOf({{"pk", S("p")}, {"sk", S("k")}, {"x", S("")}})),
            invalid);
  EXPECT_EQ(Started("pk = :p", ""), invalid);
}

TEST(QueryStartKeyTest, AQueryForOneRowCannotBeRestarted) {
  const std::string one_row =
      "The query can return at most one row and cannot be restarted";
  EXPECT_EQ(
      Started("pk = :p AND sk = :q", ItemOf({{"pk", S("p")}, {"sk", S("q")}})),
      one_row);
  EXPECT_EQ(Started("pk = :p", ItemOf({{"pk", S("p")}}), kNoSort), one_row);
}

}  // namespace
}  // namespace pallet::model
