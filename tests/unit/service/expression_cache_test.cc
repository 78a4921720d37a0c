// SPDX-License-Identifier: Apache-2.0
#include "service/expression_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/expression/condition.h"
#include "tests/testing/wire_values.h"

namespace pallet::service {
namespace {

using model::expression::Expression;
using model::expression::Placeholders;
using testing::ItemOf;
using testing::N;
using testing::S;
using Strings = std::map<std::string, std::string>;

Placeholders Make(const Strings& names, const Strings& values) {
  return *Placeholders::Create(names, values);
}

TEST(ExpressionCacheTest, EqualTextsShareATreeWithValuesOfTheirOwn) {
  ExpressionCache cache;
  const std::string item = ItemOf({{"v", N("5")}});
  std::shared_ptr<const model::expression::Tree> tree;
  for (int i = 0; i < 10; ++i) {
    Placeholders placeholders =
        Make({{"#v", "v"}}, {{":i", N(absl::StrCat(i))}});
    const auto condition = cache.ParseCondition("X", "#v = :i", placeholders);
    ASSERT_TRUE(condition.ok()) << condition.status();
    EXPECT_EQ(Matches(*condition, model::ItemView(item)), i == 5);
    EXPECT_TRUE(placeholders.CheckAllUsed().ok());
    EXPECT_TRUE(tree == nullptr || condition->tree == tree);
    tree = condition->tree;
  }
}

TEST(ExpressionCacheTest, NamesBelongToWhatIsKept) {
  ExpressionCache cache;
  const std::string item = ItemOf({{"a", N("1")}});
  for (const char* name : {"a", "b", "a", "b"}) {
    Placeholders placeholders = Make({{"#n", name}}, {});
    const auto condition =
        cache.ParseCondition("X", "attribute_exists(#n)", placeholders);
    ASSERT_TRUE(condition.ok());
    EXPECT_EQ(Matches(*condition, model::ItemView(item)), *name == 'a');
  }
}

TEST(ExpressionCacheTest, KindsAreKeptApart) {
  ExpressionCache cache;
  Placeholders placeholders = Make({}, {});
  EXPECT_TRUE(cache.ParseProjection("a", placeholders).ok());
  EXPECT_FALSE(cache.ParseCondition("X", "a", placeholders).ok());
  EXPECT_FALSE(cache.ParseUpdate("a", placeholders).ok());
}

TEST(ExpressionCacheTest, WhatIsWrongIsToldEachTime) {
  ExpressionCache cache;
  const auto parse = [&](const Strings& values) {
    Placeholders placeholders = Make({}, values);
    return std::string(cache
                           .ParseCondition("FilterExpression",
                                           "a BETWEEN :x AND :y", placeholders)
                           .status()
                           .message());
  };
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(parse({{":x", N("1")}, {":y", N("2")}}), "");
    EXPECT_EQ(parse({{":x", N("1")}, {":y", S("2")}}),
              "Invalid FilterExpression: The BETWEEN operator requires same "
              "data type for lower and upper bounds; lower bound operand: "
              "AttributeValue: {N:1}, upper bound operand: AttributeValue: "
              "{S:2}");
    EXPECT_EQ(parse({{":x", N("1")}}),
              "Invalid FilterExpression: An expression attribute value used in "
              "expression is not defined; attribute value: :y");
  }
}

TEST(ExpressionCacheTest, MoreTextsThanSlotsAndLongOnesWorkToo) {
  ExpressionCache cache;
  const std::string item = ItemOf({{"a7", N("1")}});
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < 2 * ExpressionCache::kSlots; ++i) {
      Placeholders placeholders = Make({}, {});
      const auto condition = cache.ParseCondition(
          "X", absl::StrCat("attribute_exists(a", i, ")"), placeholders);
      ASSERT_TRUE(condition.ok());
      EXPECT_EQ(Matches(*condition, model::ItemView(item)), i == 7);
    }
  }
  Placeholders placeholders = Make({}, {});
  const std::string text = "attribute_exists(a7)" + std::string(4000, ' ');
  EXPECT_TRUE(cache.ParseCondition("X", text, placeholders).ok());
}

}  // namespace
}  // namespace pallet::service
