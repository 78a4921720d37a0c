// SPDX-License-Identifier: Apache-2.0
//
// What a projection leaves of an item, and which paths do not go together.
#include "model/expression/projection.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "model/expression/parser.h"
#include "model/item_codec.h"
#include "tests/testing/item_tree.h"

namespace pallet::model::expression {
namespace {

using ::pallet::testing::ItemOf;
using ::pallet::testing::List;
using ::pallet::testing::Map;
using ::pallet::testing::N;
using ::pallet::testing::S;
using ::pallet::testing::Text;
using ::pallet::testing::TreeOf;
using Strings = std::map<std::string, std::string>;

const std::string& AnItem() {
  static const std::string item = ItemOf(
      {{"a", Map({{"b", N("1")}, {"c", Map({{"d", S("x")}, {"e", S("y")}})}})},
       {"hollow", Map({})},
       {"l", List({N("0"), Map({{"p", N("1")}, {"q", N("2")}}),
                   List({S("in"), S("out")}), N("3")})},
       {"lengthy", S(std::string(200, 'x'))},
       {"pk", S("k")},
       {"z", N("9")}});
  return item;
}

std::string Projected(absl::string_view text) {
  auto placeholders =
      Placeholders::Create(Strings{{"#z", "z"}, {"#p", "p"}}, Strings{});
  const auto projection = ParseProjection(text, *placeholders);
  if (!projection.ok()) return std::string(projection.status().message());
  const std::string bytes =
      Project(projection->tree->targets, ItemView(AnItem()));
  EXPECT_TRUE(CheckCanonical(bytes).ok());
  return Text(TreeOf(ItemView(bytes)));
}

TEST(ProjectionTest, Example) {
  EXPECT_EQ(Projected("pk, a.c.d, l[1].q"),
            R"({a: {c: {d: "x"}}, l: [{q: 2}], pk: "k"})");
}

TEST(ProjectionTest, OrderOfThePathsDoesNotMatter) {
  EXPECT_EQ(Projected("#z,pk"), R"({pk: "k", z: 9})");
  EXPECT_EQ(Projected("a.c.e, a.b"), R"({a: {b: 1, c: {e: "y"}}})");
}

TEST(ProjectionTest, ListElementsMoveTogetherInTheirOrder) {
  EXPECT_EQ(Projected("l[3], l[0]"), "{l: [0, 3]}");
  EXPECT_EQ(Projected("l[2][1], l[1].#p, l[9]"), R"({l: [{p: 1}, ["out"]]})");
  EXPECT_EQ(Projected("l[1].q, l[1].#p"), "{l: [{p: 1, q: 2}]}");
}

TEST(ProjectionTest, WhatIsNotThereIsLeftOut) {
  EXPECT_EQ(Projected("a[0], l.x"), "{}");
  EXPECT_EQ(Projected("nope, pk.b, a.nope, l[7], a.c.d.e"), "{}");
  EXPECT_EQ(Projected("hollow.x, pk"), R"({pk: "k"})");
  EXPECT_EQ(Projected("hollow"), "{hollow: {}}");
}

TEST(ProjectionTest, LongValuesKeepTheirBytes) {
  EXPECT_EQ(Projected("lengthy"),
            "{lengthy: \"" + std::string(200, 'x') + "\"}");
}

TEST(ProjectionTest, PathsAreApart) {
  const std::string invalid =
      "Invalid ProjectionExpression: Two document paths ";
  const std::string rest =
      " with each other; must remove or rewrite one of these paths; path one: ";
  EXPECT_EQ(Projected("a.b, a"),
            invalid + "overlap" + rest + "[a, b], path two: [a]");
  EXPECT_EQ(Projected("pk, a, a.b.c"),
            invalid + "overlap" + rest + "[a], path two: [a, b, c]");
  EXPECT_EQ(Projected("#z, z"),
            invalid + "overlap" + rest + "[z], path two: [z]");
  EXPECT_EQ(Projected("a.b, a[1]"),
            invalid + "conflict" + rest + "[a, b], path two: [a, [1]]");
  EXPECT_EQ(Projected("l[1], l[2], l[1]"),
            invalid + "overlap" + rest + "[l, [1]], path two: [l, [1]]");
}

}  // namespace
}  // namespace pallet::model::expression
