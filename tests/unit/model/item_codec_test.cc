// SPDX-License-Identifier: Apache-2.0
#include "model/item_codec.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/item_text.h"

namespace pallet::model {
namespace {

using pallet::testing::CanonicalItemBytes;
using pallet::testing::ItemWire;
using pallet::testing::ValueWire;

constexpr char kNesting[] =
    "Nesting Levels have exceeded supported limits: Attributes in the item "
    "have nested levels beyond supported limit";
constexpr char kEmptyValue[] =
    "Supplied AttributeValue is empty, must contain exactly one of the "
    "supported datatypes";
constexpr char kSeveral[] =
    "Supplied AttributeValue has more than one datatypes set, must contain "
    "exactly one of the supported datatypes";

// tag, length and payload of a field.
std::string Field(char tag, absl::string_view payload) {
  std::string field(1, tag);
  size_t length = payload.size();
  for (; length >= 0x80; length >>= 7) {
    field.push_back(static_cast<char>(length | 0x80));
  }
  field.push_back(static_cast<char>(length));
  return absl::StrCat(field, payload);
}

std::string Entry(absl::string_view name, absl::string_view value) {
  return Field(0x0A, Field(0x0A, name) + Field(0x12, value));
}

std::string StringValue(absl::string_view text) { return Field(0x0A, text); }

std::string ItemError(absl::string_view wire) {
  const absl::Status status = CanonicalizeItem(wire).status();
  if (status.ok()) return "OK";
  EXPECT_EQ(ReasonOf(status), Reason::kValidation);
  return std::string(status.message());
}

std::string ValueError(absl::string_view wire) {
  const absl::Status status = CanonicalizeValue(wire).status();
  if (status.ok()) return "OK";
  EXPECT_EQ(ReasonOf(status), Reason::kValidation);
  return std::string(status.message());
}

// The message of a write, where it may get the envelope.
std::string WriteError(absl::string_view text) {
  return std::string(
      WithEnvelope(CanonicalizeValue(ValueWire(text)).status()).message());
}

// `levels` values inside each other, maps (0x3A) or lists; a string innermost.
std::string Nested(int levels, char tag) {
  std::string value = StringValue("leaf");
  for (int i = 1; i < levels; ++i) {
    value = Field(tag, tag == 0x3A ? Entry("k", value) : Field(0x0A, value));
  }
  return value;
}

TEST(ItemCodecTest, Example) {
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(ItemWire(R"(
    attributes { key: "price" value { n: "+1.90e1" } }
    attributes { key: "id" value { s: "x" } })"));
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->bytes,
            Entry("id", StringValue("x")) + Entry("price", Field(0x12, "19")));
  EXPECT_EQ(item->size, 2 + 1 + 5 + 2);
}

TEST(ItemCodecTest, CanonicalBytesAreKept) {
  const std::string bytes = CanonicalItemBytes(R"(
    attributes { key: "a" value { l { values { n: "1e5" } } } }
    attributes { key: "b" value { bool: true } })");
  const absl::StatusOr<CanonicalItem> again = CanonicalizeItem(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->bytes, bytes);
  EXPECT_TRUE(CheckCanonical(bytes).ok());
}

TEST(ItemCodecTest, SortsNamesAndMembersAtEveryLevel) {
  const std::string wire =
      Entry("b", StringValue("")) +
      Entry("a",
            Field(0x3A, Entry("z", StringValue("1")) +
                            Entry("y", Field(0x2A, Field(0x0A, "10") +
                                                       Field(0x0A, "9") +
                                                       Field(0x0A, "-1")))));
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(wire);
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(
      item->bytes,
      Entry("a", Field(0x3A, Entry("y", Field(0x2A, Field(0x0A, "-1") +
                                                        Field(0x0A, "9") +
                                                        Field(0x0A, "10"))) +
                                 Entry("z", StringValue("1")))) +
          Entry("b", StringValue("")));
}

TEST(ItemCodecTest, NamesSortByUnsignedBytes) {
  const std::string wire = Entry("\xC3\xA9", StringValue("1")) +
                           Entry("z", StringValue("2")) +
                           Entry("Z", StringValue("3"));
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(wire);
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->bytes, Entry("Z", StringValue("3")) +
                             Entry("z", StringValue("2")) +
                             Entry("\xC3\xA9", StringValue("1")));
}

TEST(ItemCodecTest, LongVarintsAndTrueAboveOneAreNormalised) {
  // Lengths with needless bytes, the value before the name, true as 2.
  const std::string wire("\x0A\x87\x00\x12\x02\x50\x02\x0A\x01\x61", 10);
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(wire);
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->bytes, Entry("a", "\x50\x01"));
}

TEST(ItemCodecTest, ANumberMayGrowAndItsLengthsWithIt) {
  const std::string zeros(125, '0');
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(ItemWire(
      "attributes { key: 'a' value { l { values { n: '1e125' } } } }"));
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(ItemView(item->bytes).Find("a")->encoded().size(), 134u);
  EXPECT_EQ((*ItemView(item->bytes).Find("a")->list().begin()).scalar(),
            "1" + zeros);
  EXPECT_TRUE(CheckCanonical(item->bytes).ok());
}

