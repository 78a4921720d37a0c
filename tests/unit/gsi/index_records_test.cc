// SPDX-License-Identifier: Apache-2.0
#include "gsi/records.h"

#include <string>

#include "absl/strings/escaping.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"

namespace pallet::gsi {
namespace {

TEST(IndexRecordsTest, GoldenBytes) {
  EXPECT_EQ(absl::BytesToHexString(
                EncodeChange({absl::FromUnixMicros(258), "row", "keys"})),
            "01"
            "0000000000000102"
            "03726f77"
            "046b657973");
  EXPECT_EQ(absl::BytesToHexString(EncodeCursor(storage::ChangeSeq(7))),
            "01"
            "0000000000000007");
  BackfillState state;
  state.done = true;
  state.next_row_key = "k";
  state.items_read = 2;
  state.items_skipped = 1;
  state.skipped = {{"a", "why"}};
  EXPECT_EQ(absl::BytesToHexString(EncodeBackfill(state)),
            "01"
            "01"
            "016b"
            "0000000000000002"
            "0000000000000001"
            "00000001"
            "0161"
            "03776879");
}

TEST(IndexRecordsTest, WhatWasWrittenIsRead) {
  const std::string bytes = EncodeChange({absl::FromUnixMicros(-5), "row", ""});
  const auto change = DecodeChange(bytes);
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->time, absl::FromUnixMicros(-5));
  EXPECT_EQ(change->row_key, "row");
  EXPECT_EQ(change->old_keys, "");
  EXPECT_EQ(*DecodeCursor(EncodeCursor(storage::ChangeSeq(UINT64_MAX))),
            storage::ChangeSeq(UINT64_MAX));
  BackfillState state;
  state.skipped.resize(kMaxSkippedListed);
  EXPECT_EQ(*DecodeBackfill(EncodeBackfill(state)), state);
}

TEST(IndexRecordsTest, CutLongerOrOtherBytesAreDamage) {
  BackfillState state;
  state.skipped = {{"a", "why"}};
  const std::string change = EncodeChange({absl::UnixEpoch(), "row", "k"});
  const std::string cursor = EncodeCursor(storage::ChangeSeq(7));
  const std::string backfill = EncodeBackfill(state);
  for (size_t size = 0; size < change.size(); ++size) {
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeChange(change.substr(0, size)).status()));
  }
  for (size_t size = 0; size < cursor.size(); ++size) {
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeCursor(cursor.substr(0, size)).status()));
  }
  for (size_t size = 0; size < backfill.size(); ++size) {
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeBackfill(backfill.substr(0, size)).status()));
  }
  EXPECT_FALSE(DecodeChange(change + "x").ok());
  EXPECT_FALSE(DecodeCursor(cursor + "x").ok());
  EXPECT_FALSE(DecodeBackfill(backfill + "x").ok());
  EXPECT_FALSE(DecodeCursor("\x02" + cursor.substr(1)).ok());
  state.skipped.resize(kMaxSkippedListed + 1);
  EXPECT_FALSE(DecodeBackfill(EncodeBackfill(state)).ok());
}

TEST(IndexRecordsTest, RandomBytesAreReadOrDamage) {
  Random random(testing::TestSeed());
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = random.Bytes(random.Below(60));
    if (!bytes.empty()) bytes[0] = 1;
    const auto change = DecodeChange(bytes);
    EXPECT_TRUE(change.ok() || absl::IsDataLoss(change.status()));
    const auto backfill = DecodeBackfill(bytes);
    EXPECT_TRUE(backfill.ok() || absl::IsDataLoss(backfill.status()));
  }
}

}  // namespace
}  // namespace pallet::gsi
