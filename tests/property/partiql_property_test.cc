// SPDX-License-Identifier: Apache-2.0
//
// Random PartiQL statements print and parse back the same; statements that were
// damaged never do worse than a clean error. PALLET_TEST_SEED=n runs one seed
// again.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "model/partiql/parser.h"
#include "tests/testing/print_statement.h"
#include "tests/testing/seed.h"

namespace pallet::model::partiql {
namespace {

using ::pallet::testing::Print;

class Grower {
 public:
  explicit Grower(uint64_t seed) : random_(seed) {}

  Statement Grow() {
    Statement statement;
    statement.kind = static_cast<Statement::Kind>(Pick(5));
    statement.table = AName();
    switch (statement.kind) {
      case Statement::Kind::kSelect:
      case Statement::Kind::kExists:
        if (Pick(3) == 0) statement.index = AName();
        for (int i = Pick(4); i > 0; --i) statement.columns.push_back(APath());
        if (Pick(2) == 0) statement.where = Condition(4);
        for (int i = Pick(3); i > 0; --i) {
          statement.order.push_back({APath(), Pick(2) == 0});
        }
        break;
      case Statement::Kind::kInsert:
        statement.item = ALiteral(4);
        break;
      case Statement::Kind::kUpdate:
        for (int i = Pick(4); i >= 0; --i) {
          Assignment& added = statement.assignments.emplace_back();
          added.target = APath();
          if (Pick(3) > 0) added.value = Sum();
        }
        [[fallthrough]];
      case Statement::Kind::kDelete:
        if (Pick(4) > 0) statement.where = Condition(4);
        if (Pick(2) == 0) {
          statement.returning = static_cast<Returning>(Pick(4));
        }
    }
    return statement;
  }

  // Changes, drops or doubles some of the text.
  std::string Damage(std::string text) {
    for (int i = Pick(4); i >= 0 && !text.empty(); --i) {
      const size_t at =
          static_cast<size_t>(Pick(static_cast<int>(text.size())));
      switch (Pick(3)) {
        case 0:
          text[at] = static_cast<char>(Pick(256));
          break;
        case 1:
          text.erase(at, static_cast<size_t>(Pick(8)));
          break;
        default:
          text.insert(at, text.substr(0, static_cast<size_t>(Pick(20))));
      }
    }
    return text;
  }

 private:
  int Pick(int n) { return std::uniform_int_distribution(0, n - 1)(random_); }

  std::string AText() {
    static const char* const kTexts[] = {
        "", "a", "it's", "x\"y", "select", "\xC3\xA4 b", "--", "?", "'"};
    return kTexts[Pick(9)];
  }
  std::string AName() { return absl::StrCat("n", AText()); }

  Path APath() {
    Path path;
    path.elements.emplace_back(expression::Name(AName()));
    for (int i = Pick(3); i > 0; --i) {
      if (Pick(2) == 0) {
        path.elements.emplace_back(static_cast<uint32_t>(Pick(1000)));
      } else {
        path.elements.emplace_back(expression::Name(AText()));
      }
    }
    return path;
  }

  Literal ALiteral(int depth) {
    Literal literal;
    literal.kind = static_cast<Literal::Kind>(Pick(depth > 0 ? 8 : 5));
    switch (literal.kind) {
      case Literal::Kind::kBool:
        literal.boolean = Pick(2) == 0;
        break;
      case Literal::Kind::kNumber: {
        static const char* const kNumbers[] = {"0",     "-1",   "1.5",  ".5",
                                               "-2.e3", "7E-2", "12e+1"};
        literal.text = kNumbers[Pick(7)];
        break;
      }
      case Literal::Kind::kString:
        literal.text = AText();
        break;
      case Literal::Kind::kList:
      case Literal::Kind::kMap:
      case Literal::Kind::kSet:
        for (int i = Pick(4); i > 0; --i) {
          literal.members.push_back(ALiteral(depth - 1));
          if (literal.kind == Literal::Kind::kMap) {
            literal.names.push_back(AText());
          }
        }
        break;
      default:
        break;
    }
    return literal;
  }

