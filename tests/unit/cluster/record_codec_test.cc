// SPDX-License-Identifier: Apache-2.0
#include "cluster/record_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"

namespace pallet::cluster {
namespace {

using storage::v1::TableRecord;

TableRecord SomeRecord() {
  TableRecord record;
  record.set_format(1);
  record.set_id(7);
  record.set_name("cities");
  record.set_keyspace(9);
  return record;
}

model::Reason ReasonOfDecoding(absl::string_view key, absl::string_view bytes) {
  TableRecord record;
  return model::ReasonOf(DecodeRecord("a test's record", key, bytes, &record));
}

TEST(RecordCodecTest, Example) {
  const std::string stored = EncodeRecord("cities", SomeRecord());
  TableRecord record;
  ASSERT_TRUE(DecodeRecord("the table", "cities", stored, &record).ok());
  EXPECT_EQ(record.name(), "cities");
  EXPECT_EQ(record.id(), 7u);
}

TEST(RecordCodecTest, GoldenBytesOfFormat1) {
  EXPECT_EQ(absl::BytesToHexString(EncodeRecord("cities", SomeRecord())),
            "0175dcae4a210b018f080110071a066369746965732009");
}

TEST(RecordCodecTest, EveryFlippedBitIsFound) {
  const std::string sound = EncodeRecord("cities", SomeRecord());
  for (size_t bit = 0; bit < sound.size() * 8; ++bit) {
    std::string damaged = sound;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    TableRecord record;
    const absl::Status status =
        DecodeRecord("a test's record", "cities", damaged, &record);
    ASSERT_FALSE(status.ok()) << bit;
    // In the first byte it looks like a newer format.
    if (bit >= 8) {
      EXPECT_EQ(model::ReasonOf(status), model::Reason::kDataLoss) << bit;
    }
  }
}

TEST(RecordCodecTest, CutOrMisplacedBytesAreDamage) {
  const std::string stored = EncodeRecord("cities", SomeRecord());
  for (size_t size = 0; size < stored.size(); ++size) {
    EXPECT_EQ(ReasonOfDecoding("cities", stored.substr(0, size)),
              model::Reason::kDataLoss)
        << size;
  }
  EXPECT_EQ(ReasonOfDecoding("cities", stored + "x"), model::Reason::kDataLoss);
  EXPECT_EQ(ReasonOfDecoding("citie", stored), model::Reason::kDataLoss);
}

TEST(RecordCodecTest, ANewerFormatIsRefusedWithAdvice) {
  std::string stored = EncodeRecord("cities", SomeRecord());
  stored[0] = 2;
  TableRecord record;
  const absl::Status status =
      DecodeRecord("the table", "cities", stored, &record);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(status.message(),
            "the table has format 2, and this version of pallet knows formats "
            "up to 1: start a newer version");
}

}  // namespace
}  // namespace pallet::cluster
