// SPDX-License-Identifier: Apache-2.0
//
// Random items through the codec, against protobuf's own reading of them.
#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "model/canonical_form.h"
#include "model/item_codec.h"
#include "model/number.h"
#include "pallet/v1/value.pb.h"
#include "tests/testing/seed.h"

namespace pallet::model {
namespace {

using google::protobuf::util::MessageDifferencer;
using pallet::testing::TestRounds;
using pallet::testing::TestSeed;

std::string RandomString(Random& random) {
  static const char* const kParts[] = {"a", "b",        "Z",           "0",
                                       "_", "\xC3\xA9", "\xE2\x82\xAC"};
  std::string text;
  for (uint64_t i = random.Below(random.OneIn(10) ? 200 : 6); i > 0; --i) {
    text += kParts[random.Below(std::size(kParts))];
  }
  return text;
}

std::string RandomNumber(Random& random) {
  while (true) {
    std::string text = random.OneIn(3) ? "-" : "";
    for (uint64_t i = random.Between(1, 12); i > 0; --i) {
      text += static_cast<char>('0' + random.Below(10));
    }
    if (random.OneIn(2)) text.insert(text.size() - random.Below(5) % 2, ".");
    if (random.OneIn(3)) text += "e" + std::to_string(random.Below(100));
    if (Number::Parse(text).ok()) return text;
  }
}

template <typename Make>
std::vector<std::string> RandomSet(Random& random, Make make) {
  std::vector<std::string> members;
  for (uint64_t i = random.Between(1, 8); i > 0; --i) {
    std::string member = make(random);
    if (std::find(members.begin(), members.end(), member) == members.end()) {
      members.push_back(std::move(member));
    }
  }
  return members;
}

std::string NormalNumber(const std::string& text) {
  return Number::Parse(text)->ToString();
}

// Members whose normal forms differ, in any order.
std::vector<std::string> RandomNumbers(Random& random) {
  std::vector<std::string> kept, normal;
  for (std::string& text : RandomSet(random, RandomNumber)) {
    std::string form = NormalNumber(text);
    if (std::find(normal.begin(), normal.end(), form) != normal.end()) continue;
    normal.push_back(std::move(form));
    kept.push_back(std::move(text));
  }
  return kept;
}

void FillValue(Random& random, int levels, v1::AttributeValue* value) {
  value->Clear();  // the name may have been drawn before
  switch (random.Below(levels > 1 ? 10 : 8)) {
    case 0:
      return value->set_s(RandomString(random));
    case 1:
      return value->set_n(RandomNumber(random));
    case 2:
      return value->set_b(random.Bytes(random.Below(40)));
    case 3:
      for (auto& s : RandomSet(random, RandomString)) {
        value->mutable_ss()->add_values(s);
      }
      return;
    case 4:
      for (auto& n : RandomNumbers(random)) {
        value->mutable_ns()->add_values(n);
      }
      return;
    case 5:
      for (auto& b : RandomSet(random, RandomString)) {
        value->mutable_bs()->add_values(b);
      }
      return;
    case 6:
      return value->set_null(true);
    case 7:
      return value->set_bool_(random.OneIn(2));
    case 8:
      value->mutable_m();
      for (uint64_t i = random.Below(6); i > 0; --i) {
        FillValue(random, levels - 1,
                  &(*value->mutable_m()
                         ->mutable_entries())["k" + RandomString(random)]);
      }
      return;
    default:
      value->mutable_l();
      for (uint64_t i = random.Below(6); i > 0; --i) {
        FillValue(random, levels - 1, value->mutable_l()->add_values());
      }
  }
}

v1::Item RandomItem(Random& random) {
  v1::Item item;
  const int levels = random.OneIn(20) ? kMaxNesting : 4;
  for (uint64_t i = random.Below(12); i > 0; --i) {
    FillValue(random, levels,
              &(*item.mutable_attributes())["n" + RandomString(random)]);
  }
  return item;
}

// What is stored of a value, on protobuf's objects.
void Normalise(v1::AttributeValue* value) {
  switch (value->value_case()) {
    case v1::AttributeValue::kN:
      return value->set_n(NormalNumber(value->n()));
    case v1::AttributeValue::kSs: {
      auto& values = *value->mutable_ss()->mutable_values();
      return std::sort(values.begin(), values.end());
    }
    case v1::AttributeValue::kNs: {
      auto& values = *value->mutable_ns()->mutable_values();
      for (std::string& text : values) text = NormalNumber(text);
      return std::sort(values.begin(), values.end(), [](auto& a, auto& b) {
        return Number::Compare(*Number::Parse(a), *Number::Parse(b)) < 0;
      });
    }
    case v1::AttributeValue::kBs: {
      auto& values = *value->mutable_bs()->mutable_values();
      return std::sort(values.begin(), values.end());
    }
    case v1::AttributeValue::kM:
      for (auto& [name, entry] : *value->mutable_m()->mutable_entries()) {
        Normalise(&entry);
      }
      return;
    case v1::AttributeValue::kL:
      for (auto& element : *value->mutable_l()->mutable_values()) {
        Normalise(&element);
      }
      return;
    default:
      return;
  }
}

size_t NumberSize(const std::string& text) {
  return Number::Parse(text)->size_in_item();
}

size_t NaiveSize(const v1::AttributeValue& value) {
  size_t size = 0;
  switch (value.value_case()) {
    case v1::AttributeValue::kS:
      return value.s().size();
    case v1::AttributeValue::kN:
      return NumberSize(value.n());
    case v1::AttributeValue::kB:
      return value.b().size();
    case v1::AttributeValue::kSs:
      for (const auto& s : value.ss().values()) size += s.size();
      return size;
    case v1::AttributeValue::kNs:
      for (const auto& n : value.ns().values()) size += NumberSize(n);
      return size;
    case v1::AttributeValue::kBs:
      for (const auto& b : value.bs().values()) size += b.size();
      return size;
    case v1::AttributeValue::kM:
      for (const auto& [name, entry] : value.m().entries()) {
        size += 1 + name.size() + NaiveSize(entry);
      }
      return 3 + size;
    case v1::AttributeValue::kL:
      for (const auto& element : value.l().values()) {
        size += 1 + NaiveSize(element);
      }
      return 3 + size;
    default:
      return 1;
  }
}

void ExpectSorted(ItemView map);

void ExpectSorted(ValueView value) {
  if (value.kind() == ValueKind::kMap) return ExpectSorted(value.map());
  if (value.kind() != ValueKind::kList) return;
  for (const ValueView element : value.list()) ExpectSorted(element);
}

void ExpectSorted(ItemView map) {
  std::string before;
  for (const AttributeView entry : map) {
    ASSERT_LT(before, entry.name);
    before = std::string(entry.name);
    ExpectSorted(entry.value);
  }
}

// The same attributes, put into the bytes in another order.
std::string ShuffledWire(Random& random, const v1::Item& item) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : item.attributes()) {
    v1::Item one;
    (*one.mutable_attributes())[name] = value;
    entries.push_back(one.SerializeAsString());
  }
  std::shuffle(entries.begin(), entries.end(), random);
  std::string wire;
  for (const std::string& entry : entries) wire += entry;
  return wire;
}

