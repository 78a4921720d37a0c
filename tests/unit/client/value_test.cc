// SPDX-License-Identifier: Apache-2.0
#include "client/value.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include "base/random.h"
#include "client/json.h"
#include "model/errors.h"
#include "model/item_codec.h"
#include "pallet/v1/value.pb.h"

namespace pallet {
namespace {

using ::testing::ElementsAre;

Item Everything() {
  return {{"string", "text"},
          {"empty", ""},
          {"integer", -42},
          {"real", 0.1},
          {"binary", Binary{std::string("\0\xff", 2)}},
          {"strings", StringSet{{"b", "a"}}},
          {"numbers", NumberSet{{10, 9, -1}}},
          {"binaries", BinarySet{{"z", "y"}}},
          {"yes", true},
          {"no", false},
          {"null", nullptr},
          {"list", List{1, "two", List{}, Item{{"deep", List{nullptr}}}}},
          {"map", Item{{"a", 1}, {"b", Item{}}}}};
}

TEST(ValueTest, Example) {
  Item berlin{{"country", "DE"},
              {"name", "Berlin"},
              {"population", 3'769'000},
              {"tags", StringSet{{"capital", "river"}}}};
  berlin.Set("area", 891.7).Set("mayor", Item{{"since", 2023}});

  EXPECT_EQ(*berlin.at("country").AsString(), "DE");
  EXPECT_EQ(berlin.at("population").AsNumber()->ToInt64(), 3'769'000);
  EXPECT_EQ(berlin.at("area").AsNumber()->text(), "891.7");
  EXPECT_EQ(berlin.at("area").AsString(), nullptr);
  EXPECT_EQ(berlin.Find("elevation"), nullptr);

  const absl::StatusOr<Item> again = Item::Decode(berlin.Encode());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, berlin);
}

TEST(ValueTest, ProtobufReadsWhatWasEncoded) {
  v1::Item message;
  ASSERT_TRUE(message.ParseFromString(Everything().Encode()));
  const auto& attributes = message.attributes();
  EXPECT_EQ(attributes.size(), 13u);
  EXPECT_EQ(attributes.at("string").s(), "text");
  EXPECT_TRUE(attributes.at("empty").has_s());
  EXPECT_EQ(attributes.at("integer").n(), "-42");
  EXPECT_EQ(attributes.at("real").n(), "0.1");
  EXPECT_EQ(attributes.at("binary").b(), std::string("\0\xff", 2));
  EXPECT_THAT(attributes.at("strings").ss().values(), ElementsAre("a", "b"));
  EXPECT_THAT(attributes.at("numbers").ns().values(),
              ElementsAre("-1", "9", "10"));
  EXPECT_THAT(attributes.at("binaries").bs().values(), ElementsAre("y", "z"));
  EXPECT_TRUE(attributes.at("yes").bool_());
  EXPECT_TRUE(attributes.at("no").has_bool_());
  EXPECT_FALSE(attributes.at("no").bool_());
  EXPECT_TRUE(attributes.at("null").null());
  ASSERT_EQ(attributes.at("list").l().values_size(), 4);
  EXPECT_EQ(attributes.at("list").l().values(1).s(), "two");
  EXPECT_TRUE(attributes.at("map").m().entries().at("b").has_m());
}

TEST(ValueTest, EncodingIsCanonical) {
  const std::string bytes = Everything().Encode();
  const auto canonical = model::CanonicalizeItem(bytes);
  ASSERT_TRUE(canonical.ok()) << canonical.status();
  EXPECT_EQ(canonical->bytes, bytes);
}

TEST(ValueTest, WhatProtobufWroteIsDecodedOnceCanonical) {
  v1::Item message;
  ASSERT_TRUE(message.ParseFromString(Everything().Encode()));
  const auto canonical = model::CanonicalizeItem(message.SerializeAsString());
  ASSERT_TRUE(canonical.ok()) << canonical.status();
  const auto item = Item::Decode(canonical->bytes);
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->Encode(), Everything().Encode());
}

