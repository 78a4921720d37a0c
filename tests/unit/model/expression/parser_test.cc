// SPDX-License-Identifier: Apache-2.0
//
// The grammar and limits of conditions and paths (SEMANTICS 2.1), and the words
// in which a broken one is refused.
#include "model/expression/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "model/errors.h"
#include "tests/testing/print_expression.h"
#include "tests/testing/wire_values.h"

namespace pallet::model::expression {
namespace {

using ::pallet::testing::B;
using ::pallet::testing::Bool;
using ::pallet::testing::List;
using ::pallet::testing::N;
using ::pallet::testing::Print;
using ::pallet::testing::S;
using ::testing::ElementsAre;
using ::testing::StartsWith;
using Map = std::map<std::string, std::string>;

Placeholders SomePlaceholders() {
  return *Placeholders::Create(Map{{"#n", "name"}, {"#odd", "a.b c"}},
                               Map{{":s", S("s")},
                                   {":t", S("t")},
                                   {":n", N("1")},
                                   {":m", N("2")},
                                   {":b", B("b")},
                                   {":bool", Bool(true)},
                                   {":list", List({S("x")})},
                                   {":type", S("NS")}});
}

absl::StatusOr<Expression> Parse(absl::string_view text) {
  Placeholders placeholders = SomePlaceholders();
  return ParseCondition("ConditionExpression", text, placeholders);
}

// The condition with the parentheses precedence asks for, or the error without
// its "Invalid ConditionExpression: ".
std::string Outcome(absl::string_view text) {
  const auto expression = Parse(text);
  if (expression.ok()) return Print(*expression).text;
  EXPECT_EQ(ReasonOf(expression.status()), Reason::kValidation);
  absl::string_view message = expression.status().message();
  EXPECT_TRUE(absl::ConsumePrefix(&message, "Invalid ConditionExpression: "))
      << message;
  return std::string(message);
}

std::string Joined(int count, absl::string_view part,
                   absl::string_view separator) {
  return absl::StrJoin(std::vector<absl::string_view>(count, part), separator);
}

TEST(ParserTest, Example) {
  const auto expression = Parse("a.b[2] = :s AND NOT attribute_exists(#odd)");
  ASSERT_TRUE(expression.ok()) << expression.status();
  const Node& root = expression->root();
  ASSERT_EQ(root.kind, NodeKind::kAnd);
  const Node& equal = expression->operand(root, 0);
  EXPECT_EQ(equal.kind, NodeKind::kEqual);
  EXPECT_EQ(ToString(expression->operand(equal, 0).path), "[a, b, [2]]");
  EXPECT_EQ(expression->view(expression->operand(equal, 1)).scalar(), "s");
  const Node& negated = expression->operand(root, 1);
  ASSERT_EQ(negated.kind, NodeKind::kNot);
  const Node& exists = expression->operand(negated, 0);
  EXPECT_EQ(exists.function, Function::kAttributeExists);
  EXPECT_EQ(expression->operand(exists, 0).path.attribute(), "a.b c");
}

TEST(ParserTest, PrecedenceIsComparisonThenNotThenAndThenOr) {
  EXPECT_EQ(Outcome("a=:s OR b=:s AND NOT c=:s OR d=:s"),
            "#n0 = :v0 OR #n1 = :v1 AND NOT #n2 = :v2 OR #n3 = :v3");
  const auto expression = Parse("a=:s OR b=:s AND NOT c=:s OR d=:s");
  const Node& root = expression->root();
  ASSERT_EQ(root.kind, NodeKind::kOr);
  ASSERT_EQ(root.operands.size(), 3u);
  EXPECT_EQ(expression->operand(root, 1).kind, NodeKind::kAnd);
}

TEST(ParserTest, ParenthesesChangeTheTree) {
  EXPECT_EQ(Outcome("(a=:s or b=:s) and not (c=:s or d=:s)"),
            "(#n0 = :v0 OR #n1 = :v1) AND NOT (#n2 = :v2 OR #n3 = :v3)");
  EXPECT_EQ(Outcome("a=:s AND (b=:s AND c=:s)"),
            "#n0 = :v0 AND (#n1 = :v1 AND #n2 = :v2)");
}

TEST(ParserTest, EveryOperatorAndFunction) {
  for (const char* op : {"=", "<>", "<", "<=", ">", ">="}) {
    EXPECT_EQ(Outcome(absl::StrCat("a", op, ":n")),
              absl::StrCat("#n0 ", op, " :v0"));
  }
  EXPECT_EQ(Outcome("a between :n and :m and b = :s"),
            "#n0 BETWEEN :v0 AND :v1 AND #n1 = :v2");
  EXPECT_EQ(Outcome("a iN (:n, b, size(c))"), "#n0 IN (:v0, #n1, size(#n2))");
  EXPECT_EQ(Outcome("attribute_exists(a)"), "attribute_exists(#n0)");
  EXPECT_EQ(Outcome("attribute_not_exists(a)"), "attribute_not_exists(#n0)");
  EXPECT_EQ(Outcome("attribute_type(a, :type)"), "attribute_type(#n0, :v0)");
  EXPECT_EQ(Outcome("begins_with(a, :s)"), "begins_with(#n0, :v0)");
  EXPECT_EQ(Outcome("begins_with(:s, a)"), "begins_with(:v0, #n0)");
  EXPECT_EQ(Outcome("contains(a, :n)"), "contains(#n0, :v0)");
  EXPECT_EQ(Outcome("size(a) > size(:s)"), "size(#n0) > size(:v0)");
  EXPECT_EQ(Outcome("NOT NOT a = :s"), "NOT NOT #n0 = :v0");
  EXPECT_EQ(Outcome("(a) = (:s)"), "#n0 = :v0");
  EXPECT_EQ(Outcome("(size(a)) = :n"), "size(#n0) = :v0");
}

TEST(ParserTest, FunctionNamesMindTheirCase) {
  EXPECT_EQ(Outcome("Size(a) = :n"), "Invalid function name; function: Size");
  EXPECT_EQ(Outcome("nope(a)"), "Invalid function name; function: nope");
}

TEST(ParserTest, SyntaxErrorsShowTheTokenAndItsNeighbours) {
  const auto error = [](absl::string_view token, absl::string_view near) {
    return absl::StrCat("Syntax error; token: \"", token, "\", near: \"", near,
                        "\"");
  };
  EXPECT_EQ(Outcome("!!"), error("!", "!!"));
  EXPECT_EQ(Outcome("a = = :s"), error("=", "= = :s"));
  EXPECT_EQ(Outcome("a = "), error("<EOF>", "= "));
  EXPECT_EQ(Outcome("attribute_exists()"), error(")", "()"));
  EXPECT_EQ(Outcome("a[b] = :s"), error("b", "[b]"));
}

TEST(ParserTest, WhatIsNoConditionIsASyntaxError) {
  for (const char* text : {" ",
                           "a",
                           ":s",
                           "(a)",
                           "a AND b",
                           "a = :s AND b",
                           "NOT a",
                           "a = 4",
                           "(a = :s) = :s",
                           "a = :s b",
                           "(a = :s",
                           "a = :s)",
                           "a[:n] = :s",
                           "a[-1] = :s",
                           "_a = :s",
                           "a.9 = :s",
                           "a. = :s",
                           "[0] = :s",
                           "a..b = :s",
                           "a between :n",
                           "a in ()",
                           "a in :s",
                           "a in (:s",
                           "and = :s",
                           "contains(a, :s",
                           "contains(a = :s, :s)",
                           "(size(a))[0] > a",
                           "a BETWEEN :n OR :m",
                           "a + :n = :n",
                           "things are not gonna be ok",
                           "a = :s AND",
                           "a = :s OR AND b = :s",
                           "a, b",
                           "#n",
                           "() = :s"}) {
    EXPECT_THAT(Outcome(text), StartsWith("Syntax error; token: ")) << text;
  }
}

TEST(ParserTest, NothingIsNoExpression) {
  EXPECT_EQ(Outcome(""), "The expression can not be empty;");
}

TEST(ParserTest, DoubledParenthesesAreRedundant) {
  const std::string redundant = "The expression has redundant parentheses;";
  EXPECT_EQ(Outcome("((a = :s))"), redundant);
  EXPECT_EQ(Outcome("((a)) = :s"), redundant);
  EXPECT_EQ(Outcome("a = ((:s))"), redundant);
  EXPECT_EQ(Outcome("((a = :s) AND b = :s)"), "#n0 = :v0 AND #n1 = :v1");
  EXPECT_EQ(Outcome("((a = :s) AND (b = :s))"), "#n0 = :v0 AND #n1 = :v1");
  EXPECT_EQ(Outcome("(a = :s)"), "#n0 = :v0");
}

TEST(ParserTest, FunctionsStandOnlyWhereTheirResultFits) {
  const std::string misuse =
      "The function is not allowed to be used this way in an expression; "
      "function: ";
  EXPECT_EQ(Outcome("size(a)"), misuse + "size");
  EXPECT_EQ(Outcome("a = :s AND size(b)"), misuse + "size");
  EXPECT_EQ(Outcome("NOT size(b)"), misuse + "size");
  EXPECT_EQ(Outcome("attribute_exists(a) < :n"), misuse + "attribute_exists");
  EXPECT_EQ(Outcome(":n < contains(a, :s)"), misuse + "contains");
  EXPECT_EQ(Outcome("size(contains(a, :s)) = :n"), misuse + "contains");
  EXPECT_EQ(Outcome("a = if_not_exists(b, :n)"),
            "The function is not allowed in a condition expression; function: "
            "if_not_exists");
}

TEST(ParserTest, PlaceholdersMustBeDefined) {
  EXPECT_EQ(Outcome("#x.#y = :s"),
            "An expression attribute name used in the document path is not "
            "defined; attribute name: #x");
  EXPECT_EQ(Outcome("a = :x"),
            "An expression attribute value used in expression is not defined; "
            "attribute value: :x");
  EXPECT_EQ(Outcome("begins_with(a, :x)"),
            "An expression attribute value used in expression is not defined; "
            "attribute value: :x");
  EXPECT_EQ(Outcome("attribute_type(a, :x)"),
            "An expression attribute value used in expression is not defined; "
            "attribute value: :x");
}

TEST(ParserTest, ReservedWordsNeedAPlaceholder) {
  EXPECT_EQ(Outcome("Name = :s"),
            "Attribute name is a reserved keyword; reserved keyword: Name");
  EXPECT_EQ(Outcome("a.year = :s"),
            "Attribute name is a reserved keyword; reserved keyword: year");
  EXPECT_EQ(Outcome("#n = :s"), "#n0 = :v0");
}

TEST(ParserTest, OfSeveralErrorsTheGravestIsTold) {
  EXPECT_EQ(Outcome("((a = :x)) AND size(b) AND year = :s"),
            "The expression has redundant parentheses;");
  EXPECT_EQ(Outcome("a = :x AND year = :s"),
            "Attribute name is a reserved keyword; reserved keyword: year");
  EXPECT_THAT(Outcome("((a = :x)) AND"), StartsWith("Syntax error"));
  EXPECT_EQ(Outcome("year = :s AND day = :s"),
            "Attribute name is a reserved keyword; reserved keyword: year");
}

TEST(ParserTest, OperandsAreCounted) {
  const std::string count =
      "Incorrect number of operands for operator or function; operator or "
      "function: ";
  EXPECT_EQ(Outcome("attribute_exists(a, b)"),
            count + "attribute_exists, number of operands: 2");
  EXPECT_EQ(Outcome("contains(a)"), count + "contains, number of operands: 1");
  EXPECT_EQ(Outcome("size(a, b) = :n"), count + "size, number of operands: 2");
}

TEST(ParserTest, AnOperandIsNotComparedWithItself) {
  const std::string distinct =
      "The first operand must be distinct from the remaining operands for this "
      "operator or function; operator: ";
  EXPECT_EQ(Outcome("a = a"), distinct + "=, first operand: [a]");
  EXPECT_EQ(Outcome("contains(a[1].b, a[1].b)"),
            distinct + "contains, first operand: [a, [1], b]");
  EXPECT_EQ(Outcome("begins_with(#n, #n)"),
            distinct + "begins_with, first operand: [name]");
  EXPECT_EQ(Outcome("a[1] = a[2]"), "#n0[1] = #n0[2]");
}

TEST(ParserTest, LiteralsHaveTheOperatorsType) {
  const std::string type =
      "Incorrect operand type for operator or function; operator or function: ";
  EXPECT_EQ(Outcome("a < :bool"), type + "<, operand type: BOOL");
  EXPECT_EQ(Outcome("a = :bool"), "#n0 = :v0");
  EXPECT_EQ(Outcome("a BETWEEN :list AND b"),
            type + "BETWEEN, operand type: L");
  EXPECT_EQ(Outcome("begins_with(a, :n)"),
            type + "begins_with, operand type: N");
  EXPECT_EQ(Outcome("begins_with(size(a), :s)"),
            type + "begins_with, operand type: N");
  EXPECT_EQ(Outcome("size(:n) = :n"), type + "size, operand type: N");
  EXPECT_EQ(Outcome("attribute_type(a, :n)"),
            type + "attribute_type, operand type: N");
  EXPECT_EQ(
      Outcome("attribute_type(a, b)"),
      type + "attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
  EXPECT_EQ(Outcome("attribute_type(a, :s)"),
            "Invalid attribute type name found; type: s, valid types: "
            "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}");
  EXPECT_EQ(Outcome("attribute_exists(:s)"),
            "Operator or function requires a document path; operator or "
            "function: attribute_exists");
}

TEST(ParserTest, BetweenNeedsBoundsOfOneTypeInOrder) {
  EXPECT_EQ(Outcome("a BETWEEN :n AND :s"),
            "The BETWEEN operator requires same data type for lower and upper "
            "bounds; lower bound operand: AttributeValue: {N:1}, upper bound "
            "operand: AttributeValue: {S:s}");
  EXPECT_EQ(Outcome("a BETWEEN :t AND :s"),
            "The BETWEEN operator requires upper bound to be greater than or "
            "equal to lower bound; lower bound operand: AttributeValue: {S:t}, "
            "upper bound operand: AttributeValue: {S:s}");
  EXPECT_EQ(Outcome("a BETWEEN :m AND b"), "#n0 BETWEEN :v0 AND #n1");
  EXPECT_EQ(Outcome("a BETWEEN :m AND :m"), "#n0 BETWEEN :v0 AND :v1");
}

TEST(ParserLimitsTest, AnExpressionHas4096Bytes) {
  const auto padded = [](size_t size) {
    return "a = :s" + std::string(size - 6, ' ');
  };
  EXPECT_EQ(Outcome(padded(4096)), "#n0 = :v0");
  EXPECT_EQ(Outcome(padded(4097)),
            "Expression size has exceeded the maximum allowed size; expression "
            "size: 4097");
  EXPECT_THAT(Outcome(std::string(4097, '!')), StartsWith("Expression size"));
}

TEST(ParserLimitsTest, AnExpressionHas300Operators) {
  // n comparisons and n - 1 times AND
  EXPECT_THAT(Outcome(Joined(150, "a=:s", " AND ")), StartsWith("#n0 = "));
  EXPECT_THAT(Outcome("NOT " + Joined(150, "a=:s", " AND ")),
              StartsWith("NOT "));
  EXPECT_EQ(Outcome("NOT NOT " + Joined(150, "a=:s", " AND ")),
            "The expression contains too many operators; operator count: 301");
  EXPECT_THAT(Outcome(Joined(299, "NOT", " ") + " a=:s"), StartsWith("NOT "));
  EXPECT_EQ(Outcome(Joined(300, "NOT", " ") + " a=:s"),
            "The expression contains too many operators; operator count: 301");
}

TEST(ParserLimitsTest, APathHas32Elements) {
  EXPECT_THAT(Outcome(Joined(32, "a", ".") + " = :s"), StartsWith("#n0.#n0"));
  EXPECT_EQ(Outcome(Joined(33, "a", ".") + " = :s"),
            "The document path has too many nesting levels; nesting levels: "
            "33");
  EXPECT_EQ(Outcome("a" + Joined(32, "[0]", "") + " = :s"),
            "The document path has too many nesting levels; nesting levels: "
            "33");
}

TEST(ParserLimitsTest, AListIndexHas31Bits) {
  EXPECT_EQ(Outcome("a[2147483647] = :s"), "#n0[2147483647] = :v0");
  EXPECT_EQ(
      Outcome("a[2147483648] = :s"),
      "List index is not within the allowable range; index: [2147483648]");
  EXPECT_EQ(
      Outcome("a[99999999999999] = :s"),
      "List index is not within the allowable range; index: [99999999999999]");
}

TEST(ParserLimitsTest, InTakes100OperandsWithTheLeftOne) {
  EXPECT_THAT(Outcome("a IN (" + Joined(99, ":s", ",") + ")"),
              StartsWith("#n0 IN ("));
  EXPECT_EQ(Outcome("a IN (" + Joined(100, ":s", ",") + ")"),
            "The IN operator is provided with too many operands; number of "
            "operands: 101");
}

TEST(ParserLimitsTest, NestingNeedsABoundedStack) {
  const std::string open(2000, '('), close(2000, ')');
  EXPECT_EQ(Outcome(open + "a=:s" + close),
            "The expression has redundant parentheses;");
  EXPECT_EQ(Outcome(open), "The expression has redundant parentheses;");
  EXPECT_EQ(Outcome("a = " + open + ":s" + close),
            "The expression has redundant parentheses;");
  EXPECT_THAT(Outcome(Joined(800, "size(", "") + "a"),
              StartsWith("The expression contains too many operators;"));
  // As deep as 300 operators can go.
  std::string deep = "a=:s";
  for (int i = 0; i < 149; ++i) deep = absl::StrCat("(", deep, ")AND a=:s");
  EXPECT_THAT(Outcome(deep), StartsWith("(("));
}

TEST(ProjectionParserTest, IsAListOfPaths) {
  Placeholders placeholders = SomePlaceholders();
  EXPECT_TRUE(ParseProjection("a, #n.b[3] ,c", placeholders).ok());
  for (const char* bad : {"a,", ",a", "a b", "a, :s", "a = :s", "(a)"}) {
    EXPECT_THAT(
        std::string(ParseProjection(bad, placeholders).status().message()),
        StartsWith("Invalid ProjectionExpression: Syntax error; token: "))
        << bad;
  }
}

}  // namespace
}  // namespace pallet::model::expression