class ItemPropertyTest : public ::testing::Test {
 protected:
  Random random_{TestSeed()};
};

TEST_F(ItemPropertyTest, CanonicalBytesMeanWhatProtobufReadFromTheWire) {
  for (int round = TestRounds(4000); round > 0; --round) {
    const v1::Item sent = RandomItem(random_);
    const absl::StatusOr<CanonicalItem> item =
        CanonicalizeItem(sent.SerializeAsString());
    ASSERT_TRUE(item.ok()) << item.status() << sent.DebugString();

    v1::Item expected = sent;
    for (auto& [name, value] : *expected.mutable_attributes()) {
      Normalise(&value);
    }
    v1::Item read;
    ASSERT_TRUE(read.ParseFromString(item->bytes));
    ASSERT_TRUE(MessageDifferencer::Equals(read, expected))
        << read.DebugString() << "instead of\n"
        << expected.DebugString();
    ASSERT_NO_FATAL_FAILURE(ExpectSorted(ItemView(item->bytes)));
  }
}

TEST_F(ItemPropertyTest, EqualItemsAreEqualBytes) {
  for (int round = TestRounds(2000); round > 0; --round) {
    const v1::Item sent = RandomItem(random_);
    const auto first = CanonicalizeItem(sent.SerializeAsString());
    const auto second = CanonicalizeItem(ShuffledWire(random_, sent));
    ASSERT_TRUE(first.ok() && second.ok());
    ASSERT_EQ(first->bytes, second->bytes) << sent.DebugString();
    ASSERT_TRUE(CheckCanonical(first->bytes).ok());
  }
}

