// SPDX-License-Identifier: Apache-2.0
//
// The log on disk: segments of frames of records. Integers are big endian,
// checksums are XXH3-64, everything starts at a multiple of 512 bytes (a sector
// is written whole or not at all; two frames never share one).
//
//   segment  := header frame* rest          -- file <seq, 16 hex digits>.log
//   header   := "PLTSEG" | format u16 = 1 | seq u64 | id u64 | checksum u64
//               | zeros to 512              -- checksum of what is before it
//   frame    := "PLTF" | length u32 | count u32 | reserved u32 = 0
//               | segment id u64 | number u64 | previous u64 | synced u64
//               | checksum of the records' checksums u64
//               | checksum of what is before it u64
//               | record * count, `length` bytes   -- none: a marker
//               | zeros to a multiple of 512
//   record   := kind u8 | partition u64 | index u64 | term u64 | length u32
//               | payload, `length` bytes | checksum of all before it u64
//   rest     := zeros, or what a former life of a recycled file left
//
// What holds:
//   1. `id` is drawn at random for each life of a segment file, and each place
//      of a segment is written once in a life. So a header with the right id
//      and checksum was written there by us: never one of a former life, nor
//      bytes of a user that look like one.
//   2. Numbers count by one over all segments; `previous` is the checksum field
//      of the frame before. Both make a chain.
//   3. `synced` is a frame number: that frame and all before it were on the disk
//      before this one could be read. (Frames copied at a start name the last of
//      themselves: they are synced before their segment gets its name.)
//   4. A segment whose first frame has number n voids frames >= n in earlier
//      segments: a start never appends to an old segment (log_recovery.h).
//
// Pure functions; safe from any thread. On disk since format 1: change only
// with a migration and an ADR (docs/adr/0006-log-format.md).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/strong_id.h"
#include "storage/ids.h"

namespace pallet::storage {

inline constexpr uint16_t kLogFormat = 1;
inline constexpr size_t kLogSector = 512;
inline constexpr size_t kFrameHeaderBytes = 64;
inline constexpr size_t kRecordOverhead = 37;  // its bytes beyond the payload
// With header and padding. A segment grows to fit its frame (log.h).
inline constexpr size_t kMaxFrameBytes = size_t{1} << 30;

// Counts the frames of a log from 1; never used twice in what recovery returns.
struct FrameNumberTag;
using FrameNumber = StrongId<FrameNumberTag, uint64_t>;

// A place in the log; ordered as the log is.
struct LogPosition {
  uint64_t segment = 0;  // seq
  uint64_t offset = 0;   // bytes from the start of the file

  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

// Numbers on disk. One copy writes entries, group create and group drop; what
// replicas write: cluster/replica/raft_records.h.
enum class RecordKind : uint8_t {
  kEntries = 1,            // entry.h
  kHardState = 2,          // Raft term, vote, commit
  kGroupCreate = 3,        // a partition comes to be here; GroupCreate below
  kGroupDrop = 4,          // and goes; no payload
  kSnapshotInstalled = 5,  // its state came from elsewhere
  kRewrite = 6,            // a live record moved to the head
  kReplicaCreate = 7,      // a partition's copy comes to be here
};

// For bytes that come from a log: whether this version knows the kind.
bool IsKnown(RecordKind kind);

struct RecordView {
  RecordKind kind = RecordKind::kEntries;
  PartitionId partition;
  uint64_t index = 0;         // of the partition's own log, from 1
  uint64_t term = 0;          // 0 in one copy
  absl::string_view payload;  // borrowed
};

// Builds the frame of one batch in one buffer, which is kept from batch to
// batch. One thread at a time.
//
//   builder.Add({RecordKind::kEntries, partition, index, term, payload});
//   log->Append(&builder);   // seals, writes and clears it
class FrameBuilder {
 public:
  FrameBuilder() { Clear(); }

  void Clear();

  // REQUIRES: FitsRecord(record.payload.size()).
  void Add(const RecordView& record);

  // Or without a copy: append the payload to what this returns, then call
  // EndRecord. `record.payload` is not used.
  std::string* BeginRecord(const RecordView& record);
  void EndRecord();

  bool FitsRecord(size_t payload_bytes) const {
    return buffer_.size() + kRecordOverhead + payload_bytes <= kMaxFrameBytes;
  }
  uint32_t record_count() const { return count_; }
  // What it takes in the log now, padding included.
  size_t frame_bytes() const;

  struct Seal {
    uint64_t segment_id = 0;
    FrameNumber number;
    uint64_t previous = 0;
    FrameNumber synced;
  };
  // Fills in header and padding. The view dies with the next call, which can
  // only be Clear. Returns the frame's checksum through `checksum`.
  absl::string_view SealFrame(const Seal& seal, uint64_t* checksum);

 private:
  std::string buffer_;  // header and records; padded once sealed
  std::string sums_;    // the records' checksums
  uint32_t count_ = 0;
  size_t open_record_ = 0;  // where it starts; 0: none is open
  bool sealed_ = false;
};

struct FrameHeader {
  uint32_t length = 0;
  uint32_t count = 0;
  uint64_t segment_id = 0;
  FrameNumber number;
  uint64_t previous = 0;
  FrameNumber synced;
  uint64_t records_checksum = 0;
  uint64_t checksum = 0;

  // With header and padding.
  size_t frame_bytes() const;
};

// Writes kFrameHeaderBytes to `out`, with the checksum computed and not taken
// from the header; returns it.
uint64_t EncodeFrameHeader(const FrameHeader& header, char* out);

// False if the bytes do not start with a sound header of a frame of the segment
// with this id. Looks at no more than kFrameHeaderBytes.
bool DecodeFrameHeader(absl::string_view bytes, uint64_t segment_id,
                       FrameHeader* header);

// Appends the records of the payload, which view into it. False, with some of
// them appended, if it is not the payload that the header speaks of.
[[nodiscard]] bool DecodeRecords(const FrameHeader& header,
                                 absl::string_view payload,
                                 std::vector<RecordView>* records);

struct SegmentHeader {
  uint64_t seq = 0;
  uint64_t id = 0;
};

// kLogSector bytes.
std::string EncodeSegmentHeader(const SegmentHeader& header);

// kDataLoss if damaged, kFailedPrecondition if of a newer format.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes);

std::string SegmentFileName(uint64_t seq);
// False if it is not a segment's name.
bool ParseSegmentFileName(absl::string_view name, uint64_t* seq);

// The payload of kGroupCreate:
//   keyspace u32 | range first u64 | range last u64 | epoch u64 |
//   local indexes u8?                                     -- none: not written
struct GroupCreate {
  KeyspaceId keyspace;
  HashRange range;
  uint64_t epoch = 0;
  uint32_t index_count = 0;

  friend bool operator==(const GroupCreate&, const GroupCreate&) = default;
};
std::string EncodeGroupCreate(const GroupCreate& group);
absl::StatusOr<GroupCreate> DecodeGroupCreate(absl::string_view payload);

}  // namespace pallet::storage