  Term Operand() {
    Term term;
    switch (Pick(4)) {
      case 0:
        return ACall("size");
      case 1:
        term.path = APath();
        return term;
      default:
        term.kind = Term::Kind::kLiteral;
        term.literal = ALiteral(1);
        return term;
    }
  }

  Term ACall(const char* name) {
    Term term{.kind = Term::Kind::kCall};
    term.name = name;
    for (int i = Pick(3); i > 0; --i) term.operands.push_back(Operand());
    return term;
  }

  Term Sum() {
    if (Pick(2) == 0) return Pick(2) == 0 ? ACall("list_append") : Operand();
    Term term{.kind = Pick(2) == 0 ? Term::Kind::kPlus : Term::Kind::kMinus};
    term.operands.push_back(Operand());
    term.operands.push_back(Operand());
    return term;
  }

  Term Condition(int depth) {
    Term term;
    const int kind = Pick(depth > 0 ? 9 : 6);
    switch (kind) {
      case 0:
        term.kind = Term::Kind::kBetween;
        for (int i = 0; i < 3; ++i) term.operands.push_back(Operand());
        break;
      case 1:
        term.kind = Term::Kind::kIn;
        for (int i = Pick(4); i >= -1; --i) term.operands.push_back(Operand());
        break;
      case 2:
        term.kind = Term::Kind::kIs;
        term.name = Pick(2) == 0 ? "MISSING" : "STRING";
        term.operands.push_back(Operand());
        break;
      case 3:
        return ACall("contains");
      case 4:
      case 5:
        term.kind = static_cast<Term::Kind>(
            static_cast<int>(Term::Kind::kEqual) + Pick(6));
        for (int i = 0; i < 2; ++i) term.operands.push_back(Operand());
        break;
      case 6:
        term.kind = Term::Kind::kNot;
        // Two negations are read as none.
        do {
          term.operands.assign(1, Condition(depth - 1));
        } while (term.operands[0].kind == Term::Kind::kNot);
        break;
      default:
        term.kind = kind == 7 ? Term::Kind::kAnd : Term::Kind::kOr;
        for (int i = Pick(3); i >= -1; --i) {
          term.operands.push_back(Condition(depth - 1));
        }
    }
    return term;
  }

  std::mt19937_64 random_;
};

TEST(PartiqlPropertyTest, StatementsPrintAndParseBack) {
  const uint64_t seed = ::pallet::testing::TestSeed();
  const int rounds = ::pallet::testing::TestRounds(3000);
  Grower grower(seed);
  for (int round = 0; round < rounds; ++round) {
    const std::string printed = Print(grower.Grow());
    const absl::StatusOr<Statement> parsed = ParseStatement(printed);
    ASSERT_TRUE(parsed.ok()) << printed << "\n" << parsed.status();
    ASSERT_EQ(Print(*parsed), printed);
  }
}

TEST(PartiqlPropertyTest, DamagedStatementsAreAnswered) {
  const uint64_t seed = ::pallet::testing::TestSeed();
  const int rounds = ::pallet::testing::TestRounds(20000);
  Grower grower(seed);
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::string text = grower.Damage(Print(grower.Grow()));
    const absl::StatusOr<Statement> parsed = ParseStatement(text);
    if (parsed.ok()) {
      if (parsed->count.has_value()) continue;
      const std::string printed = Print(*parsed);
      const absl::StatusOr<Statement> again = ParseStatement(printed);
      ASSERT_TRUE(again.ok()) << text << "\n" << printed;
      ASSERT_EQ(Print(*again), printed) << text;
      continue;
    }
    ++refused;
    ASSERT_EQ(ReasonOf(parsed.status()), Reason::kValidation);
  }
  EXPECT_GT(refused, rounds / 10);
}

}  // namespace
}  // namespace pallet::model::partiql