Value RandomValue(Random& random, int depth) {
  switch (random.Below(depth > 0 ? 10 : 8)) {
    case 0:
      return nullptr;
    case 1:
      return random.OneIn(2);
    case 2:
      return random.Bytes(random.Below(3)) == "" ? "" : "snow \xe2\x98\x83";
    case 3:
      return static_cast<int64_t>(random.Next());
    case 4:
      return Binary{random.Bytes(random.Below(300))};
    case 5:
      return StringSet{{"x" + std::to_string(random.Below(9)), "y"}};
    case 6:
      return NumberSet{{Number(random.Fraction()), Number(5)}};
    case 7:
      return BinarySet{{random.Bytes(4)}};
    case 8: {
      List list;
      for (uint64_t i = random.Below(4); i > 0; --i) {
        list.push_back(RandomValue(random, depth - 1));
      }
      return list;
    }
    default: {
      Item map;
      for (uint64_t i = random.Below(4); i > 0; --i) {
        map.Set("k" + std::to_string(i), RandomValue(random, depth - 1));
      }
      return map;
    }
  }
}

TEST(ValueTest, AnyItemSurvivesTheRoundTrip) {
  const uint64_t seed = RealSeed();
  SCOPED_TRACE(seed);
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    Item item;
    for (uint64_t i = random.Below(6); i > 0; --i) {
      item.Set("a" + std::to_string(random.Below(100)), RandomValue(random, 5));
    }
    const std::string bytes = item.Encode();
    const auto canonical = model::CanonicalizeItem(bytes);
    ASSERT_TRUE(canonical.ok()) << canonical.status() << " " << item;
    ASSERT_EQ(canonical->bytes, bytes) << item;
    const auto again = Item::Decode(bytes);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(again->Encode(), bytes);
  }
}

TEST(ValueTest, DecodingRefusesWhatIsNotCanonical) {
  std::string bytes = Everything().Encode();
  bytes.pop_back();
  EXPECT_EQ(Item::Decode(bytes).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Item::Decode("garbage").status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(ItemTest, KeepsEachNameOnceAndInOrder) {
  Item item{{"b", 1}, {"a", 2}, {"b", 3}};
  EXPECT_EQ(item, (Item{{"a", 2}, {"b", 3}}));
  EXPECT_TRUE(item.Erase("a"));
  EXPECT_FALSE(item.Erase("a"));
  EXPECT_EQ(item.size(), 1u);
}

TEST(NumberTest, KeepsEveryDigit) {
  const char kDigits[] = "1234567890123456789012345678.9012345678";
  EXPECT_EQ(Number::Parse(kDigits)->text(), kDigits);
  EXPECT_EQ(Number::Parse("1.50e3")->text(), "1500");
  EXPECT_EQ(Number(std::numeric_limits<uint64_t>::max()).text(),
            "18446744073709551615");
  EXPECT_EQ(Number(0.1).text(), "0.1");
  EXPECT_EQ(Number(1e21).text(), "1000000000000000000000");
  EXPECT_EQ(Number(-0.0).text(), "0");
  EXPECT_EQ(Number::Parse("0.5")->ToDouble(), 0.5);
  EXPECT_EQ(Number::Parse("0.5")->ToInt64(), std::nullopt);
  EXPECT_EQ(model::ReasonOf(Number::Parse("1e126").status()),
            model::Reason::kValidation);
}

TEST(NumberTest, WhatIsNoNumberIsLeftToTheService) {
  const Item item{{"n", std::numeric_limits<double>::quiet_NaN()}};
  EXPECT_EQ(model::ReasonOf(model::CanonicalizeItem(item.Encode()).status()),
            model::Reason::kValidation);
}

TEST(JsonTest, PlainAndTyped) {
  const Item item{{"b", Binary{"hi"}},
                  {"l", List{1, nullptr}},
                  {"s", "a\"\n\x01"},
                  {"t", StringSet{{"x"}}}};
  EXPECT_EQ(ToJson(item, JsonStyle::kPlain),
            R"({"b":"aGk=","l":[1,null],"s":"a\"\n\u0001","t":["x"]})");
  EXPECT_EQ(ToJson(item, JsonStyle::kTyped),
            R"({"b":{"B":"aGk="},"l":{"L":[{"N":"1"},{"NULL":true}]},)"
            R"("s":{"S":"a\"\n\u0001"},"t":{"SS":["x"]}})");
  std::ostringstream out;
  out << item.at("l");
  EXPECT_EQ(out.str(), "[1,null]");
}

}  // namespace
}  // namespace pallet
