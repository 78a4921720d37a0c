// SPDX-License-Identifier: Apache-2.0
//
// Store options for fault tests: everything small, so that segments change,
// checkpoints happen and the sanitizers can reserve the map.
#pragma once

#include <string>

#include "storage/store.h"

namespace pallet::testing {

inline storage::StoreOptions SmallStore(const std::string& directory) {
  storage::StoreOptions options;
  options.directory = directory;
  options.map_size = uint64_t{1} << 30;
  options.segment_bytes = uint64_t{2} << 20;
  options.memtable_bytes = uint64_t{64} << 10;
  options.checkpoint_bytes = uint64_t{2} << 20;
  options.free_disk_reserve = uint64_t{16} << 20;
  options.max_readers = 64;
  return options;
}

}  // namespace pallet::testing
