// SPDX-License-Identifier: Apache-2.0
//
// WatchToken: how far a watch is, as its client holds it:
//
//   token := 0x01 | table u64 | stream u64 | filter u64 | count u32 | place* |
//            mac (16 bytes)
//   place := lineage u64 | after u64 | is full u8 | copied bytes
//
// (big endian). Signed as shard iterators are (shard_iterator.h), with a key of
// its own. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_map.h"
#include "storage/ids.h"

namespace pallet::service {

// In one lineage.
struct WatchPlace {
  storage::PartitionId lineage;
  storage::ChangeSeq after;  // all changes up to it have been told
  // The items up to this row key have been told as they were at `after`; of
  // those behind it nothing. Of no matter once it is full.
  std::string copied = {};
  bool is_full = true;  // every item is told of, or none was asked for
};

struct WatchToken {
  cluster::TableId table;
  uint64_t stream = 0;
  uint64_t filter = 0;  // what the watch asked for
  std::vector<WatchPlace> places = {};
};

std::string EncodeWatchToken(const WatchToken& token, absl::string_view secret);

// kValidation for bytes that were not given out here.
absl::StatusOr<WatchToken> DecodeWatchToken(absl::string_view bytes,
                                            absl::string_view secret);

}  // namespace pallet::service
