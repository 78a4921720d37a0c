// SPDX-License-Identifier: Apache-2.0
#include "storage/log_format.h"

#include <xxhash.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/bytes.h"
#include "base/check.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

constexpr absl::string_view kSegmentMagic = "PLTSEG";
constexpr absl::string_view kFrameMagic = "PLTF";
constexpr absl::string_view kSuffix = ".log";

// Offsets in a frame header.
constexpr size_t kLengthAt = 4;
constexpr size_t kCountAt = 8;
constexpr size_t kReservedAt = 12;
constexpr size_t kSegmentIdAt = 16;
constexpr size_t kNumberAt = 24;
constexpr size_t kPreviousAt = 32;
constexpr size_t kSyncedAt = 40;
constexpr size_t kRecordsChecksumAt = 48;
constexpr size_t kChecksumAt = 56;
static_assert(kChecksumAt + sizeof(uint64_t) == kFrameHeaderBytes);

constexpr size_t kSegmentChecksumAt = 24;

// Offsets in a record.
constexpr size_t kRecordLengthAt = 25;
constexpr size_t kRecordHeaderBytes = 29;
constexpr size_t kRecordChecksumBytes = 8;
static_assert(kRecordHeaderBytes + kRecordChecksumBytes == kRecordOverhead);

uint64_t Checksum(absl::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

size_t RoundUp(size_t bytes) {
  return (bytes + kLogSector - 1) / kLogSector * kLogSector;
}

}  // namespace

void FrameBuilder::Clear() {
  buffer_.assign(kFrameHeaderBytes, '\0');
  sums_.clear();
  count_ = 0;
  open_record_ = 0;
  sealed_ = false;
}

void FrameBuilder::Add(const RecordView& record) {
  BeginRecord(record)->append(record.payload.data(), record.payload.size());
  EndRecord();
}

std::string* FrameBuilder::BeginRecord(const RecordView& record) {
  CHECK(open_record_ == 0 && !sealed_);
  open_record_ = buffer_.size();
  AppendU8(&buffer_, static_cast<uint8_t>(record.kind));
  AppendU64(&buffer_, record.partition.value());
  AppendU64(&buffer_, record.index);
  AppendU64(&buffer_, record.term);
  AppendU32(&buffer_, 0);
  return &buffer_;
}

void FrameBuilder::EndRecord() {
  const size_t payload_at = open_record_ + kRecordHeaderBytes;
  CHECK(open_record_ != 0 && buffer_.size() >= payload_at);
  CHECK_LE(buffer_.size() + kRecordChecksumBytes, kMaxFrameBytes);
  StoreU32(buffer_.data() + open_record_ + kRecordLengthAt,
           buffer_.size() - payload_at);
  AppendU64(&buffer_,
            Checksum(absl::string_view(buffer_).substr(open_record_)));
  sums_.append(buffer_, buffer_.size() - kRecordChecksumBytes,
               kRecordChecksumBytes);
  ++count_;
  open_record_ = 0;
}

size_t FrameBuilder::frame_bytes() const { return RoundUp(buffer_.size()); }

absl::string_view FrameBuilder::SealFrame(const Seal& seal,
                                          uint64_t* checksum) {
  CHECK(open_record_ == 0 && !sealed_);
  sealed_ = true;
  const absl::string_view payload =
      absl::string_view(buffer_).substr(kFrameHeaderBytes);
  FrameHeader header;
  header.length = payload.size();
  header.count = count_;
  header.segment_id = seal.segment_id;
  header.number = seal.number;
  header.previous = seal.previous;
  header.synced = seal.synced;
  header.records_checksum = Checksum(sums_);
  buffer_.resize(RoundUp(buffer_.size()), '\0');
  *checksum = EncodeFrameHeader(header, buffer_.data());
  return buffer_;
}

size_t FrameHeader::frame_bytes() const {
  return RoundUp(kFrameHeaderBytes + length);
}

uint64_t EncodeFrameHeader(const FrameHeader& header, char* out) {
  kFrameMagic.copy(out, kFrameMagic.size());
  StoreU32(out + kLengthAt, header.length);
  StoreU32(out + kCountAt, header.count);
  StoreU32(out + kReservedAt, 0);
  StoreU64(out + kSegmentIdAt, header.segment_id);
  StoreU64(out + kNumberAt, header.number.value());
  StoreU64(out + kPreviousAt, header.previous);
  StoreU64(out + kSyncedAt, header.synced.value());
  StoreU64(out + kRecordsChecksumAt, header.records_checksum);
  const uint64_t checksum = Checksum({out, kChecksumAt});
  StoreU64(out + kChecksumAt, checksum);
  return checksum;
}

