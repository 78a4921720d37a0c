// SPDX-License-Identifier: Apache-2.0
//
// PartitionState: what a store knows of a partition after a batch; also its row
// in the image's `partitions` database.
//
//   row    := format u8 | keyspace u32 | range first u64 | range last u64 |
//             epoch u64 | index u64 | change seq u64 | item count u64 |
//             item bytes u64 | phase u8 | counts? | schema version u64?
//             | replica bytes?
//   counts := n u8 | (rows u64 | bytes u64){n}   -- of the local indexes
//
// (big endian). Format 1 has neither counts nor version; 2 has counts, n > 0;
// 3 has both, and n may be 0; 4 has both, either may be 0, and a replica. The
// lowest that has what there is to say is written. The image keeps a checksum
// beside it. On disk since format 1.
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/store.h"

namespace pallet::storage {

enum class PartitionPhase : uint8_t {
  kServing = 1,
  kDropped = 2,  // takes no writes; its rows are being removed
  kStaging = 3,  // a replica whose state is not whole yet
};

struct PartitionState {
  PartitionInfo info;
  PartitionPhase phase = PartitionPhase::kServing;
  uint64_t index = 0;  // of its last log record; the first has 1
  // What replication knows of it (cluster/replica/replica_record.h); empty in
  // one copy.
  std::string replica = {};
};

// Its key in the database.
std::string PartitionKey(PartitionId id);
absl::StatusOr<PartitionId> DecodePartitionKey(absl::string_view key);

std::string EncodePartitionState(const PartitionState& state);
absl::StatusOr<PartitionState> DecodePartitionState(PartitionId id,
                                                    absl::string_view row);

// A partition has index_count + 1 keyspaces: 0 is the table's, those of its
// local indexes follow.
KeyspaceId KeyspaceOf(const PartitionInfo& partition, uint32_t ordinal);

// Which of them a row lies in; greater than index_count: in none.
// REQUIRES: size >= kRowKeyPrefixBytes.
uint32_t OrdinalOf(const PartitionInfo& partition, absl::string_view row_key);

RowCounts CountsOf(const PartitionInfo& partition, uint32_t ordinal);
void SetCounts(uint32_t ordinal, const RowCounts& counts,
               PartitionInfo* partition);

// Row keys of one of its keyspaces: FirstRowKey <= key < EndRowKey. An empty
// end is the end of the database.
std::string FirstRowKey(const PartitionInfo& partition, uint32_t ordinal);
std::string EndRowKey(const PartitionInfo& partition, uint32_t ordinal);

}  // namespace pallet::storage