TEST(ItemCodecTest, AnItemMayBeEmpty) {
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem("");
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->bytes, "");
  EXPECT_EQ(item->size, 0);
}

TEST(ItemCodecTest, ExactlyOneDatatype) {
  EXPECT_EQ(ItemError(Entry("a", "")), kEmptyValue);
  EXPECT_EQ(ItemError(Field(0x0A, Field(0x0A, "a"))), kEmptyValue);
  EXPECT_EQ(ValueError(""), kEmptyValue);
  EXPECT_EQ(ValueError(StringValue("a") + Field(0x12, "1")), kSeveral);
  EXPECT_EQ(ValueError(StringValue("a") + StringValue("b")), kSeveral);
}

TEST(ItemCodecTest, SetsAreNeitherEmptyNorDoubled) {
  EXPECT_EQ(WriteError("ss {}"),
            "1 validation error detected: One or more parameter values were "
            "invalid: An string set  may not be empty");
  EXPECT_EQ(WriteError("ns {}"),
            "1 validation error detected: One or more parameter values were "
            "invalid: An number set  may not be empty");
  EXPECT_EQ(WriteError("bs {}"),
            "1 validation error detected: One or more parameter values were "
            "invalid: Binary sets should not be empty");
  EXPECT_EQ(WriteError("ss { values: 'b' values: 'a' values: 'b' }"),
            "1 validation error detected: One or more parameter values were "
            "invalid: Input collection [b, a, b] contains duplicates.");
  EXPECT_EQ(WriteError("ns { values: '1' values: '2' values: '1.0' }"),
            "1 validation error detected: Input collection contains "
            "duplicates");
  EXPECT_EQ(WriteError("bs { values: 'b' values: 'b' }"),
            "1 validation error detected: One or more parameter values were "
            "invalid: Input collection [Yg==, Yg==]of type BS contains "
            "duplicates.");
  EXPECT_EQ(WriteError("l { values { ss {} } }"),
            "1 validation error detected: One or more parameter values were "
            "invalid: An string set  may not be empty");
}

TEST(ItemCodecTest, NullIsTrue) {
  EXPECT_EQ(ValueError(ValueWire("null: true")), "OK");
  EXPECT_EQ(WriteError("null: false"),
            "1 validation error detected: One or more parameter values were "
            "invalid: Null attribute value types must have the value of true");
}

TEST(ItemCodecTest, NumbersAreChecked) {
  EXPECT_EQ(WriteError("n: 'x'"),
            "The parameter cannot be converted to a numeric value: x");
  EXPECT_EQ(WriteError("n: ''"),
            "The parameter cannot be converted to a numeric value");
  EXPECT_EQ(WriteError("ns { values: '1' values: '' }"),
            "The parameter cannot be converted to a numeric value");
  EXPECT_EQ(WriteError("n: '1e126'"),
            "Number overflow. Attempting to store a number with magnitude "
            "larger than supported range");
}

TEST(ItemCodecTest, ThirtyTwoLevelsAndNoMore) {
  for (const char tag : {0x3A, 0x42}) {
    EXPECT_EQ(ValueError(Nested(32, tag)), "OK");
    EXPECT_EQ(ValueError(Nested(33, tag)), kNesting);
    EXPECT_EQ(ValueError(Nested(60, tag)), kNesting);
  }
  EXPECT_EQ(ItemError(Entry("a", Nested(32, 0x3A))), "OK");
  EXPECT_EQ(ItemError(Entry("a", Nested(33, 0x3A))), kNesting);
  // An empty map is a level as any other value.
  std::string empty = Field(0x3A, "");
  for (int i = 1; i < 32; ++i) empty = Field(0x3A, Entry("k", empty));
  EXPECT_EQ(ValueError(empty), "OK");
  EXPECT_EQ(ValueError(Field(0x3A, Entry("k", empty))), kNesting);
}

TEST(ItemCodecTest, DeepNestingNeedsNoDeepStack) {
  EXPECT_EQ(ValueError(Nested(5000, 0x42)), kNesting);
}

TEST(ItemCodecTest, NamesHaveOneTo65535Bytes) {
  EXPECT_EQ(ItemError(Entry("", StringValue("x"))), "Empty attribute name");
  EXPECT_EQ(ItemError(Field(0x0A, Field(0x12, StringValue("x")))),
            "Empty attribute name");
  v1::Item item;
  (*item.mutable_attributes())[std::string(65535, 'n')].set_s("x");
  EXPECT_EQ(ItemError(item.SerializeAsString()), "OK");
  item.clear_attributes();
  (*item.mutable_attributes())[std::string(65536, 'n')].set_s("x");
  EXPECT_EQ(ItemError(item.SerializeAsString()),
            "Attribute name is too large, must be less than 65536 bytes");
}

