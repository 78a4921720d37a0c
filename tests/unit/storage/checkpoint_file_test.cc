// SPDX-License-Identifier: Apache-2.0
#include "storage/checkpoint_file.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

CheckpointFile SomeFile() {
  CheckpointFile file;
  file.image_uuid = "0123456789abcdef";
  file.number = 3;
  file.image_bytes = 8192;
  file.meta_pages = {.page_size = 4, .bytes = "metaPAGE"};
  file.contents.log_frame = 77;
  file.contents.groups = {{.partition = PartitionId(5),
                           .applied_index = 10,
                           .applied_term = 2,
                           .term = 3,
                           .vote = 1,
                           .commit = 11,
                           .truncated_index = 4,
                           .truncated_term = 1,
                           .change_seq = ChangeSeq(99),
                           .members = {1, 2, 3}},
                          {.partition = PartitionId(6)}};
  return file;
}

TEST(CheckpointFileTest, DecodesWhatItEncodes) {
  const CheckpointFile file = SomeFile();
  const absl::StatusOr<CheckpointFile> decoded =
      DecodeCheckpoint(EncodeCheckpoint(file));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->image_uuid, file.image_uuid);
  EXPECT_EQ(decoded->number, 3u);
  EXPECT_EQ(decoded->image_bytes, 8192u);
  EXPECT_EQ(decoded->meta_pages.page_size, 4u);
  EXPECT_EQ(decoded->meta_pages.bytes, "metaPAGE");
  EXPECT_EQ(decoded->contents, file.contents);
}

TEST(CheckpointFileTest, GoldenBytes) {
  CheckpointFile file = SomeFile();
  file.contents.groups.pop_back();
  EXPECT_EQ(absl::BytesToHexString(EncodeCheckpoint(file)),
            "50414c4c45544350"
            "00000001"
            "30313233343536373839616263646566"
            "0000000000000003"
            "0000000000002000"
            "00000004"
            "6d657461"
            "50414745"
            "000000000000004d"
            "00000001"
            "0000000000000005"
            "000000000000000a"
            "0000000000000002"
            "0000000000000003"
            "0000000000000001"
            "000000000000000b"
            "0000000000000004"
            "0000000000000001"
            "0000000000000063"
            "00000003"
            "0000000000000001"
            "0000000000000002"
            "0000000000000003"
            "d5df490b0de9a3a6");
}

TEST(CheckpointFileTest, EveryFlippedByteAndEveryCutIsNoticed) {
  const std::string good = EncodeCheckpoint(SomeFile());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string flipped = good;
    flipped[i] ^= 0x20;
    EXPECT_FALSE(DecodeCheckpoint(flipped).ok()) << i;
    const absl::Status cut = DecodeCheckpoint(good.substr(0, i)).status();
    ASSERT_FALSE(cut.ok()) << i;
    EXPECT_EQ(model::ReasonOf(cut), model::Reason::kDataLoss);
  }
  EXPECT_FALSE(DecodeCheckpoint(good + "x").ok());
}

TEST(CheckpointFileTest, ANewerFormatIsRefusedAsSuch) {
  std::string newer = EncodeCheckpoint(SomeFile());
  newer[11] = 2;
  EXPECT_EQ(DecodeCheckpoint(newer).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace pallet::storage
