// SPDX-License-Identifier: Apache-2.0
#include "model/key.h"

#include <string>

#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/item_text.h"

namespace pallet::model {
namespace {

using pallet::testing::CanonicalItemBytes;
using pallet::testing::CanonicalValueBytes;

const KeySchema kSchema = {{"pk", ScalarType::kString},
                           KeyAttribute{"at", ScalarType::kNumber}};

Key MakeKey(std::string pk, std::string at) {
  return {{ScalarType::kString, std::move(pk)},
          KeyValue{ScalarType::kNumber, std::move(at)}};
}

std::string Message(const absl::StatusOr<Key>& key) {
  if (key.ok()) return "OK";
  EXPECT_EQ(ReasonOf(key.status()), Reason::kValidation);
  return std::string(key.status().message());
}

std::string OfItem(const KeySchema& schema, absl::string_view text) {
  return Message(KeyOfItem(schema, ItemView(CanonicalItemBytes(text))));
}

std::string OfKeyItem(const KeySchema& schema, absl::string_view text) {
  return Message(KeyOfKeyItem(schema, ItemView(CanonicalItemBytes(text))));
}

// An item with these two attributes.
std::string Item(absl::string_view pk, absl::string_view at) {
  return absl::StrCat("attributes { key: 'pk' value { ", pk,
                      " } } attributes { key: 'at' value { ", at, " } }");
}

std::string Text(size_t bytes) {
  return absl::StrCat("s: '", std::string(bytes, 'x'), "'");
}

TEST(KeyTest, Example) {
  const std::string bytes =
      CanonicalItemBytes(Item("s: 'sensor'", "n: '1e3'") +
                         "attributes { key: 'value' value { n: '20.5' } }");
  const absl::StatusOr<Key> key = KeyOfItem(kSchema, ItemView(bytes));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(*key, MakeKey("sensor", "1000"));

  const std::string key_item = EncodeKeyItem(kSchema, *key);
  EXPECT_EQ(key_item, CanonicalItemBytes(Item("s: 'sensor'", "n: '1000'")));
  const absl::StatusOr<Key> again = KeyOfKeyItem(kSchema, ItemView(key_item));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *key);
}

TEST(KeyTest, AnItemHasItsKeyInTheRightTypes) {
  EXPECT_EQ(OfItem(kSchema, "attributes { key: 'at' value { n: '1' } }"),
            "One or more parameter values were invalid: Missing the key pk in "
            "the item");
  EXPECT_EQ(OfItem(kSchema, "attributes { key: 'pk' value { s: 'x' } }"),
            "One or more parameter values were invalid: Missing the key at in "
            "the item");
  EXPECT_EQ(OfItem(kSchema, Item("n: '1'", "n: '1'")),
            "One or more parameter values were invalid: Type mismatch for key "
            "pk expected: S actual: N");
  EXPECT_EQ(OfItem(kSchema, Item("s: 'x'", "null: true")),
            "One or more parameter values were invalid: Type mismatch for key "
            "at expected: N actual: NULL");
}

TEST(KeyTest, AKeyHasTheAttributesOfTheSchemaAndNoMore) {
  constexpr char kMismatch[] =
      "The provided key element does not match the schema";
  EXPECT_EQ(OfKeyItem(kSchema, Item("s: 'x'", "n: '1'")), "OK");
  EXPECT_EQ(OfKeyItem(kSchema, ""), kMismatch);
  EXPECT_EQ(OfKeyItem(kSchema, "attributes { key: 'pk' value { s: 'x' } }"),
            kMismatch);
  EXPECT_EQ(OfKeyItem(kSchema, Item("n: '1'", "n: '1'")), kMismatch);
  EXPECT_EQ(OfKeyItem(kSchema, Item("s: 'x'", "s: '1'")), kMismatch);
  EXPECT_EQ(OfKeyItem(kSchema, Item("s: 'x'", "n: '1'") +
                                   "attributes { key: 'z' value { s: '' } }"),
            kMismatch);
  EXPECT_EQ(OfKeyItem(kSchema,
                      "attributes { key: 'pk' value { s: 'x' } }"
                      "attributes { key: 'to' value { n: '1' } }"),
            kMismatch);
  const KeySchema simple = {{"pk", ScalarType::kString}, std::nullopt};
  EXPECT_EQ(OfKeyItem(simple, "attributes { key: 'pk' value { s: 'x' } }"),
            "OK");
  EXPECT_EQ(OfKeyItem(simple, Item("s: 'x'", "n: '1'")), kMismatch);
  EXPECT_EQ(OfItem(simple, Item("s: 'x'", "n: '1'")), "OK");
}

TEST(KeyTest, KeyValuesAreNotEmpty) {
  constexpr char kEmpty[] =
      "One or more parameter values are not valid. The AttributeValue for a "
      "key attribute cannot contain an empty string value. Key: pk";
  EXPECT_EQ(OfItem(kSchema, Item("s: ''", "n: '1'")), kEmpty);
  EXPECT_EQ(OfKeyItem(kSchema, Item("s: ''", "n: '1'")), kEmpty);
  const KeySchema binary = {{"pk", ScalarType::kString},
                            KeyAttribute{"at", ScalarType::kBinary}};
  EXPECT_EQ(OfItem(binary, Item("s: 'x'", "b: ''")),
            "One or more parameter values are not valid. The AttributeValue "
            "for a key attribute cannot contain an empty binary value. Key: "
            "at");
}

TEST(KeyTest, KeyValuesHaveAtMost2048And1024Bytes) {
  const KeySchema schema = {{"pk", ScalarType::kString},
                            KeyAttribute{"at", ScalarType::kString}};
  constexpr char kHash[] =
      "One or more parameter values were invalid: Size of hashkey has exceeded "
      "the maximum size limit of2048 bytes";
  constexpr char kRange[] =
      "One or more parameter values were invalid: Aggregated size of all range "
      "keys has exceeded the size limit of 1024 bytes";
  EXPECT_EQ(OfItem(schema, Item(Text(2048), Text(1024))), "OK");
  EXPECT_EQ(OfItem(schema, Item(Text(2049), Text(1024))), kHash);
  EXPECT_EQ(OfItem(schema, Item(Text(2048), Text(1025))), kRange);
  EXPECT_EQ(OfKeyItem(schema, Item(Text(2048), Text(1024))), "OK");
  EXPECT_EQ(OfKeyItem(schema, Item(Text(2049), Text(1024))), kHash);
  EXPECT_EQ(OfKeyItem(schema, Item(Text(2048), Text(1025))), kRange);
}

TEST(KeyTest, EncodesNamesInOrder) {
  const KeySchema schema = {{"b", ScalarType::kBinary},
                            KeyAttribute{"c", ScalarType::kString}};
  const Key key = {{ScalarType::kBinary, std::string("\0\xFF", 2)},
                   KeyValue{ScalarType::kString, std::string(300, 'x')}};
  const std::string bytes = EncodeKeyItem(schema, key);
  EXPECT_TRUE(CheckCanonical(bytes).ok());
  EXPECT_EQ(*KeyOfKeyItem(schema, ItemView(bytes)), key);
}

TEST(KeyTest, ComparesStringsByBytesAndNumbersByValue) {
  const auto compare = [](ScalarType type, const char* a, const char* b) {
    const int order = Compare(KeyValue{type, a}, KeyValue{type, b});
    EXPECT_EQ(Compare(KeyValue{type, b}, KeyValue{type, a}), -order);
    return order;
  };
  EXPECT_EQ(compare(ScalarType::kString, "10", "9"), -1);
  EXPECT_EQ(compare(ScalarType::kNumber, "10", "9"), 1);
  EXPECT_EQ(compare(ScalarType::kNumber, "-10", "-9"), -1);
  EXPECT_EQ(compare(ScalarType::kString, "a", "a"), 0);
  EXPECT_EQ(compare(ScalarType::kString, "a", "aa"), -1);
  EXPECT_EQ(compare(ScalarType::kBinary, "\xFF", "\x01"), 1);
}

TEST(KeyTest, OnlyScalarsAreKeyValues) {
  EXPECT_EQ(ScalarOf(ValueView(CanonicalValueBytes("n: '1.0'"))),
            (KeyValue{ScalarType::kNumber, "1"}));
  EXPECT_EQ(ScalarOf(ValueView(CanonicalValueBytes("bool: true"))),
            std::nullopt);
  EXPECT_EQ(ScalarOf(ValueView(CanonicalValueBytes("l {}"))), std::nullopt);
}

}  // namespace
}  // namespace pallet::model
