// SPDX-License-Identifier: Apache-2.0
//
// Random well-formed conditions print and parse back equal; random texts never
// do worse than a clean error. PALLET_TEST_SEED=n runs one seed again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "model/expression/parser.h"
#include "tests/testing/print_expression.h"
#include "tests/testing/wire_values.h"

namespace pallet::model::expression {
namespace {

using ::pallet::testing::B;
using ::pallet::testing::Bool;
using ::pallet::testing::N;
using ::pallet::testing::Print;
using ::pallet::testing::PrintedExpression;
using ::pallet::testing::S;
using ::pallet::testing::SameTree;

// Grows a random condition. Every path is another one, so that no operand
// meets itself; literals are of types that any operator takes.
class Grower {
 public:
  explicit Grower(uint32_t seed) : random_(seed) {}

  Expression Grow() {
    tree_->root = Condition(4);
    return std::move(expression_);
  }

 private:
  int Pick(int n) { return std::uniform_int_distribution(0, n - 1)(random_); }

  NodeId Add(Node node) {
    tree_->nodes.push_back(std::move(node));
    return tree_->nodes.size() - 1;
  }

  NodeId AddValue(const std::string& value) {
    Node node{.kind = NodeKind::kValue};
    node.slot = expression_.values.size();
    expression_.values.push_back(std::make_shared<std::string>(value));
    return Add(std::move(node));
  }

  NodeId APath() {
    Node node{.kind = NodeKind::kPath};
    node.path.elements.emplace_back(absl::StrCat("attribute ", ++paths_));
    for (int i = Pick(4); i > 0; --i) {
      if (Pick(2) == 0) {
        node.path.elements.emplace_back(static_cast<uint32_t>(Pick(1000)));
      } else {
        node.path.elements.emplace_back(absl::StrCat("key.", Pick(10)));
      }
    }
    return Add(std::move(node));
  }

  NodeId AValue() {
    const std::string text = absl::StrCat(Pick(100));
    const std::string values[] = {S(text), B(text), N(text)};
    return AddValue(values[Pick(3)]);
  }

  NodeId AString() { return AddValue(S("SS")); }

  NodeId Size() {
    return Add({.kind = NodeKind::kFunction,
                .function = Function::kSize,
                .operands = {Pick(2) == 0 ? APath() : AString()}});
  }

  NodeId Operand() {
    switch (Pick(3)) {
      case 0:
        return APath();
      case 1:
        return AValue();
      default:
        return Size();
    }
  }

  NodeId AFunction() {
    Node node{.kind = NodeKind::kFunction};
    switch (Pick(5)) {
      case 0:
        node.function = Function::kAttributeExists;
        node.operands = {APath()};
        break;
      case 1:
        node.function = Function::kAttributeNotExists;
        node.operands = {APath()};
        break;
      case 2:
        node.function = Function::kAttributeType;
        node.operands = {APath(), AString()};
        break;
      case 3:
        node.function = Function::kBeginsWith;
        node.operands = {AString(), APath()};
        break;
      default:
        node.function = Function::kContains;
        node.operands = {APath(), Operand()};
    }
    return Add(std::move(node));
  }

  NodeId Comparison() {
    static constexpr NodeKind kKinds[] = {
        NodeKind::kEqual,       NodeKind::kNotEqual, NodeKind::kLess,
        NodeKind::kLessOrEqual, NodeKind::kGreater,  NodeKind::kGreaterOrEqual,
        NodeKind::kBetween,     NodeKind::kIn};
    Node node{.kind = kKinds[Pick(8)]};
    node.operands = {Operand(), Operand()};
    if (node.kind == NodeKind::kBetween) node.operands.push_back(APath());
    if (node.kind == NodeKind::kIn) {
      for (int i = Pick(5); i > 0; --i) node.operands.push_back(Operand());
    }
    return Add(std::move(node));
  }

  NodeId Condition(int depth) {
    Node node;
    switch (depth == 0 ? Pick(2) : Pick(5)) {
      case 0:
        return Comparison();
      case 1:
        return AFunction();
      case 2:
        node.kind = NodeKind::kNot;
        node.operands = {Condition(depth - 1)};
        break;
      case 3:
        node.kind = NodeKind::kAnd;
        break;
      default:
        node.kind = NodeKind::kOr;
    }
    if (node.kind != NodeKind::kNot) {
      for (int i = 2 + Pick(2); i > 0; --i) {
        node.operands.push_back(Condition(depth - 1));
      }
    }
    return Add(std::move(node));
  }

  std::mt19937 random_;
  const std::shared_ptr<Tree> tree_ = std::make_shared<Tree>();
  Expression expression_{tree_, {}};
  int paths_ = 0;
};

std::pair<uint32_t, uint32_t> Seeds(uint32_t count) {
  const char* seed = std::getenv("PALLET_TEST_SEED");
  if (seed == nullptr) return {1, count};
  const uint32_t only = std::strtoul(seed, nullptr, 10);
  return {only, only};
}

TEST(ExpressionPropertyTest, WhatIsPrintedParsesBackEqual) {
  const auto [first, last] = Seeds(3000);
  int parsed = 0;
  for (uint32_t seed = first; seed <= last; ++seed) {
    const Expression expression = Grower(seed).Grow();
    const PrintedExpression printed = Print(expression);
    if (printed.text.size() > kMaxExpressionBytes) continue;
    auto placeholders = Placeholders::Create(printed.names, printed.values);
    ASSERT_TRUE(placeholders.ok()) << placeholders.status();
    const auto again = ParseCondition("X", printed.text, *placeholders);
    ASSERT_TRUE(again.ok())
        << "PALLET_TEST_SEED=" << seed << " " << printed.text << again.status();
    ASSERT_TRUE(SameTree(expression, *again))
        << "PALLET_TEST_SEED=" << seed << " " << printed.text;
    ASSERT_TRUE(placeholders->CheckAllUsed().ok())
        << "PALLET_TEST_SEED=" << seed;
    ++parsed;
  }
  EXPECT_GT(parsed * 10, static_cast<int>(last - first + 1) * 9);
}

TEST(ExpressionPropertyTest, RandomTokensEndInAnAnswer) {
  static constexpr absl::string_view kTokens[] = {
      "a",        "#n",
      ":v",       "(",
      ")",        "[",
      "]",        ".",
      ",",        "=",
      "<>",       "<",
      "AND",      "OR",
      "NOT",      "IN",
      "1",        "BETWEEN",
      "size",     "!",
      "contains", "attribute_exists",
      "year",     "#m",
      ":w"};
  const auto [first, last] = Seeds(20000);
  int accepted = 0;
  for (uint32_t seed = first; seed <= last; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (int i = std::uniform_int_distribution(1, 9)(random); i > 0; --i) {
      const size_t pick = std::uniform_int_distribution<size_t>(
          0, std::size(kTokens) - 1)(random);
      absl::StrAppend(&text, kTokens[pick], " ");
    }
    auto placeholders = Placeholders::Create(
        std::map<std::string, std::string>{{"#n", "n"}},
        std::map<std::string, std::string>{{":v", Bool(true)}});
    const auto result = ParseCondition("X", text, *placeholders);
    if (result.ok()) {
      ++accepted;
    } else {
      ASSERT_EQ(ReasonOf(result.status()), Reason::kValidation) << text;
    }
  }
  if (first != last) {
    EXPECT_GT(accepted, 0);
  }
}

}  // namespace
}  // namespace pallet::model::expression
