// SPDX-License-Identifier: Apache-2.0
#include "model/item_view.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/item_text.h"

namespace pallet::model {
namespace {

using pallet::testing::CanonicalItemBytes;
using pallet::testing::CanonicalValueBytes;
using ::testing::ElementsAre;

TEST(ItemViewTest, Example) {
  const std::string bytes = CanonicalItemBytes(R"(
    attributes { key: "artist" value { s: "Nina" } }
    attributes { key: "year" value { n: "1965" } }
    attributes {
      key: "tags"
      value { ss { values: "soul" values: "jazz" } }
    })");
  const ItemView item(bytes);
  ASSERT_TRUE(item.Find("year").has_value());
  EXPECT_EQ(item.Find("year")->kind(), ValueKind::kNumber);
  EXPECT_EQ(item.Find("year")->scalar(), "1965");
  EXPECT_FALSE(item.Find("title").has_value());

  std::vector<std::string> tags;
  for (const absl::string_view tag : item.Find("tags")->set()) {
    tags.emplace_back(tag);
  }
  EXPECT_THAT(tags, ElementsAre("jazz", "soul"));
}

TEST(ItemViewTest, FindsEachNameAndNothingElse) {
  const std::string bytes = CanonicalItemBytes(R"(
    attributes { key: "b" value { n: "1" } }
    attributes { key: "bb" value { n: "2" } }
    attributes { key: "d" value { n: "3" } })");
  const ItemView item(bytes);
  EXPECT_EQ(item.Find("b")->scalar(), "1");
  EXPECT_EQ(item.Find("bb")->scalar(), "2");
  EXPECT_EQ(item.Find("d")->scalar(), "3");
  for (const char* name : {"", "a", "ba", "c", "bbb", "e"}) {
    EXPECT_FALSE(item.Find(name).has_value()) << name;
  }
  EXPECT_FALSE(ItemView("").Find("b").has_value());
  EXPECT_TRUE(ItemView("").empty());
}

TEST(ItemViewTest, ReadsEveryKind) {
  const std::string bytes = CanonicalItemBytes(R"(
    attributes { key: "B" value { b: "\x00\xFF" } }
    attributes { key: "BOOL" value { bool: true } }
    attributes { key: "BS" value { bs { values: "y" values: "x" } } }
    attributes {
      key: "L"
      value { l { values { s: "one" } values { l {} } } }
    }
    attributes {
      key: "M"
      value { m { entries { key: "k" value { bool: false } } } }
    }
    attributes { key: "N" value { n: "-1.50" } }
    attributes { key: "NS" value { ns { values: "10" values: "9" } } }
    attributes { key: "NULL" value { null: true } }
    attributes { key: "S" value { s: "" } }
    attributes { key: "SS" value { ss { values: "" } } })");
  for (const AttributeView attribute : ItemView(bytes)) {
    EXPECT_EQ(attribute.name, NameOf(attribute.value.kind()));
  }
  const ItemView item(bytes);
  EXPECT_EQ(item.Find("B")->scalar(), absl::string_view("\0\xFF", 2));
  EXPECT_TRUE(item.Find("BOOL")->boolean());
  EXPECT_EQ(item.Find("N")->scalar(), "-1.5");
  EXPECT_EQ(item.Find("S")->scalar(), "");

  const SetView numbers = item.Find("NS")->set();
  EXPECT_THAT(std::vector<absl::string_view>(numbers.begin(), numbers.end()),
              ElementsAre("9", "10"));
  EXPECT_FALSE(item.Find("M")->map().Find("k")->boolean());

  std::vector<ValueKind> kinds;
  for (const ValueView element : item.Find("L")->list()) {
    kinds.push_back(element.kind());
  }
  EXPECT_THAT(kinds, ElementsAre(ValueKind::kString, ValueKind::kList));
}

TEST(ItemViewTest, EntriesConcatenateToTheItem) {
  const std::string bytes = CanonicalItemBytes(R"(
    attributes { key: "a" value { s: "x" } }
    attributes { key: "b" value { m {} } })");
  std::string joined;
  const ItemView item(bytes);
  for (auto it = item.begin(); it != item.end(); ++it) {
    joined += std::string(it.encoded_entry());
  }
  EXPECT_EQ(joined, bytes);
}

TEST(ItemViewTest, ReadsLengthsOfEveryWidth) {
  for (const size_t length : {0, 1, 127, 128, 129, 16383, 16384, 400000}) {
    v1::Item sent;
    (*sent.mutable_attributes())["a"].set_s(std::string(length, 'x'));
    (*sent.mutable_attributes())["b"].set_n("7");
    const absl::StatusOr<CanonicalItem> item =
        CanonicalizeItem(sent.SerializeAsString());
    ASSERT_TRUE(item.ok());
    EXPECT_EQ(ItemView(item->bytes).Find("a")->scalar().size(), length);
    EXPECT_EQ(ItemView(item->bytes).Find("b")->scalar(), "7");
  }
}

TEST(ItemViewDeathTest, BytesThatAreNoItemCrash) {
  EXPECT_DEATH(ItemView("\x0A").Find("a"), "not a canonical item");
  EXPECT_DEATH(ItemView("\x0A\x05x").Find("a"), "not a canonical item");
  EXPECT_DEATH(ItemView("\x0A\xFF\xFF\xFF\xFF\xFF\x7F").Find("a"),
               "not a canonical item");
  EXPECT_DEATH(ValueView(""), "not a canonical item");
  EXPECT_DEATH(ValueView("\x62\x00"), "not a canonical item");
  EXPECT_DEATH(ValueView(CanonicalValueBytes("n: '1'")).boolean(),
               "not a canonical item");
  EXPECT_DEATH(ValueView(CanonicalValueBytes("bool: true")).scalar(),
               "not a canonical item");
}

TEST(SizeOfTest, CountsAsDynamoDbDoes) {
  const auto size = [](absl::string_view text) {
    return SizeOf(ValueView(CanonicalValueBytes(text)));
  };
  EXPECT_EQ(size("s: ''"), 0);
  EXPECT_EQ(size("s: 'h\xC3\xA9'"), 3);
  EXPECT_EQ(size("b: 'abc'"), 3);
  EXPECT_EQ(size("n: '0'"), 1);
  EXPECT_EQ(size("n: '-123.45'"), 1 + 2 + 1 + 1);
  EXPECT_EQ(size("null: true"), 1);
  EXPECT_EQ(size("bool: false"), 1);
  EXPECT_EQ(size("ss { values: 'ab' values: 'c' }"), 3);
  EXPECT_EQ(size("bs { values: 'ab' values: '' }"), 2);
  EXPECT_EQ(size("ns { values: '1' values: '123' }"), 2 + 3);
  EXPECT_EQ(size("l {}"), 3);
  EXPECT_EQ(size("m {}"), 3);
  EXPECT_EQ(size("l { values { s: 'ab' } values { null: true } }"),
            3 + (1 + 2) + (1 + 1));
  EXPECT_EQ(size("m { entries { key: 'key' value { s: 'ab' } } }"),
            3 + (1 + 3 + 2));
}

TEST(SizeOfTest, AnItemCountsNamesAndValues) {
  const std::string bytes = CanonicalItemBytes(R"(
    attributes { key: "pk" value { s: "abc" } }
    attributes { key: "list" value { l { values { n: "5" } } } })");
  EXPECT_EQ(SizeOf(ItemView(bytes)), (2 + 3) + (4 + 3 + 1 + 2));
  EXPECT_EQ(SizeOf(ItemView("")), 0);
}

}  // namespace
}  // namespace pallet::model
