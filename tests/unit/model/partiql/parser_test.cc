// SPDX-License-Identifier: Apache-2.0
#include "model/partiql/parser.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "model/errors.h"
#include "tests/testing/print_statement.h"

namespace pallet::model::partiql {
namespace {

// What was understood, or what is wrong with it.
std::string Parsed(absl::string_view text) {
  const absl::StatusOr<Statement> statement = ParseStatement(text);
  if (statement.ok()) return ::pallet::testing::Print(*statement);
  EXPECT_EQ(ReasonOf(statement.status()), Reason::kValidation);
  return std::string(statement.status().message());
}

// The same of a condition.
std::string Where(absl::string_view condition) {
  const std::string parsed =
      Parsed(absl::StrCat("SELECT * FROM t WHERE ", condition));
  return std::string(absl::StripPrefix(parsed, "SELECT * FROM \"t\" WHERE "));
}

std::string Value(absl::string_view literal) {
  const std::string parsed =
      Parsed(absl::StrCat("INSERT INTO t VALUE ", literal));
  return std::string(absl::StripPrefix(parsed, "INSERT INTO \"t\" VALUE "));
}

std::string Malformed(absl::string_view detail) {
  return absl::StrCat("Statement wasn't well formed, can't be processed: ",
                      detail);
}

TEST(PartiqlParserTest, Example) {
  const absl::StatusOr<Statement> statement = ParseStatement(
      "SELECT Total, Lines[0].Price FROM Orders.ByDay"
      " WHERE Day = ? AND Total > 5e2 ORDER BY Total DESC");
  ASSERT_TRUE(statement.ok()) << statement.status();
  EXPECT_EQ(statement->kind, Statement::Kind::kSelect);
  EXPECT_EQ(statement->table, "Orders");
  EXPECT_EQ(statement->index, "ByDay");
  EXPECT_EQ(statement->columns.size(), 2u);
  EXPECT_EQ(statement->where->kind, Term::Kind::kAnd);
  EXPECT_TRUE(statement->order[0].descending);
  EXPECT_EQ(statement->parameters, 1u);
}

TEST(PartiqlParserTest, ReadsEveryKindOfStatement) {
  EXPECT_EQ(Parsed("select * from t;"), "SELECT * FROM \"t\"");
  EXPECT_EQ(Parsed("Select a, \"b c\".d['e'][7] From \"x-1\" order by a"),
            "SELECT \"a\", \"b c\".\"d\".\"e\"[7] FROM \"x-1\" "
            "ORDER BY \"a\" ASC");
  EXPECT_EQ(Parsed("insert into t value {'pk': 1, 'a': ?}"),
            "INSERT INTO \"t\" VALUE {'pk': 1, 'a': ?}");
  EXPECT_EQ(Parsed("UPDATE t SET a = 1, b.c = b.c + 2 REMOVE d, e SET f = "
                   "list_append(f, [1]) WHERE pk = 1 RETURNING MODIFIED NEW *"),
            "UPDATE \"t\" SET \"a\" = 1 SET \"b\".\"c\" = \"b\".\"c\" + 2 "
            "REMOVE \"d\" REMOVE \"e\" SET \"f\" = list_append(\"f\", [1]) "
            "WHERE \"pk\" = 1 RETURNING MODIFIED NEW *");
  EXPECT_EQ(Parsed("FROM t WHERE pk = 1 SET a = -2 RETURNING ALL OLD *"),
            "UPDATE \"t\" SET \"a\" = -2 WHERE \"pk\" = 1 RETURNING ALL OLD *");
  EXPECT_EQ(Parsed("DELETE FROM t WHERE pk = 'x' RETURNING ALL OLD *"),
            "DELETE FROM \"t\" WHERE \"pk\" = 'x' RETURNING ALL OLD *");
  EXPECT_EQ(Parsed("EXISTS(SELECT * FROM t WHERE pk = 1 AND a > 2)"),
            "EXISTS(SELECT * FROM \"t\" WHERE (\"pk\" = 1) AND (\"a\" > 2))");
}

TEST(PartiqlParserTest, BindsNotBeforeAndBeforeOr) {
  EXPECT_EQ(Where("a = 1 OR b = 2 AND NOT c = 3"),
            "(\"a\" = 1) OR ((\"b\" = 2) AND (NOT (\"c\" = 3)))");
  EXPECT_EQ(Where("(a = 1 OR b = 2) AND ((c = 3))"),
            "((\"a\" = 1) OR (\"b\" = 2)) AND (\"c\" = 3)");
  EXPECT_EQ(Where("NOT NOT a != 1"), "\"a\" <> 1");
}

TEST(PartiqlParserTest, ReadsEveryOperator) {
  EXPECT_EQ(Where("a BETWEEN 1 AND 2 AND b <= 3"),
            "(\"a\" BETWEEN 1 AND 2) AND (\"b\" <= 3)");
  EXPECT_EQ(Where("a NOT BETWEEN 1 AND 2"), "NOT (\"a\" BETWEEN 1 AND 2)");
  EXPECT_EQ(Where("a IN [1, ?, 'x']"), "\"a\" IN [1, ?, 'x']");
  EXPECT_EQ(Where("a not in (1)"), "NOT (\"a\" IN [1])");
  EXPECT_EQ(Where("a IS MISSING OR b IS NOT NULL OR c IS string"),
            "(\"a\" IS MISSING) OR (NOT (\"b\" IS NULL)) OR "
            "(\"c\" IS STRING)");
  EXPECT_EQ(Where("Begins_With(a.b, 'x') AND size(c) >= 2"),
            "begins_with(\"a\".\"b\", 'x') AND (size(\"c\") >= 2)");
  EXPECT_EQ(Where("a LIKE 'x%'"), "Unsupported operation: Like");
}

TEST(PartiqlParserTest, ReadsEveryLiteral) {
  EXPECT_EQ(Value("{'a': null, 'b': True, 'c': false, 'd': 'it''s'}"),
            "{'a': NULL, 'b': TRUE, 'c': FALSE, 'd': 'it''s'}");
  EXPECT_EQ(Value("{'l': [1, [], {}], 's': <<1, 2>>, 'm': {'n': {'': ?}}}"),
            "{'l': [1, [], {}], 's': <<1, 2 >>, 'm': {'n': {'': ?}}}");
  EXPECT_EQ(Value("[-1, +2, .5, -1.5E-3, 10., 3e+2]"),
            "[-1, 2, .5, -1.5E-3, 10., 3e+2]");
}

TEST(PartiqlParserTest, CommentsAreBlanks) {
  EXPECT_EQ(Parsed("-- a\nSELECT/* b */* FROM t -- WHERE x\nWHERE a = 1 -- c"),
            "SELECT * FROM \"t\" WHERE \"a\" = 1");
  EXPECT_EQ(Where("a = 1 /* open"), Malformed(""));
  EXPECT_EQ(Where("a = 1 # x"), Malformed(""));
}

TEST(PartiqlParserTest, WhatIsLeftOverIsTold) {
  const std::string leftover = Malformed("Unexpected token after expression");
  EXPECT_EQ(Where("pk = 1 foo"), leftover);
  EXPECT_EQ(Where("pk = 1 e5"), leftover);
  EXPECT_EQ(Where("pk = 1)"), leftover);
  EXPECT_EQ(Parsed("INSERT INTO t VALUE {'pk': 1} foo"), leftover);
  EXPECT_EQ(Parsed("INSERT INTO t x VALUE {'pk': 1}"), leftover);
  EXPECT_EQ(Parsed("DELETE FROM t WHERE pk = 1 ORDER BY pk"), leftover);
  EXPECT_EQ(Parsed("SELECT * FROM t ORDER BY pk WHERE pk = 1"), leftover);
  EXPECT_EQ(Parsed("FROM t SET c = 1 WHERE pk = 1"), leftover);
  EXPECT_EQ(Parsed("SELECT * FROM t;;"), leftover);
}

TEST(PartiqlParserTest, ATermThatIsNotThereIsTold) {
  for (const char* text : {"", ";", "   ", "NOT", "("}) {
    EXPECT_EQ(Where(text), Malformed("Unexpected term")) << text;
  }
  EXPECT_EQ(Where("ORDER BY pk"), Malformed("Unexpected keyword"));
  EXPECT_EQ(Where("IS NULL"), Malformed("Unexpected operator"));
  EXPECT_EQ(Where("a = LIKE"), Malformed("Unexpected operator"));
  EXPECT_EQ(Where("a IS FOO"), Malformed("Expected type name"));
  EXPECT_EQ(Where("a = 1 AND"),
            Malformed("Missing right-hand side expression of infix operator"));
  EXPECT_EQ(Where("a.1 = 1"), Malformed("Unexpected token after expression"));
  EXPECT_EQ(Where("a.select = 1"), Malformed("Invalid path dot component"));
}

TEST(PartiqlParserTest, ATableThatIsNotThereIsTold) {
  const std::string no_table = Malformed("Expected identifier for simple path");
  EXPECT_EQ(Parsed("DELETE FROM"), no_table);
  EXPECT_EQ(Parsed("DELETE FROM WHERE pk = 1"), no_table);
  EXPECT_EQ(Parsed("SELECT * FROM"), Malformed("Unexpected term"));
  EXPECT_EQ(Parsed("SELECT * FROM a.b.c"),
            "A path may contain at most 2 components in the FROM clause");
  EXPECT_EQ(Parsed("SELECT * FROM a.\"\""),
            "Path component cannot be an empty string");
  EXPECT_EQ(Parsed("SELECT * FROM \"t"), Malformed(""));
  EXPECT_EQ(Parsed("SELECTT * FROM t"),
            Malformed("Expected data manipulation"));
  EXPECT_EQ(Parsed(""), Malformed("Expected data manipulation"));
}

TEST(PartiqlParserTest, WhatIsNotSupportedIsNamed) {
  for (const char* text :
       {"SELECT * FROM t x", "SELECT * FROM t AS x WHERE a = 1",
        "UPDATE t x SET a = 1 WHERE a = 1", "DELETE FROM t x WHERE a = 1",
        "SELECT a AS b FROM t"}) {
    EXPECT_EQ(Parsed(text), "Aliasing is not supported") << text;
  }
  EXPECT_EQ(Parsed("SELECT *, a FROM t"),
            "Other attributes should not be present in the projection when "
            "'*' is used.");
  EXPECT_EQ(Parsed("SELECT size(a) FROM t"),
            "Unexpected path component at 1:8:4");
  EXPECT_EQ(Parsed("SELECT\n  size(a) FROM t"),
            "Unexpected path component at 2:3:4");
  EXPECT_EQ(Value("{'a': set_add(<<1>>, <<2>>)}"),
            "Unsupported data type: set_add under key root at 1:27:7");
}

TEST(PartiqlParserTest, NumbersOutsideOf32BitsAreNone) {
  EXPECT_EQ(Where("a = 1e2147483647"), "\"a\" = 1e2147483647");
  EXPECT_EQ(Where("a = 1e2147483648"), Malformed(""));
  EXPECT_EQ(Where("a = 1e99999999999"), Malformed(""));
  EXPECT_EQ(Where("a = 1.5e-2147483647"), Malformed(""));
}

TEST(PartiqlParserTest, NestingHasABound) {
  const auto nested = [](int levels) {
    return absl::StrCat(std::string(levels, '('), "a = 1",
                        std::string(levels, ')'));
  };
  EXPECT_EQ(Where(nested(kMaxDepth)), "\"a\" = 1");
  EXPECT_EQ(Where(nested(kMaxDepth + 1)), Malformed("Nested too deeply"));
  EXPECT_EQ(Where(std::string(8000, '(')), Malformed("Nested too deeply"));
  std::string calls;
  for (int i = 0; i < 2000; ++i) calls += "f(";
  EXPECT_EQ(Where(calls), Malformed("Nested too deeply"));

  const auto list = [](int levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(Value(list(kMaxLiteralDepth + 1)), list(kMaxLiteralDepth + 1));
  EXPECT_EQ(Value(std::string(8000, '[')),
            "Nesting Levels have exceeded supported limits: Attributes in the "
            "item have nested levels beyond supported limit");
  std::string negations;
  for (int i = 0; i < 2001; ++i) negations += "NOT ";
  EXPECT_EQ(Where(negations + "a = 1"), "NOT (\"a\" = 1)");
}

}  // namespace
}  // namespace pallet::model::partiql
