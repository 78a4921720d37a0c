// SPDX-License-Identifier: Apache-2.0
#include "storage/log_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace pallet::storage {
namespace {

std::string Hex(absl::string_view bytes) {
  return absl::BytesToHexString(bytes);
}

constexpr uint64_t kSegmentId = 0x1122334455667788;

// A frame of two records, sealed.
std::string TwoRecords(uint64_t* checksum) {
  FrameBuilder builder;
  builder.Add({RecordKind::kEntries, PartitionId(3), 4, 5, "payload"});
  builder.Add({RecordKind::kGroupDrop, PartitionId(9), 1, 0, ""});
  return std::string(builder.SealFrame(
      {kSegmentId, FrameNumber(42), 0xABCD, FrameNumber(41)}, checksum));
}

TEST(LogFormatTest, Example) {
  uint64_t checksum;
  const std::string frame = TwoRecords(&checksum);
  FrameHeader header;
  ASSERT_TRUE(DecodeFrameHeader(frame, kSegmentId, &header));
  EXPECT_EQ(header.number, FrameNumber(42));
  EXPECT_EQ(header.previous, 0xABCDu);
  EXPECT_EQ(header.synced, FrameNumber(41));
  EXPECT_EQ(header.checksum, checksum);
  EXPECT_EQ(header.frame_bytes(), frame.size());
  const absl::string_view payload =
      absl::string_view(frame).substr(kFrameHeaderBytes, header.length);
  std::vector<RecordView> records;
  ASSERT_TRUE(DecodeRecords(header, payload, &records));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].kind, RecordKind::kEntries);
  EXPECT_EQ(records[0].partition, PartitionId(3));
  EXPECT_EQ(records[0].index, 4u);
  EXPECT_EQ(records[0].term, 5u);
  EXPECT_EQ(records[0].payload, "payload");
  EXPECT_EQ(records[1].kind, RecordKind::kGroupDrop);
  EXPECT_EQ(records[1].payload, "");
}

// Put together and summed by another program (Python's struct, libxxhash).
TEST(LogFormatTest, GoldenBytesOfASegmentHeader) {
  const std::string bytes = EncodeSegmentHeader({7, kSegmentId});
  EXPECT_EQ(bytes.size(), 512u);
  EXPECT_EQ(Hex(bytes.substr(0, 32)),
            "504c54534547"      // PLTSEG
            "0001"              // format
            "0000000000000007"  // seq
            "1122334455667788"  // id
            "93909e590e9efbde");
  EXPECT_EQ(bytes.substr(32), std::string(480, '\0'));
}

TEST(LogFormatTest, GoldenBytesOfAFrame) {
  uint64_t checksum;
  const std::string frame = TwoRecords(&checksum);
  EXPECT_EQ(frame.size(), 512u);
  EXPECT_EQ(Hex(frame.substr(0, 64)),
            "504c5446"          // PLTF
            "00000051"          // length: 37 + 7 + 37
            "00000002"          // records
            "00000000"          // reserved
            "1122334455667788"  // segment id
            "000000000000002a"  // number
            "000000000000abcd"  // previous
            "0000000000000029"  // synced
            "37af2b4cb620ca97"  // of the checksums of the records
            "501c1039387edcd1");
  EXPECT_EQ(Hex(frame.substr(64, 81)),
            "01"                // entries
            "0000000000000003"  // partition
            "0000000000000004"  // index
            "0000000000000005"  // term
            "00000007"          // length
            "7061796c6f6164"    // payload
            "dc5a0712e5642db4"  //
            "04"                // group drop
            "0000000000000009"  // partition
            "0000000000000001"  // index
            "0000000000000000"  // term
            "00000000"          // length
            "2d2d28090c985b78");
  EXPECT_EQ(frame.substr(64 + 81), std::string(512 - 64 - 81, '\0'));
}

TEST(LogFormatTest, EveryFlippedBitOfAFrameIsSeen) {
  uint64_t checksum;
  const std::string frame = TwoRecords(&checksum);
  for (size_t bit = 0; bit < (kFrameHeaderBytes + 81) * 8; ++bit) {
    std::string damaged = frame;
    damaged[bit / 8] ^= 1 << bit % 8;
    FrameHeader header;
    std::vector<RecordView> records;
    const bool sound = DecodeFrameHeader(damaged, kSegmentId, &header) &&
                       DecodeRecords(header,
                                     absl::string_view(damaged).substr(
                                         kFrameHeaderBytes, header.length),
                                     &records);
    EXPECT_FALSE(sound) << "bit " << bit;
  }
}

TEST(LogFormatTest, FrameOfAnotherLifeOfTheSegmentIsNone) {
  uint64_t checksum;
  FrameHeader header;
  EXPECT_FALSE(
      DecodeFrameHeader(TwoRecords(&checksum), kSegmentId + 1, &header));
}