bool DecodeFrameHeader(absl::string_view bytes, uint64_t segment_id,
                       FrameHeader* header) {
  if (bytes.size() < kFrameHeaderBytes ||
      bytes.substr(0, kFrameMagic.size()) != kFrameMagic) {
    return false;
  }
  const char* const in = bytes.data();
  header->length = LoadU32(in + kLengthAt);
  header->count = LoadU32(in + kCountAt);
  header->segment_id = LoadU64(in + kSegmentIdAt);
  header->number = FrameNumber(LoadU64(in + kNumberAt));
  header->previous = LoadU64(in + kPreviousAt);
  header->synced = FrameNumber(LoadU64(in + kSyncedAt));
  header->records_checksum = LoadU64(in + kRecordsChecksumAt);
  header->checksum = LoadU64(in + kChecksumAt);
  return header->segment_id == segment_id && LoadU32(in + kReservedAt) == 0 &&
         header->frame_bytes() <= kMaxFrameBytes &&
         header->checksum == Checksum(bytes.substr(0, kChecksumAt));
}

bool DecodeRecords(const FrameHeader& header, absl::string_view payload,
                   std::vector<RecordView>* records) {
  if (payload.size() != header.length) return false;
  std::string sums;
  for (uint32_t i = 0; i < header.count; ++i) {
    const absl::string_view record = payload;
    uint8_t kind;
    uint64_t partition, index, term, checksum;
    uint32_t length;
    if (!ConsumeU8(&payload, &kind) || !ConsumeU64(&payload, &partition) ||
        !ConsumeU64(&payload, &index) || !ConsumeU64(&payload, &term) ||
        !ConsumeU32(&payload, &length) || length > payload.size()) {
      return false;
    }
    const absl::string_view body = payload.substr(0, length);
    payload.remove_prefix(length);
    if (!ConsumeU64(&payload, &checksum) ||
        checksum != Checksum(record.substr(0, kRecordHeaderBytes + length))) {
      return false;
    }
    AppendU64(&sums, checksum);
    records->push_back({static_cast<RecordKind>(kind), PartitionId(partition),
                        index, term, body});
  }
  return payload.empty() && header.records_checksum == Checksum(sums);
}

bool IsKnown(RecordKind kind) {
  return kind >= RecordKind::kEntries && kind <= RecordKind::kReplicaCreate;
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kSegmentMagic);
  AppendU16(&bytes, kLogFormat);
  AppendU64(&bytes, header.seq);
  AppendU64(&bytes, header.id);
  CHECK_EQ(bytes.size(), kSegmentChecksumAt);
  AppendU64(&bytes, Checksum(bytes));
  bytes.resize(kLogSector, '\0');
  return bytes;
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes) {
  if (bytes.size() < kLogSector ||
      bytes.substr(0, kSegmentMagic.size()) != kSegmentMagic ||
      LoadU64(bytes.data() + kSegmentChecksumAt) !=
          Checksum(bytes.substr(0, kSegmentChecksumAt))) {
    return model::MakeError(model::Reason::kDataLoss,
                            "the segment's header is damaged");
  }
  const char* const in = bytes.data() + kSegmentMagic.size();
  if (const uint16_t format = LoadU16(in); format != kLogFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the log has format ", format, ", this version reads ", kLogFormat));
  }
  return SegmentHeader{LoadU64(in + 2), LoadU64(in + 10)};
}

std::string SegmentFileName(uint64_t seq) {
  return absl::StrFormat("%016x%s", seq, kSuffix);
}

bool ParseSegmentFileName(absl::string_view name, uint64_t* seq) {
  return absl::ConsumeSuffix(&name, kSuffix) && name.size() == 16 &&
         absl::SimpleHexAtoi(name, seq) &&
         SegmentFileName(*seq) == absl::StrCat(name, kSuffix);
}

std::string EncodeGroupCreate(const GroupCreate& group) {
  std::string bytes;
  AppendU32(&bytes, group.keyspace.value());
  AppendU64(&bytes, group.range.first);
  AppendU64(&bytes, group.range.last);
  AppendU64(&bytes, group.epoch);
  if (group.index_count > 0) {
    AppendU8(&bytes, static_cast<uint8_t>(group.index_count));
  }
  return bytes;
}

absl::StatusOr<GroupCreate> DecodeGroupCreate(absl::string_view payload) {
  uint32_t keyspace;
  uint8_t index_count = 0;
  GroupCreate group;
  if (!ConsumeU32(&payload, &keyspace) ||
      !ConsumeU64(&payload, &group.range.first) ||
      !ConsumeU64(&payload, &group.range.last) ||
      !ConsumeU64(&payload, &group.epoch) ||
      (!payload.empty() &&
       (!ConsumeU8(&payload, &index_count) || index_count == 0 ||
        index_count > kMaxLocalIndexes)) ||
      !payload.empty()) {
    return model::MakeError(model::Reason::kDataLoss,
                            "a group create record is damaged");
  }
  group.keyspace = KeyspaceId(keyspace);
  group.index_count = index_count;
  return group;
}

}  // namespace pallet::storage
