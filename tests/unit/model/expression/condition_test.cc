// SPDX-License-Identifier: Apache-2.0
//
// What conditions say of an item (SEMANTICS 2.2): comparison by type, functions,
// what is missing, logic.
#include "model/expression/condition.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/expression/parser.h"
#include "tests/testing/wire_values.h"

namespace pallet::model::expression {
namespace {

using ::pallet::testing::B;
using ::pallet::testing::Bool;
using ::pallet::testing::Field;
using ::pallet::testing::ItemOf;
using ::pallet::testing::List;
using ::pallet::testing::N;
using ::pallet::testing::Null;
using ::pallet::testing::S;
using ::pallet::testing::StringSet;
using Strings = std::map<std::string, std::string>;

std::string M(const testing::Attributes& entries) {
  return testing::Map(entries);
}
std::string NumberSet(const std::vector<std::string>& members) {
  std::string out;
  for (const std::string& member : members) out += Field(1, member);
  return Field(5, out);
}

const std::string& AnItem() {
  static const std::string item = ItemOf({
      {"bin", B("\x01\x7F\xFF")},
      {"flag", Bool(true)},
      {"list",
       List({S("x"), N("2"), M({{"deep", S("down")}}), NumberSet({"7"})})},
      {"map", M({{"a b", N("-3")}, {"list", List({N("1")})}})},
      {"n", N("10")},
      {"nil", Null()},
      {"ns", NumberSet({"-1", "2", "10"})},
      {"o", N("9.5")},
      {"s", S("hello")},
      {"ss", StringSet({"a", "b"})},
      {"t", S("help")},
  });
  return item;
}

const Strings& Names() {
  static const Strings names = {
      {"#ab", "a b"}, {"#map", "map"}, {"#list", "list"}};
  return names;
}

const Strings& Values() {
  static const Strings values = {{":10", N("10")},
                                 {":9", N("9")},
                                 {":3", N("3")},
                                 {":2", N("2")},
                                 {":m3", N("-3")},
                                 {":s", S("hello")},
                                 {":hel", S("hel")},
                                 {":ell", S("ell")},
                                 {":a", S("a")},
                                 {":e", S("")},
                                 {":x", S("x")},
                                 {":b", B("\x7F")},
                                 {":b1", B("\x01")},
                                 {":true", Bool(true)},
                                 {":false", Bool(false)},
                                 {":null", Null()},
                                 {":ss", StringSet({"a", "b"})},
                                 {":ns", NumberSet({"-1", "2", "10"})},
                                 {":ns7", NumberSet({"7"})},
                                 {":m", M({{"deep", S("down")}})},
                                 {":tS", S("S")},
                                 {":tN", S("N")},
                                 {":tB", S("B")},
                                 {":tSS", S("SS")},
                                 {":tNS", S("NS")},
                                 {":tBOOL", S("BOOL")},
                                 {":tNULL", S("NULL")},
                                 {":tL", S("L")},
                                 {":tM", S("M")}};
  return values;
}

bool IsTrue(absl::string_view text, const std::string& item = AnItem()) {
  auto placeholders = Placeholders::Create(Names(), Values());
  const auto condition = ParseCondition("X", text, *placeholders);
  EXPECT_TRUE(condition.ok()) << text << ": " << condition.status();
  return condition.ok() && Matches(*condition, ItemView(item));
}

// Each is true; without its NOT, or with one, it is false.
void ExpectTrue(std::initializer_list<const char*> conditions) {
  for (const char* text : conditions) {
    EXPECT_TRUE(IsTrue(text)) << text;
    EXPECT_FALSE(IsTrue(absl::StrCat("NOT (", text, ")"))) << text;
  }
}
void ExpectFalse(std::initializer_list<const char*> conditions) {
  for (const char* text : conditions) EXPECT_FALSE(IsTrue(text)) << text;
}

TEST(ConditionTest, Example) {
  EXPECT_TRUE(
      IsTrue("s = :s AND #list[2].deep <> :x AND n BETWEEN :9 AND :10"));
  EXPECT_TRUE(IsTrue("attribute_not_exists(pk)", ""));
  EXPECT_FALSE(IsTrue("attribute_exists(s)", ""));
}

TEST(ConditionTest, EqualityMindsTypesAndLooksDeep) {
  ExpectTrue({"s = :s", ":s = s", "n = :10", "flag = :true", "nil = :null",
              "ss = :ss", "ns = :ns", "#list[2] = :m", "#list[3] = :ns7",
              "#map.#ab = :m3", "bin = bin2 OR s = :s"});
  ExpectFalse({"s = :x", "n = :s", "flag = :false", "nil = :false", "ss = :ns",
               "gone = :s", "s = gone", "gone = absent"});
}

TEST(ConditionTest, OnlyNotEqualIsTrueOfWhatIsMissing) {
  ExpectTrue({"gone <> :s", ":s <> gone", "gone <> absent", "n <> :s",
              "s <> :x", "size(gone) <> :3"});
  ExpectFalse({"s <> :s", "gone < :s", "gone <= :s", "gone > :s", "gone >= :s",
               "gone BETWEEN :9 AND :10", "gone IN (:s, absent)",
               "begins_with(gone, :s)", "contains(gone, :s)",
               "attribute_type(gone, :tS)", "size(gone) > :3"});
}

TEST(ConditionTest, OrderIsByTypeNumbersByValue) {
  ExpectTrue({"n > :9", "n >= :10", "n <= :10", "o < n", "n > o", "s < t",
              "t > s", "bin < :b", ":b > :b1", "#map.#ab < :2", "size(s) < n"});
  ExpectFalse({"n > :10", "n < :10", "n < :s", "s > :10", "flag > flag2",
               "nil <= nil2", "ss < ns", "#list > #map", "flag < n"});
}

TEST(ConditionTest, BetweenIncludesItsBounds) {
  ExpectTrue({"n BETWEEN :10 AND :10", "n BETWEEN :9 AND :10",
              ":10 BETWEEN o AND n", "s BETWEEN :hel AND t",
              "size(s) BETWEEN :3 AND :9"});
  ExpectFalse({"n BETWEEN :2 AND :9", "n BETWEEN :9 AND s",
               "s BETWEEN :9 AND :10", "o BETWEEN n AND o",
               "n BETWEEN :9 AND gone"});
}

TEST(ConditionTest, InIsEqualityWithAny) {
  ExpectTrue({"n IN (:9, :10)", "n IN (o, n2, n3, :10)", ":a IN (s, :a)",
              "#list[2] IN (:s, :m)"});
  ExpectFalse({"n IN (:9)", "s IN (:10, :ss)"});
}

TEST(ConditionTest, BeginsWithTakesStringsAndBinary) {
  ExpectTrue({"begins_with(s, :hel)", "begins_with(s, :s)",
              "begins_with(s, :e)", "begins_with(:s, :hel)",
              "begins_with(bin, :b1)"});
  ExpectFalse({"begins_with(s, :x)", "begins_with(:hel, s)",
               "begins_with(n, :hel)", "begins_with(s, n)",
               "begins_with(bin, :hel)"});
}

TEST(ConditionTest, ContainsIsASubstringOrAMember) {
  ExpectTrue({"contains(s, :ell)", "contains(s, :e)", "contains(bin, :b)",
              "contains(ss, :a)", "contains(ns, :10)", "contains(#list, :x)",
              "contains(#list, :m)", "contains(#list, :ns7)",
              "contains(:ss, :a)", "contains(ns, size(ss))"});
  ExpectFalse({"contains(s, :x)", "contains(s, :b)", "contains(ss, :x)",
               "contains(ss, :10)", "contains(ns, :a)", "contains(ss, :ss)",
               "contains(#map, :s)", "contains(n, :10)",
               "contains(#list, :ss)"});
}

TEST(ConditionTest, AttributeTypeNamesTheType) {
  ExpectTrue({"attribute_type(s, :tS)", "attribute_type(n, :tN)",
              "attribute_type(bin, :tB)", "attribute_type(ss, :tSS)",
              "attribute_type(ns, :tNS)", "attribute_type(flag, :tBOOL)",
              "attribute_type(nil, :tNULL)", "attribute_type(#list, :tL)",
              "attribute_type(#map, :tM)", "attribute_type(:s, :tS)"});
  ExpectFalse({"attribute_type(s, :tN)", "attribute_type(ss, :tS)"});
}

TEST(ConditionTest, SizeCountsBytesOrElements) {
  ExpectTrue({"size(bin) = :3", "size(ns) = :3", "size(ss) = :2",
              "size(#map) = :2", "size(#map.#list) < :2", "size(:hel) = :3",
              "size(#list) > :3", ":3 < size(s)"});
  ExpectFalse({"size(n) = :2", "size(flag) < :10", "size(nil) > :m3"});
}

TEST(ConditionTest, PathsLeadThroughMapsAndLists) {
  ExpectTrue(
      {"attribute_exists(#list[2].deep)", "attribute_exists(#map.#list[0])",
       "attribute_not_exists(#list[4])", "attribute_not_exists(#map[0])",
       "attribute_not_exists(#list.deep)", "attribute_not_exists(s.a)",
       "attribute_not_exists(#map.#list[0].a)", "attribute_exists(nil)"});
}

TEST(ConditionTest, LogicStopsAtWhatDecides) {
  ExpectTrue({"s = :x OR n = :10", "NOT s = :x AND n = :10",
              "s = :s OR s = :x AND n = :9", "NOT NOT s = :s"});
  ExpectFalse({"(s = :s OR s = :x) AND n = :9", "NOT s = :s OR n = :9"});
}

TEST(ConditionTest, ManyPathsAreFoundInOnePass) {
  testing::Attributes attributes;
  std::vector<std::string> terms;
  for (int i = 100; i < 250; ++i) {
    attributes.emplace_back(absl::StrCat("a", i), N("10"));
    terms.push_back(absl::StrCat("a", 349 - i, "=:10"));
  }
  EXPECT_TRUE(IsTrue(absl::StrJoin(terms, " AND "), ItemOf(attributes)));
  attributes.erase(attributes.begin() + 70);
  EXPECT_FALSE(IsTrue(absl::StrJoin(terms, " AND "), ItemOf(attributes)));
}

TEST(ConditionTest, ASearchTakesTimeOfBothNotTheirProduct) {
  const std::string half(190000, 'a');
  const std::string item = ItemOf({{"v", S(half + half)}});
  auto placeholders =
      Placeholders::Create(Strings{}, Strings{{":v", S(half + "b")}});
  const auto condition = ParseCondition("X", "contains(v, :v)", *placeholders);
  ASSERT_TRUE(condition.ok());
  for (int i = 0; i < 100; ++i) {  // naive: 36 G comparisons each
    EXPECT_FALSE(Matches(*condition, ItemView(item)));
  }
}

TEST(RebindTest, OneTreeServesOtherValues) {
  auto first = Placeholders::Create(Strings{{"#n", "n"}},
                                    Strings{{":low", N("1")}, {":up", N("5")}});
  const char* text = "#n BETWEEN :low AND :up";
  const auto parsed = ParseCondition("X", text, *first);
  ASSERT_TRUE(parsed.ok());
  const std::string item = ItemOf({{"n", N("10")}});
  EXPECT_FALSE(Matches(*parsed, ItemView(item)));

  auto second = Placeholders::Create(
      Strings{{"#n", "n"}}, Strings{{":low", N("9")}, {":up", N("11")}});
  const auto again = Rebind(parsed->tree, *second);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(second->CheckAllUsed().ok());
  EXPECT_TRUE(Matches(*again, ItemView(item)));
  EXPECT_FALSE(Matches(*parsed, ItemView(item)));
}

TEST(RebindTest, WhatIsWrongWithTheValuesIsFound) {
  auto first = Placeholders::Create(Strings{{"#n", "n"}},
                                    Strings{{":low", N("1")}, {":up", N("5")}});
  const auto parsed = ParseCondition("X", "#n BETWEEN :low AND :up", *first);
  ASSERT_TRUE(parsed.ok());
  const auto rebind = [&](const Strings& names, const Strings& values) {
    auto placeholders = Placeholders::Create(names, values);
    return Rebind(parsed->tree, *placeholders).has_value();
  };
  EXPECT_TRUE(rebind({{"#n", "n"}}, {{":low", N("1")}, {":up", N("1")}}));
  EXPECT_FALSE(rebind({{"#n", "n"}}, {{":low", N("1")}, {":up", N("0")}}));
  EXPECT_FALSE(rebind({{"#n", "n"}}, {{":low", N("1")}, {":up", S("5")}}));
  EXPECT_FALSE(rebind({{"#n", "n"}}, {{":low", N("1")}}));
  EXPECT_FALSE(rebind({}, {{":low", N("1")}, {":up", N("5")}}));
}

}  // namespace
}  // namespace pallet::model::expression