TEST(ItemCodecTest, NamesAreDistinct) {
  EXPECT_EQ(
      ItemError(Entry("a", StringValue("1")) + Entry("b", StringValue("2")) +
                Entry("a", StringValue("3"))),
      "Malformed item: two attributes named a");
  EXPECT_EQ(
      ItemError(Entry("a", StringValue("1")) + Entry("a", StringValue("1"))),
      "Malformed item: two attributes named a");
}

TEST(ItemCodecTest, StringsAreUtf8) {
  const char* const bad[] = {
      "\x80",         "\xC0\x80",        "\xC3",     "\xE0\x80\x80",
      "\xED\xA0\x80", "\xE2\x82",        "\xF8\x88", "\xF4\x90\x80\x80",
      "\xFF",         "\xF0\x80\x80\x80"};
  for (const char* text : bad) {
    const std::string not_utf8 = "Malformed item: a string is not UTF-8";
    const std::string late = absl::StrCat("12345678 12345678", text);
    EXPECT_EQ(ValueError(StringValue(text)), not_utf8);
    EXPECT_EQ(ValueError(StringValue(late)), not_utf8);
    EXPECT_EQ(ValueError(Field(0x12, text)), not_utf8);
    EXPECT_EQ(ValueError(Field(0x22, Field(0x0A, text))), not_utf8);
    EXPECT_EQ(ValueError(Field(0x2A, Field(0x0A, text))), not_utf8);
    EXPECT_EQ(ItemError(Entry(text, StringValue("x"))), not_utf8);
    EXPECT_EQ(ValueError(Field(0x1A, text)), "OK");  // binary may be anything
  }
  for (const char* text :
       {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "12345678\xC3\xA9 12345678"}) {
    EXPECT_EQ(ValueError(StringValue(text)), "OK");
  }
}

TEST(ItemCodecTest, BytesThatAreNoItemAreRefused) {
  const std::string whole = Entry("a", StringValue("x"));
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(ItemError(whole.substr(0, size)),
              "Malformed item: the bytes are cut short");
  }
  EXPECT_EQ(ItemError("\x0A\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),
            "Malformed item: the bytes are cut short");
  EXPECT_EQ(ItemError("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
            "Malformed item: the bytes are cut short");
  EXPECT_EQ(ItemError(Field(0x12, "")),
            "Malformed item: unknown field 2 of wire type 2");
  EXPECT_EQ(ItemError("\x08\x01"),
            "Malformed item: unknown field 1 of wire type 0");
  EXPECT_EQ(ItemError(Field(0x0A, Field(0x0A, "a") + Field(0x1A, ""))),
            "Malformed item: unknown field 3 of wire type 2");
  EXPECT_EQ(ItemError(Field(0x0A, Field(0x0A, "a") + Field(0x0A, "b"))),
            "Malformed item: an entry has two names or two values");
  EXPECT_EQ(ValueError(Field(0x5A, "x")),
            "Malformed item: unknown field 11 of wire type 2");
  EXPECT_EQ(ValueError(Field(0x4A, "x")),
            "Malformed item: unknown field 9 of wire type 2");
  EXPECT_EQ(ValueError("\x0B\x0C"),
            "Malformed item: unknown field 1 of wire type 3");
  EXPECT_EQ(ValueError(StringValue("x") + Field(0x5A, "")),
            "Malformed item: unknown field 11 of wire type 2");
  EXPECT_EQ(ValueError(Field(0x22, Field(0x12, "x"))),
            "Malformed item: unknown field 2 of wire type 2");
  EXPECT_EQ(ValueError(Field(0x42, Field(0x12, "x"))),
            "Malformed item: unknown field 2 of wire type 2");
}

TEST(ItemCodecTest, MoreElementsThanAnyItemHoldsAreRefusedEarly) {
  constexpr char kTooLarge[] =
      "Item size has exceeded the maximum allowed size";
  std::string members, entries;
  for (size_t i = 0; i <= kMaxItemBytes; ++i) {
    members += Field(0x0A, absl::StrCat(i));
    entries += Entry(absl::StrCat(i), StringValue(""));
  }
  EXPECT_EQ(ValueError(Field(0x22, members)), "OK");
  EXPECT_EQ(ValueError(Field(0x22, members + Field(0x0A, "x"))), kTooLarge);
  EXPECT_EQ(ItemError(entries), "OK");
  EXPECT_EQ(ItemError(entries + Entry("x", StringValue(""))), kTooLarge);
}

TEST(CheckCanonicalTest, RefusesWhatTheCodecDoesNotWrite) {
  const std::string a = Entry("a", StringValue("1"));
  const std::string b = Entry("b", StringValue("2"));
  EXPECT_TRUE(CheckCanonical(a + b).ok());
  for (const std::string& bytes :
       {b + a, a + a, Entry("a", Field(0x12, "1.0")), a + "x",
        Entry("a", Field(0x22, Field(0x0A, "b") + Field(0x0A, "a"))),
        Entry("a", std::string("\x50\x02")),
        std::string("\x0A\x88\x00", 3) + a.substr(2)}) {
    EXPECT_EQ(ReasonOf(CheckCanonical(bytes)), Reason::kDataLoss);
  }
}

}  // namespace
}  // namespace pallet::model
