// SPDX-License-Identifier: Apache-2.0
#include "storage/row.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

TEST(RowTest, Example) {
  const std::string bytes =
      EncodeRow({.change_seq = ChangeSeq(9), .item_size = 3, .item = "abc"});
  const absl::StatusOr<RowView> row = DecodeRow(bytes);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(row->change_seq, ChangeSeq(9));
  EXPECT_EQ(row->item_size, 3u);
  EXPECT_EQ(row->item, "abc");
}

TEST(RowTest, GoldenBytes) {
  const RowView row{.change_seq = ChangeSeq(0x0102030405060708),
                    .item_size = 0x0A0B0C0D,
                    .item = "xy"};
  EXPECT_EQ(absl::BytesToHexString(EncodeRow(row)),
            "0100"
            "0102030405060708"
            "0a0b0c0d"
            "7879");
}

TEST(RowTest, AnEmptyItemIsARow) {
  const std::string bytes = EncodeRow({});
  EXPECT_EQ(bytes.size(), kRowHeaderBytes);
  ASSERT_TRUE(DecodeRow(bytes).ok());
  EXPECT_TRUE(DecodeRow(bytes)->item.empty());
}

TEST(RowTest, UnknownFormatsFlagsAndShortRowsAreDataLoss) {
  const std::string good = EncodeRow({.item = "abc"});
  std::string newer = good, flagged = good;
  newer[0] = 2;
  flagged[1] = 1;
  for (const std::string& bytes :
       {newer, flagged, good.substr(0, kRowHeaderBytes - 1), std::string()}) {
    const absl::Status status = DecodeRow(bytes).status();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(model::ReasonOf(status), model::Reason::kDataLoss);
  }
}

}  // namespace
}  // namespace pallet::storage
