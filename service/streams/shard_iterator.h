// SPDX-License-Identifier: Apache-2.0
//
// ShardIterator: a place in a shard, as clients hold it: base64 of
//
//   iterator := 0x01 | table u64 | stream u64 | lineage u64 | after u64 |
//               issued u64 | table name | mac (16 bytes)
//
// (big endian; issued in microseconds since 1970). The mac is the beginning of
// HMAC-SHA256 with a key that only this data directory has, so what comes back
// is what was given out. Nothing is kept of it on this side. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cluster/partition_map.h"
#include "storage/ids.h"

namespace pallet::service {

inline constexpr absl::Duration kShardIteratorLife = absl::Minutes(15);

struct ShardIterator {
  cluster::TableId table;
  uint64_t stream = 0;
  storage::PartitionId lineage;
  // Goes on behind it; 0: at the oldest record that is kept.
  storage::ChangeSeq after;
  absl::Time issued = {};
  std::string table_name = {};
};

// `secret`: the directory's incarnation.
std::string EncodeShardIterator(const ShardIterator& iterator,
                                absl::string_view secret);

// kValidation for a text that was not given out here; kExpiredIterator for one
// that was given out more than kShardIteratorLife before `now`.
absl::StatusOr<ShardIterator> DecodeShardIterator(absl::string_view text,
                                                  absl::string_view secret,
                                                  absl::Time now);

}  // namespace pallet::service
