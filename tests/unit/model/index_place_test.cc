// SPDX-License-Identifier: Apache-2.0
//
// Places in indexes of both kinds, as items and back.
#include "model/index_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "model/expression/placeholders.h"
#include "tests/testing/wire_values.h"

namespace pallet::model {
namespace {

using ::pallet::testing::ItemOf;
using ::pallet::testing::N;
using ::pallet::testing::S;

const KeySchema kTable = {{"pk", ScalarType::kString},
                          {{"sk", ScalarType::kNumber}}};

GlobalIndex Global(IndexKeySchema key) {
  return GlobalIndex("by", std::move(key), kTable, Projection());
}
LocalIndex Local(const char* sort) {
  return LocalIndex(
      "by", {{"pk", ScalarType::kString}, {{sort, ScalarType::kNumber}}},
      kTable, Projection());
}

// By two attributes, then by one and by the table's partition key.
const IndexKeySchema kWide = {
    {{"h1", ScalarType::kString}, {"h2", ScalarType::kNumber}},
    {{"r1", ScalarType::kNumber}, {"pk", ScalarType::kString}}};

std::string WideItem(const std::string& r1) {
  return ItemOf({{"h1", S("a")},
                 {"h2", N("1")},
                 {"pk", S("p")},
                 {"r1", N(r1)},
                 {"sk", N("2")}});
}

TEST(IndexPlaceTest, Example) {
  const GlobalIndex index = Global(kWide);
  const IndexKeys keys(index);
  const std::string item = WideItem("3");
  const IndexPlace place = PlaceOfItem(keys, ItemView(item));
  EXPECT_EQ(
      place.key,
      (IndexKey{{{ScalarType::kString, "a"}, {ScalarType::kNumber, "1"}},
                {{ScalarType::kNumber, "3"}, {ScalarType::kString, "p"}}}));
  EXPECT_EQ(place.table_key, (Key{{ScalarType::kString, "p"},
                                  KeyValue{ScalarType::kNumber, "2"}}));
  // Each attribute once, in the order of names.
  EXPECT_EQ(EncodePlace(keys, place), item);
  EXPECT_EQ(*PlaceOfStartKey(keys, ItemView(item)), place);
}

TEST(IndexPlaceTest, OtherAttributesOfAnItemAreNoPartOfIt) {
  const GlobalIndex index = Global(kWide);
  const IndexKeys keys(index);
  const std::string more = ItemOf({{"a", S("x")},
                                   {"h1", S("a")},
                                   {"h2", N("1")},
                                   {"pk", S("p")},
                                   {"r1", N("3")},
                                   {"sk", N("2")}});
  EXPECT_EQ(EncodePlace(keys, PlaceOfItem(keys, ItemView(more))),
            WideItem("3"));
  EXPECT_EQ(PlaceOfStartKey(keys, ItemView(more)).status().message(),
            "The provided starting key is invalid");
}

TEST(IndexPlaceTest, LocalIndexesHaveTheTablesPartitionKey) {
  const LocalIndex index = Local("score");
  const IndexKeys keys(index);
  const std::string item =
      ItemOf({{"pk", S("p")}, {"score", N("7")}, {"sk", N("2")}});
  const IndexPlace place = PlaceOfItem(keys, ItemView(item));
  EXPECT_EQ(place.key, (IndexKey{{{ScalarType::kString, "p"}},
                                 {{ScalarType::kNumber, "7"}}}));
  EXPECT_EQ(EncodePlace(keys, place), item);
  EXPECT_EQ(*PlaceOfStartKey(keys, ItemView(item)), place);
}

TEST(IndexPlaceTest, TheTablesOwnSortKeyMayBeTheIndexs) {
  const LocalIndex index = Local("sk");
  const IndexKeys keys(index);
  const std::string item = ItemOf({{"pk", S("p")}, {"sk", N("2")}});
  const IndexPlace place = PlaceOfItem(keys, ItemView(item));
  EXPECT_EQ(EncodePlace(keys, place), item);
  EXPECT_EQ(*PlaceOfStartKey(keys, ItemView(item)), place);
}

TEST(IndexPlaceTest, StartKeysHaveTypesOfKeys) {
  const GlobalIndex index = Global(kWide);
  const std::string wrong = ItemOf({{"h1", S("a")},
                                    {"h2", S("1")},
                                    {"pk", S("p")},
                                    {"r1", N("3")},
                                    {"sk", N("2")}});
  EXPECT_EQ(
      ReasonOf(PlaceOfStartKey(IndexKeys(index), ItemView(wrong)).status()),
      Reason::kValidation);
  const std::string other = ItemOf({{"h1", S("a")},
                                    {"h2", N("1")},
                                    {"pk", S("p")},
                                    {"r2", N("3")},
                                    {"sk", N("2")}});
  EXPECT_EQ(
      ReasonOf(PlaceOfStartKey(IndexKeys(index), ItemView(other)).status()),
      Reason::kValidation);
}

std::string Started(absl::string_view condition, const std::string& start_key) {
  const std::map<std::string, std::string> values = {
      {":a", S("a")}, {":b", S("b")}, {":1", N("1")}, {":3", N("3")}};
  auto placeholders = expression::Placeholders::Create(
      std::map<std::string, std::string>(), values);
  const GlobalIndex index = Global(kWide);
  const KeyCondition bound =
      KeyConditionExpression::Parse(condition, *placeholders)
          ->Bind(index.key())
          .value();
  return std::string(
      QueryStartPlace(IndexKeys(index), bound, ItemView(start_key))
          .status()
          .message());
}

TEST(IndexPlaceTest, AQueryStartsAtAPlaceItCouldHaveReturned) {
  EXPECT_EQ(Started("h1 = :a AND h2 = :1", WideItem("3")), "");
  EXPECT_EQ(Started("h1 = :a AND h2 = :1 AND r1 <= :3", WideItem("3")), "");
  EXPECT_EQ(
      Started("h1 = :a AND h2 = :1 AND r1 = :3 AND pk > :a", WideItem("3")),
      "");
  const std::string outside =
      "The provided starting key is outside query boundaries based on provided "
      "conditions";
  EXPECT_EQ(Started("h1 = :b AND h2 = :1", WideItem("3")), outside);
  EXPECT_EQ(Started("h1 = :a AND h2 = :3", WideItem("3")), outside);
  const std::string predicate =
      "The provided starting key does not match the range key predicate";
  EXPECT_EQ(Started("h1 = :a AND h2 = :1 AND r1 < :3", WideItem("3")),
            predicate);
  EXPECT_EQ(
      Started("h1 = :a AND h2 = :1 AND r1 = :3 AND pk < :a", WideItem("3")),
      predicate);
  EXPECT_EQ(
      Started("h1 = :a AND h2 = :1 AND r1 = :3 AND pk > :a", WideItem("4")),
      predicate);
  EXPECT_EQ(Started("h1 = :a AND h2 = :1", ""),
            "The provided starting key is invalid");
}

}  // namespace
}  // namespace pallet::model
