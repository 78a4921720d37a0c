// SPDX-License-Identifier: Apache-2.0
//
// What updates make of an item (SEMANTICS 2.2 and 3.1), and the words in which
// they are refused.
#include "model/expression/update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "model/errors.h"
#include "model/expression/parser.h"
#include "model/expression/projection.h"
#include "tests/testing/item_tree.h"

namespace pallet::model::expression {
namespace {

using ::pallet::testing::Bool;
using ::pallet::testing::Field;
using ::pallet::testing::ItemOf;
using ::pallet::testing::List;
using ::pallet::testing::Map;
using ::pallet::testing::N;
using ::pallet::testing::S;
using ::pallet::testing::StringSet;
using ::pallet::testing::Text;
using ::pallet::testing::TreeOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Strings = std::map<std::string, std::string>;

std::string NumberSet(const std::vector<std::string>& members) {
  std::string out;
  for (const std::string& member : members) out += Field(1, member);
  return Field(5, out);
}

const std::string& Key() {
  static const std::string key = ItemOf({{"pk", S("k")}});
  return key;
}

// {a: 1, l: [0, [1], {x: 2}], m: {a: 1, b: {c: 2}}, ns: <1, 2, 10>, pk: "k",
//  s: "x", ss: <"a", "c">}
const std::string& AnItem() {
  static const std::string item =
      ItemOf({{"a", N("1")},
              {"l", List({N("0"), List({N("1")}), Map({{"x", N("2")}})})},
              {"m", Map({{"a", N("1")}, {"b", Map({{"c", N("2")}})}})},
              {"ns", NumberSet({"1", "2", "10"})},
              {"pk", S("k")},
              {"s", S("x")},
              {"ss", StringSet({"a", "c"})}});
  return item;
}

absl::StatusOr<Expression> Parse(absl::string_view text) {
  std::string nested = List({});
  for (int i = 0; i < 29; ++i) nested = List({nested});
  auto placeholders = Placeholders::Create(
      Strings{{"#pk", "pk"}},
      Strings{{":0", N("0")},
              {":1", N("1")},
              {":5", N("5")},
              {":big", N("99999999999999999999999999999999999999")},
              {":max", N("9.9e125")},
              {":x", S("x")},
              {":t", Bool(true)},
              {":l", List({S("y")})},
              {":e", List({})},
              {":m", Map({{"q", N("1")}})},
              {":deep", nested},  // 30 levels
              {":ss", StringSet({"b", "c"})},
              {":all", StringSet({"a", "c"})},
              {":ns", NumberSet({"-1", "1", "10.5"})}});
  return ParseUpdate(text, *placeholders);
}

constexpr char kLanguage[] = "Invalid UpdateExpression: ";

std::string Outcome(absl::string_view text, std::optional<ItemView> old,
                    UpdateLanguage language = UpdateLanguage::kExpression) {
  const auto update = Parse(text);
  if (!update.ok()) return std::string(update.status().message());
  const auto item = ApplyUpdate(*update, language, old, ItemView(Key()));
  if (!item.ok()) {
    EXPECT_EQ(ReasonOf(item.status()), Reason::kValidation);
    return std::string(item.status().message());
  }
  if (!item->has_value()) return "no item";
  EXPECT_TRUE(CheckCanonical((*item)->bytes).ok());
  EXPECT_EQ((*item)->size, SizeOf(ItemView((*item)->bytes)));
  return Text(TreeOf(ItemView((*item)->bytes)));
}

std::string Updated(absl::string_view text,
                    const std::string& item = AnItem()) {
  return Outcome(text, ItemView(item));
}
std::string Created(absl::string_view text) {
  return Outcome(text, std::nullopt);
}
// The one attribute of that name afterwards.
std::string After(absl::string_view name, absl::string_view text) {
  const auto update = Parse(text);
  if (!update.ok()) return std::string(update.status().message());
  const auto item = ApplyUpdate(*update, UpdateLanguage::kExpression,
                                ItemView(AnItem()), ItemView(Key()));
  if (!item.ok()) return std::string(item.status().message());
  const auto value = ItemView((*item)->bytes).Find(name);
  return value.has_value() ? Text(TreeOf(*value)) : "none";
}

constexpr char kInvalidPath[] =
    "The document path provided in the update expression is invalid for update";
constexpr char kNoSuchAttribute[] =
    "The provided expression refers to an attribute that does not exist in the "
    "item";
constexpr char kWrongOperand[] =
    "An operand in the update expression has an incorrect data type";

TEST(UpdateTest, Example) {
  EXPECT_EQ(Updated("SET a = a + :5, m.b.d = if_not_exists(s, :1) "
                    "REMOVE l[0] ADD ss :ss DELETE ns :ns"),
            R"({a: 6, l: [[1], {x: 2}], m: {a: 1, b: {c: 2, d: "x"}}, )"
            R"(ns: <2, 10>, pk: "k", s: "x", ss: <"a", "b", "c">})");
}

TEST(UpdateTest, SetReplacesOrAdds) {
  EXPECT_EQ(After("s", "SET s = :1"), "1");
  EXPECT_EQ(After("fresh", "SET fresh = :m"), "{q: 1}");
  EXPECT_EQ(After("m", "SET m.a = :l, m.z = :t"),
            R"({a: ["y"], b: {c: 2}, z: true})");
  EXPECT_EQ(Updated("SET a0 = :0, z = :0", ItemOf({{"pk", S("k")}})),
            R"({a0: 0, pk: "k", z: 0})");
}

TEST(UpdateTest, RightSidesReadTheOldItem) {
  EXPECT_EQ(Updated("SET a = s, s = a, n = l[2].x",
                    ItemOf({{"a", N("1")},
                            {"l", List({N("0"), N("0"), Map({{"x", S("y")}})})},
                            {"pk", S("k")},
                            {"s", S("x")}})),
            R"({a: "x", l: [0, 0, {x: "y"}], n: "y", pk: "k", s: 1})");
  EXPECT_EQ(After("b", "SET a = :5, b = a REMOVE s"), "1");
  EXPECT_EQ(After("b", "REMOVE s SET b = s"), "\"x\"");
}

TEST(UpdateTest, WhatIsReadMustBeThere) {
  EXPECT_EQ(Updated("SET b = nope"), kNoSuchAttribute);
  EXPECT_EQ(Updated("SET b = l[3]"), kNoSuchAttribute);
  EXPECT_EQ(Updated("SET b = s.x"), kNoSuchAttribute);
  EXPECT_EQ(Updated("SET b = nope + :1"), kNoSuchAttribute);
  EXPECT_EQ(Updated("SET b = list_append(nope, :l)"), kNoSuchAttribute);
  EXPECT_EQ(Created("SET b = pk"), kNoSuchAttribute);
}

TEST(UpdateTest, IfNotExistsKeepsWhatIsThere) {
  EXPECT_EQ(After("a", "SET a = if_not_exists(a, :5)"), "1");
  EXPECT_EQ(After("b", "SET b = if_not_exists(b, :5)"), "5");
  EXPECT_EQ(After("b", "SET b = if_not_exists(l[1][0], :5)"), "1");
  EXPECT_EQ(After("b", "SET b = if_not_exists(b, a)"), "1");
  EXPECT_EQ(After("b", "SET b = if_not_exists(b, if_not_exists(c, s))"),
            "\"x\"");
  EXPECT_EQ(After("b", "SET b = if_not_exists(a, nope)"), "1");
  EXPECT_EQ(After("b", "SET b = if_not_exists(b, nope)"), kNoSuchAttribute);
  EXPECT_EQ(After("b", "SET b = if_not_exists(b, :0) + :1"), "1");
}

TEST(UpdateTest, ListAppendJoinsLists) {
  EXPECT_EQ(After("l", "SET l = list_append(l, :l)"),
            R"([0, [1], {x: 2}, "y"])");
  EXPECT_EQ(After("l", "SET l = list_append(:l, l)"),
            R"(["y", 0, [1], {x: 2}])");
  EXPECT_EQ(After("b", "SET b = list_append(list_append(:l, :e), l[1])"),
            R"(["y", 1])");
  EXPECT_EQ(After("b", "SET b = list_append(if_not_exists(b, :e), :l)"),
            R"(["y"])");
  EXPECT_EQ(After("b", "SET b = list_append(s, :l)"), kWrongOperand);
  EXPECT_EQ(After("b", "SET b = list_append(:l, ss)"), kWrongOperand);
}

TEST(UpdateTest, ArithmeticIsExactTo38Digits) {
  EXPECT_EQ(After("b", "SET b = :5 - a"), "4");
  EXPECT_EQ(After("b", "SET b = a - :5"), "-4");
  EXPECT_EQ(After("b", "SET b = (a) + (:5)"), "6");
  EXPECT_EQ(After("b", "SET b = (a + :5)"), "6");
  EXPECT_EQ(After("b", "SET b = :big + :0"),
            "99999999999999999999999999999999999999");
  EXPECT_EQ(After("b", "SET b = :big + :1"),
            "100000000000000000000000000000000000000");
  EXPECT_EQ(After("b", "SET b = :big + :5"),
            "Attempting to store more than 38 significant digits in a Number");
  EXPECT_THAT(After("b", "SET b = :max + :max"),
              StartsWith("Number overflow."));
  EXPECT_EQ(After("b", "SET b = s + :1"), kWrongOperand);
  EXPECT_EQ(After("b", "SET b = :1 - ns"), kWrongOperand);
}

TEST(UpdateTest, SetBeyondTheEndOfAListAppends) {
  EXPECT_EQ(After("l", "SET l[1] = :x"), R"([0, "x", {x: 2}])");
  EXPECT_EQ(After("l", "SET l[3] = :x"), R"([0, [1], {x: 2}, "x"])");
  EXPECT_EQ(After("l", "SET l[90] = :x, l[17] = :5, l[0] = :1"),
            R"([1, [1], {x: 2}, 5, "x"])");
  EXPECT_EQ(After("l", "SET l[1][5] = :x, l[2].y = :5"),
            R"([0, [1, "x"], {x: 2, y: 5}])");
}

TEST(UpdateTest, NestedTargetsNeedTheirParent) {
  EXPECT_EQ(Updated("SET nope.a = :1"), kInvalidPath);
  EXPECT_EQ(Updated("SET m.nope.a = :1"), kInvalidPath);
  EXPECT_EQ(Updated("SET s.a = :1"), kInvalidPath);
  EXPECT_EQ(Updated("SET m[0] = :1"), kInvalidPath);
  EXPECT_EQ(Updated("SET l.a = :1"), kInvalidPath);
  EXPECT_EQ(Updated("SET l[7].a = :1"), kInvalidPath);
  EXPECT_EQ(Updated("SET ss[0] = :1"), kInvalidPath);
  EXPECT_EQ(Updated("ADD nope.a :1"), kInvalidPath);
  EXPECT_EQ(Updated("REMOVE nope.a"), kInvalidPath);
  EXPECT_EQ(Updated("REMOVE nope[0]"), kInvalidPath);
  EXPECT_EQ(Updated("REMOVE l[7].a"), kInvalidPath);
  EXPECT_EQ(Created("SET nope.a = :1"), kInvalidPath);
}

TEST(UpdateTest, RemoveForgivesWhatIsNotThere) {
  EXPECT_EQ(After("s", "REMOVE s"), "none");
  EXPECT_EQ(Updated("REMOVE nope, m.nope, l[9]"),
            Text(TreeOf(ItemView(AnItem()))));
  EXPECT_EQ(After("m", "REMOVE m.b.c, m.a"), "{b: {}}");
}

TEST(UpdateTest, RemovedElementsAreNamedByTheirOldPlaces) {
  EXPECT_EQ(After("l", "REMOVE l[0], l[1]"), "[{x: 2}]");
  EXPECT_EQ(After("l", "REMOVE l[1] SET l[2].x = :5, l[9] = :1"),
            "[0, {x: 5}, 1]");
  EXPECT_EQ(After("l", "REMOVE l[0], l[1], l[2]"), "[]");
}

TEST(UpdateTest, AddAddsNumbersAndJoinsSets) {
  EXPECT_EQ(After("a", "ADD a :5"), "6");
  EXPECT_EQ(After("fresh", "ADD fresh :5"), "5");
  EXPECT_EQ(After("ss", "ADD ss :ss"), R"(<"a", "b", "c">)");
  EXPECT_EQ(After("ns", "ADD ns :ns"), "<-1, 1, 2, 10, 10.5>");
  EXPECT_EQ(After("fresh", "ADD fresh :ns"), "<-1, 1, 10.5>");
  EXPECT_EQ(After("m", "ADD m.b.c :5, m.z :5"), "{a: 1, b: {c: 7}, z: 5}");
  EXPECT_EQ(After("l", "ADD l[0] :5, l[8] :1"), "[5, [1], {x: 2}, 1]");
  EXPECT_EQ(Updated("ADD s :1"), kWrongOperand);
  EXPECT_EQ(Updated("ADD ss :ns"), kWrongOperand);
  EXPECT_EQ(Updated("ADD a :ns"), kWrongOperand);
  EXPECT_EQ(Outcome("ADD s :1", ItemView(AnItem()),
                    UpdateLanguage::kAttributeUpdates),
            "Type mismatch for attribute to update");
}

TEST(UpdateTest, DeleteTakesMembersAndEmptiedSetsGo) {
  EXPECT_EQ(After("ss", "DELETE ss :ss"), R"(<"a">)");
  EXPECT_EQ(After("ss", "DELETE ss :all"), "none");
  EXPECT_EQ(After("ns", "DELETE ns :ns"), "<2, 10>");
  EXPECT_EQ(After("nope", "DELETE nope :ss"), "none");
  EXPECT_EQ(Updated("DELETE ns :ss"), kWrongOperand);
  EXPECT_EQ(Updated("DELETE s :ss"), kWrongOperand);
}

TEST(UpdateTest, AMissingItemIsMadeUnlessAllActionsRemove) {
  EXPECT_EQ(Created("SET a = :1, b = if_not_exists(b, :l)"),
            R"({a: 1, b: ["y"], pk: "k"})");
  EXPECT_EQ(Created("ADD c :5, ss :ss"), R"({c: 5, pk: "k", ss: <"b", "c">})");
  EXPECT_EQ(Created("SET a = :1 REMOVE m.x.y, q"), R"({a: 1, pk: "k"})");
  EXPECT_EQ(Created("REMOVE a"), "no item");
  EXPECT_EQ(Created("REMOVE m.x[3] DELETE ss :ss"), "no item");
  const auto bare = ApplyNothing(std::nullopt, ItemView(Key()));
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(bare->bytes, Key());
}

TEST(UpdateTest, TheResultIs32LevelsDeepAtMost) {
  // An attribute's value is at level 1; :deep has 30 lists, so 29 levels more.
  EXPECT_THAT(Updated("SET b = :deep"), StartsWith("{a: 1, b: [[[["));
  EXPECT_THAT(Updated("SET l[1] = :deep, l[0] = :1"),
              StartsWith("{a: 1, l: ["));
  EXPECT_THAT(Updated("SET m.b.c = :deep"), StartsWith("{a: 1, l: ["));
  const std::string three =
      ItemOf({{"m", Map({{"m", Map({{"m", Map({})}})}})}, {"pk", S("k")}});
  EXPECT_EQ(Updated("SET m.m.m.x = :deep", three),
            "Nesting Levels have exceeded supported limits: Attributes in the "
            "item have nested levels beyond supported limit");
}

TEST(UpdateSizeTest, UpdatesCountThreeBytesAnd19OrTwoPerAction) {
  constexpr char kTooLarge[] =
      "Item size to update has exceeded the maximum allowed size";
  // pk: 3 bytes of key; v: 1 byte and its value.
  const auto outcome = [&](const char* text, size_t size) {
    const std::string item =
        ItemOf({{"pk", S("k")}, {"v", S(std::string(size - 4, 'x'))}});
    const std::string result = Updated(text, item);
    return result == kTooLarge ? "too large" : "fits";
  };
  // By the item: size + 2 for b: 1, which is 1 + 2 bytes
  EXPECT_EQ(outcome("SET b = :1", 409600 - 19 - 3), "fits");
  EXPECT_EQ(outcome("SET b = :1", 409600 - 19 - 2), "too large");
  EXPECT_EQ(outcome("REMOVE b", 409600 - 2), "fits");
  EXPECT_EQ(outcome("REMOVE b", 409600 - 1), "too large");
  EXPECT_EQ(outcome("REMOVE b, c", 409600 - 4), "fits");
  EXPECT_EQ(outcome("REMOVE b, c", 409600 - 3), "too large");
}

TEST(UpdateSizeTest, ManyCopiesAreRefusedBeforeTheyAreMade) {
  const std::string item =
      ItemOf({{"l", List({S(std::string(390000, 'x'))})}, {"pk", S("k")}});
  std::string copies = "SET ", appended = "l";
  for (int i = 0; i < 400; ++i) {
    absl::StrAppend(&copies, i == 0 ? "" : ", ", "c", i, "=l");
  }
  for (int i = 0; i < 200; ++i) {
    appended = absl::StrCat("list_append(", appended, ",l)");
  }
  EXPECT_THAT(Updated(copies, item), HasSubstr("Item size to update"));
  EXPECT_THAT(Updated("SET c=" + appended, item),
              HasSubstr("Item size to update"));
}

TEST(UpdateParserTest, ClausesAreKeywordsInAnyCaseAndOrder) {
  EXPECT_EQ(After("a", "add a :5 set remove = :1 remove s"), "6");
  EXPECT_EQ(Updated("SET a = :1 REMOVE s SET b = :1"),
            absl::StrCat(kLanguage,
                         "The \"SET\" section can only be used once in an "
                         "update expression;"));
  EXPECT_EQ(Updated("remove s ReMove a"),
            absl::StrCat(kLanguage,
                         "The \"REMOVE\" section can only be used once in an "
                         "update expression;"));
}

TEST(UpdateParserTest, WhatIsNoUpdateIsASyntaxError) {
  for (const char* bad : {" ",
                          "a = :1",
                          "SET",
                          "SET a",
                          "SET a =",
                          "SET a = :1,",
                          "SET a = :1 b",
                          "SET a = :1 = :1",
                          "SET a = :1 + :1 + :1",
                          "SET a = (:1 + :1) + :1",
                          "SET a = :1 AND b = :1",
                          "SET a = list_append(:l, :l + :1)",
                          "SET :1 = a",
                          "SET a = 1",
                          "REMOVE",
                          "REMOVE a b",
                          "REMOVE a :1",
                          "ADD a",
                          "ADD a b",
                          "ADD a = :1",
                          "DELETE a",
                          "DELETE a, b",
                          "SET a = :1, REMOVE b",
                          "INSERT a = :1",
                          "SET a == :1",
                          "SET a = -:1",
                          "SET a = (:1",
                          "SET a = :1)"}) {
    EXPECT_THAT(Updated(bad),
                StartsWith("Invalid UpdateExpression: Syntax error; token: "))
        << bad;
  }
  EXPECT_EQ(Updated(""),
            "Invalid UpdateExpression: The expression can not be empty;");
}

TEST(UpdateParserTest, OperandsHaveTheirTypes) {
  const std::string type = absl::StrCat(
      kLanguage, "Incorrect operand type for operator or function; operator");
  EXPECT_EQ(Updated("SET a = :x + :1"),
            type + " or function: +, operand type: S");
  EXPECT_EQ(Updated("SET a = a - :l"),
            type + " or function: -, operand type: L");
  EXPECT_EQ(Updated("SET a = list_append(l, :x)"),
            type + " or function: list_append, operand type: S");
  EXPECT_EQ(Updated("SET a = list_append(l, :l) + :1"),
            type + " or function: +, operand type: L");
  EXPECT_EQ(Updated("ADD a :x"), type + ": ADD, operand type: STRING");
  EXPECT_EQ(Updated("ADD a :l"), type + ": ADD, operand type: LIST");
  EXPECT_EQ(Updated("DELETE a :1"), type + ": DELETE, operand type: NUMBER");
  EXPECT_EQ(Updated("SET a = if_not_exists(:x, :1)"),
            absl::StrCat(kLanguage,
                         "Operator or function requires a document path; "
                         "operator or function: if_not_exists"));
  EXPECT_EQ(Updated("SET a = list_append(l)"),
            absl::StrCat(kLanguage,
                         "Incorrect number of operands for operator or "
                         "function; operator or function: list_append, number "
                         "of operands: 1"));
}

TEST(UpdateParserTest, FunctionsOfConditionsHaveNoPlace) {
  EXPECT_EQ(Updated("SET a = size(l)"),
            absl::StrCat(kLanguage,
                         "The function is not allowed in an update expression; "
                         "function: size"));
  EXPECT_EQ(Updated("SET a = attribute_exists(l)"),
            absl::StrCat(kLanguage,
                         "The function is not allowed in an update expression; "
                         "function: attribute_exists"));
  EXPECT_EQ(Updated("SET a = nope(l)"),
            absl::StrCat(kLanguage, "Invalid function name; function: nope"));
}

TEST(UpdateParserTest, TargetsAreApartAcrossClauses) {
  const std::string overlap = absl::StrCat(
      kLanguage,
      "Two document paths overlap with each other; must remove or rewrite one "
      "of these paths; path one: ");
  EXPECT_EQ(Updated("SET a = :1, a = :5"), overlap + "[a], path two: [a]");
  EXPECT_EQ(Updated("SET m.b = :1 REMOVE m"),
            overlap + "[m, b], path two: [m]");
  EXPECT_EQ(Updated("REMOVE l ADD l[1] :1"),
            overlap + "[l], path two: [l, [1]]");
  EXPECT_EQ(Updated("SET l[1] = :1, l.a = :1"),
            absl::StrCat(kLanguage,
                         "Two document paths conflict with each other; must "
                         "remove or rewrite one of these paths; path one: [l, "
                         "[1]], path two: [l, a]"));
}

TEST(UpdateParserTest, DoubledParenthesesAreRedundant) {
  const std::string redundant =
      absl::StrCat(kLanguage, "The expression has redundant parentheses;");
  EXPECT_EQ(Updated("SET a = ((:1))"), redundant);
  EXPECT_EQ(Updated("SET a = ((:1 + :1))"), redundant);
  EXPECT_EQ(Updated("SET a = :1 + ((:1))"), redundant);
  EXPECT_EQ(After("a", "SET a = ((:1) + (:1))"), "2");
  EXPECT_EQ(Updated("SET a = " + std::string(2000, '(') + ":1"), redundant);
}

TEST(UpdateParserTest, AnUpdateHas300Operators) {
  const auto sums = [](int count) {
    std::vector<std::string> sets;
    for (int i = 0; i < count; ++i)
      sets.push_back(absl::StrCat("b", i, "=a+a"));
    return "SET " + absl::StrJoin(sets, ",");
  };
  EXPECT_THAT(Updated(sums(300)), StartsWith("{a: 1, b0: 2, "));
  EXPECT_EQ(Updated(sums(301)),
            absl::StrCat(kLanguage,
                         "The expression contains too many operators; operator "
                         "count: 301"));
}

TEST(UpdatedValuesTest, AreTheTargetsBeforeAndAfter) {
  const auto touched = [](absl::string_view text, bool after) {
    const auto update = Parse(text);
    const auto item = ApplyUpdate(*update, UpdateLanguage::kExpression,
                                  ItemView(AnItem()), ItemView(Key()));
    return Text(TreeOf(ItemView(Project(
        update->tree->targets, ItemView(after ? (*item)->bytes : AnItem())))));
  };
  constexpr char kUpdate[] = "SET a = :5, m.b.c = :x REMOVE s";
  EXPECT_EQ(touched(kUpdate, false), R"({a: 1, m: {b: {c: 2}}, s: "x"})");
  EXPECT_EQ(touched(kUpdate, true), R"({a: 5, m: {b: {c: "x"}}})");
  EXPECT_EQ(touched("SET l[9] = :x", true), "{}");
  EXPECT_EQ(touched("REMOVE l[1]", true), "{l: [{x: 2}]}");
  EXPECT_EQ(touched("REMOVE s", true), "{}");
}

TEST(UpdateKeyTest, KeysAreNoTargetsAndHaveNoInside) {
  const KeySchema schema = {{"pk", ScalarType::kString},
                            {{"sk", ScalarType::kNumber}}};
  const auto check = [&](absl::string_view text) {
    const auto update = Parse(text);
    absl::Status status = CheckPathsAround(*update, schema);
    if (status.ok()) status = CheckTargets(*update, schema);
    return std::string(status.message());
  };
  EXPECT_EQ(check("SET a = pk, b.pk = :1"), "");
  EXPECT_EQ(check("SET a = :1, #pk = :x"),
            "One or more parameter values were invalid: Cannot update "
            "attribute pk. This attribute is part of the key");
  EXPECT_THAT(check("REMOVE sk"), HasSubstr("Cannot update attribute sk."));
  EXPECT_THAT(check("ADD sk :1"), HasSubstr("Cannot update attribute sk."));
  const std::string scalar =
      "Key attributes must be scalars; list random access '[]' and map lookup "
      "'.' are not allowed: Key: ";
  EXPECT_EQ(check("SET pk.a = :1"), scalar + "pk");
  EXPECT_EQ(check("SET a = sk[0]"), scalar + "sk");
}

}  // namespace
}  // namespace pallet::model::expression
