// SPDX-License-Identifier: Apache-2.0
#include "storage/entry.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace pallet::storage {
namespace {

constexpr EntryHeader kHeader = {ChangeSeq(258), 3, 4096};

std::string Example() {
  EntryBuilder builder;
  builder.Put(DatabaseId::kItems, "k1", "value");
  builder.Put(DatabaseId::kItems, "k2", "head", "rest");
  builder.Delete(DatabaseId::kExpiry, "k3");
  builder.DeleteRange(DatabaseId::kChanges, "a", "b");
  return std::string(builder.Finish(kHeader));
}

// One effect a line, or the error.
std::string TextOf(absl::string_view entry) {
  auto reader = EntryReader::Open(entry);
  if (!reader.ok()) return "no header\n";
  std::string text;
  Effect effect;
  while (true) {
    const absl::StatusOr<bool> more = reader->Next(&effect);
    if (!more.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(more.status()));
      return text + "damaged\n";
    }
    if (!*more) return text;
    absl::StrAppend(&text, static_cast<int>(effect.op), " ",
                    InfoOf(effect.database).name, " ", effect.key, " ",
                    effect.value, "\n");
  }
}

TEST(EntryTest, Example) {
  const std::string entry = Example();
  EXPECT_EQ(EntryReader::Open(entry)->header(), kHeader);
  EXPECT_EQ(TextOf(entry),
            "1 items k1 value\n"
            "1 items k2 headrest\n"
            "2 expiry k3 \n"
            "3 changes a b\n");
}

TEST(EntryTest, CountsOfIndexesAreGolden) {
  EntryBuilder builder;
  builder.SetIndexCounts({4, {3, 258}});
  const std::string entry(builder.Finish(kHeader));
  EXPECT_EQ(absl::BytesToHexString(entry.substr(24)),
            "0406"
            "0104"
            "10"
            "0000000000000003"
            "0000000000000102");
  auto reader = EntryReader::Open(entry);
  Effect effect;
  ASSERT_TRUE(*reader->Next(&effect));
  EXPECT_EQ(DecodeIndexCounts(effect)->index, 4u);
  EXPECT_EQ(DecodeIndexCounts(effect)->counts, (RowCounts{3, 258}));
  effect.value.remove_suffix(1);
  EXPECT_TRUE(absl::IsDataLoss(DecodeIndexCounts(effect).status()));
}

TEST(EntryTest, GoldenBytes) {
  EXPECT_EQ(absl::BytesToHexString(Example()),
            "0000000000000102"  // change seq
            "0000000000000003"  // item count
            "0000000000001000"  // item bytes
            "0101"
            "026b31"
            "0576616c7565"  // put k1
            "0101"
            "026b32"
            "086865616472657374"  // put k2
            "0204"
            "026b33"  // delete k3
            "0303"
            "0161"
            "0162");  // delete range
}

TEST(EntryTest, BuilderIsEmptyAgainAfterClear) {
  EntryBuilder builder;
  EXPECT_TRUE(builder.empty());
  builder.Delete(DatabaseId::kItems, "k");
  EXPECT_FALSE(builder.empty());
  builder.Clear();
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(TextOf(builder.Finish(kHeader)), "");
}

TEST(EntryTest, CutAnywhereItIsDamagedOrEndsBetweenEffects) {
  const std::string entry = Example();
  int whole = 0;
  for (size_t size = 0; size < entry.size(); ++size) {
    const std::string text = TextOf(entry.substr(0, size));
    if (size < 24) {
      EXPECT_EQ(text, "no header\n");
    } else if (text.find("damaged") == std::string::npos) {
      ++whole;
    }
  }
  EXPECT_EQ(whole, 4);  // after none, one, two and three effects
}

TEST(EntryTest, UnknownOperationsAndPrivateDatabasesAreDamage) {
  const std::string header(24, '\0');
  const auto effect = [&header](char op, char database) {
    return TextOf(header + op + database + "\x01k\x01v");
  };
  EXPECT_EQ(effect(1, 1), "1 items k v\n");
  EXPECT_EQ(effect(0, 1), "damaged\n");
  EXPECT_EQ(effect(6, 1), "damaged\n");
  EXPECT_EQ(effect(1, 0), "damaged\n");  // meta
  EXPECT_EQ(effect(1, 2), "damaged\n");  // long_keys
  EXPECT_EQ(effect(1, 99), "damaged\n");
}

TEST(EntryTest, LengthsBeyondTheEndAreDamage) {
  const std::string header(24, '\0');
  EXPECT_EQ(TextOf(header + "\x01\x01\x7Fk"), "damaged\n");
  EXPECT_EQ(TextOf(header + "\x01\x01" + std::string(9, '\xFF') + "\x01k"),
            "damaged\n");
}

TEST(EntryTest, RandomEffectsRoundTrip) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    EntryBuilder builder;
    std::string expected;
    for (uint64_t i = random.Below(20); i > 0; --i) {
      const std::string key = random.Bytes(random.Below(300));
      const std::string value = random.Bytes(random.Below(7000));
      absl::StrAppend(&expected, "1 items ", key, " ", value, "\n");
      builder.Put(DatabaseId::kItems, key, value);
    }
    EXPECT_EQ(TextOf(builder.Finish(kHeader)), expected);
  }
}

}  // namespace
}  // namespace pallet::storage