TEST(LogFormatTest, EveryFlippedBitOfASegmentHeaderIsSeen) {
  const std::string bytes = EncodeSegmentHeader({7, kSegmentId});
  for (size_t bit = 0; bit < 32 * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] ^= 1 << bit % 8;
    EXPECT_TRUE(absl::IsDataLoss(DecodeSegmentHeader(damaged).status()))
        << "bit " << bit;
  }
}

TEST(LogFormatTest, NewerFormatIsRefusedByName) {
  // Format 2, with a checksum that fits.
  const std::string bytes = absl::HexStringToBytes(
                                "504c54534547"
                                "0002"
                                "0000000000000007"
                                "1122334455667788"
                                "6992341bfc15811e") +
                            std::string(480, '\0');
  const absl::Status status = DecodeSegmentHeader(bytes).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST(LogFormatTest, FramesArePaddedToSectors) {
  for (const size_t size : {0, 1, 402, 403, 404, 5000}) {
    FrameBuilder builder;
    builder.Add(
        {RecordKind::kEntries, PartitionId(1), 1, 0, std::string(size, 'x')});
    const size_t bytes = builder.frame_bytes();
    uint64_t checksum;
    EXPECT_EQ(builder.SealFrame({}, &checksum).size(), bytes);
    EXPECT_EQ(bytes % kLogSector, 0u);
    EXPECT_GE(bytes, kFrameHeaderBytes + kRecordOverhead + size);
    EXPECT_LT(bytes, kFrameHeaderBytes + kRecordOverhead + size + kLogSector);
  }
}

TEST(LogFormatTest, RecordBuiltInPlaceIsTheRecordThatIsAdded) {
  FrameBuilder added, built;
  const RecordView record = {RecordKind::kEntries, PartitionId(1), 2, 3, "abc"};
  added.Add(record);
  built.BeginRecord(record)->append("abc");
  built.EndRecord();
  uint64_t a, b;
  EXPECT_EQ(added.SealFrame({}, &a), built.SealFrame({}, &b));
  built.Clear();
  EXPECT_EQ(built.record_count(), 0u);
  EXPECT_EQ(built.frame_bytes(), kLogSector);
}

TEST(LogFormatTest, RecordsThatDoNotFillThePayloadAreNone) {
  uint64_t checksum;
  const std::string frame = TwoRecords(&checksum);
  FrameHeader header;
  ASSERT_TRUE(DecodeFrameHeader(frame, kSegmentId, &header));
  const absl::string_view payload =
      absl::string_view(frame).substr(kFrameHeaderBytes, header.length);
  std::vector<RecordView> records;
  header.count = 1;
  EXPECT_FALSE(DecodeRecords(header, payload, &records));
  header.count = 3;
  EXPECT_FALSE(DecodeRecords(header, payload, &records));
  header.count = 2;
  EXPECT_FALSE(DecodeRecords(header, payload.substr(0, 80), &records));
}

TEST(LogFormatTest, SegmentFileNamesSortAsTheirNumbers) {
  EXPECT_EQ(SegmentFileName(1), "0000000000000001.log");
  EXPECT_LT(SegmentFileName(9), SegmentFileName(16));
  uint64_t seq;
  ASSERT_TRUE(ParseSegmentFileName("00000000000000ff.log", &seq));
  EXPECT_EQ(seq, 255u);
  for (const char* name :
       {"1.log", "00000000000000FF.log", "00000000000000ff.log.tmp",
        "000000000000x0ff.log", "00000000000000ff", "LOCK"}) {
    EXPECT_FALSE(ParseSegmentFileName(name, &seq)) << name;
  }
}

TEST(LogFormatTest, GroupCreateRoundTrips) {
  const GroupCreate group = {KeyspaceId(0x01020304), {5, UINT64_MAX}, 6};
  const std::string bytes = EncodeGroupCreate(group);
  EXPECT_EQ(Hex(bytes),
            "01020304"
            "0000000000000005"
            "ffffffffffffffff"
            "0000000000000006");
  EXPECT_EQ(*DecodeGroupCreate(bytes), group);
  EXPECT_TRUE(absl::IsDataLoss(DecodeGroupCreate(bytes + "x").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeGroupCreate(bytes.substr(1)).status()));
}

TEST(LogFormatTest, GroupCreateTellsOfLocalIndexesIfThereAreAny) {
  const GroupCreate group = {KeyspaceId(1), {}, 1, kMaxLocalIndexes};
  const std::string bytes = EncodeGroupCreate(group);
  EXPECT_EQ(Hex(bytes.substr(28)), "05");
  EXPECT_EQ(*DecodeGroupCreate(bytes), group);
  const std::string plain = bytes.substr(0, 28);
  EXPECT_EQ(DecodeGroupCreate(plain)->index_count, 0u);
  EXPECT_TRUE(absl::IsDataLoss(DecodeGroupCreate(plain + '\0').status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeGroupCreate(plain + '\6').status()));
}

}  // namespace
}  // namespace pallet::storage