TEST_F(ItemPropertyTest, SizeIsTheNaiveSumInBothWays) {
  for (int round = TestRounds(2000); round > 0; --round) {
    const v1::Item sent = RandomItem(random_);
    const auto item = CanonicalizeItem(sent.SerializeAsString());
    ASSERT_TRUE(item.ok());
    size_t expected = 0;
    for (const auto& [name, value] : sent.attributes()) {
      expected += name.size() + NaiveSize(value);
    }
    ASSERT_EQ(item->size, expected) << sent.DebugString();
    ASSERT_EQ(SizeOf(ItemView(item->bytes)), expected) << sent.DebugString();
  }
}

// The same item with a length longer than it need be: not canonical, so that
// the codec writes it anew.
std::string WithLongLength(const std::string& wire) {
  CHECK(wire.size() >= 2);
  std::string longer = wire;
  size_t last = 1;
  while (static_cast<uint8_t>(longer[last]) >= 0x80) ++last;
  longer[last] = static_cast<char>(longer[last] | 0x80);
  longer.insert(last + 1, 1, '\0');
  return longer;
}

void ExpectRecognizedRightly(const std::string& wire) {
  const std::optional<size_t> size = SizeIfCanonical(wire);
  if (wire.empty()) {
    ASSERT_EQ(size, 0u);
    return;
  }
  if (!size.has_value()) return;
  const std::string longer = WithLongLength(wire);
  ASSERT_FALSE(SizeIfCanonical(longer).has_value());
  const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(longer);
  ASSERT_TRUE(item.ok()) << item.status();
  ASSERT_EQ(item->bytes, wire);
  ASSERT_EQ(item->size, *size);
}

TEST_F(ItemPropertyTest, CanonicalItemsAreRecognizedWithTheirSize) {
  for (int round = TestRounds(4000); round > 0; --round) {
    const auto item = CanonicalizeItem(RandomItem(random_).SerializeAsString());
    ASSERT_TRUE(item.ok());
    ASSERT_EQ(SizeIfCanonical(item->bytes), item->size);
    ASSERT_NO_FATAL_FAILURE(ExpectRecognizedRightly(item->bytes));
  }
}

TEST_F(ItemPropertyTest, WhatIsRecognizedTheCodecWritesTheSame) {
  for (int round = TestRounds(20000); round > 0; --round) {
    std::string wire =
        CanonicalizeItem(RandomItem(random_).SerializeAsString())->bytes;
    if (wire.empty()) continue;
    for (uint64_t i = random_.Between(1, 2); i > 0; --i) {
      wire[random_.Below(wire.size())] = static_cast<char>(random_.Below(256));
    }
    ASSERT_NO_FATAL_FAILURE(ExpectRecognizedRightly(wire));
  }
}

TEST_F(ItemPropertyTest, DamagedBytesAreRefusedOrAnItemToProtobufToo) {
  for (int round = TestRounds(20000); round > 0; --round) {
    std::string wire = RandomItem(random_).SerializeAsString();
    if (wire.empty()) continue;
    for (uint64_t i = random_.Between(1, 3); i > 0; --i) {
      wire[random_.Below(wire.size())] = static_cast<char>(random_.Below(256));
    }
    const absl::StatusOr<CanonicalItem> item = CanonicalizeItem(wire);
    if (!item.ok()) continue;
    v1::Item read;
    ASSERT_TRUE(read.ParseFromString(wire));
    ASSERT_TRUE(CheckCanonical(item->bytes).ok());
  }
}

}  // namespace
}  // namespace pallet::model
