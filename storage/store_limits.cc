// SPDX-License-Identifier: Apache-2.0
#include "storage/store_limits.h"

#include <algorithm>

#include "storage/admission.h"

namespace pallet::storage {
namespace {

constexpr uint64_t kMaxMemtableVersions = 16384;

}  // namespace

uint64_t CheckpointBytesOf(const StoreOptions& options, uint64_t live) {
  const uint64_t most =
      std::min(options.checkpoint_bytes, options.map_size / 8);
  return std::clamp(2 * live, most / 4, most);
}

Applier::Options ApplierOptionsOf(const StoreOptions& options) {
  Applier::Options applier;
  const uint64_t worst_bytes = options.map_size / 16;
  applier.memtable_bytes = std::min(options.memtable_bytes, worst_bytes / 4);
  const uint64_t row_bytes = WorstImageBytes(2, 0) - WorstImageBytes(1, 0);
  applier.memtable_versions =
      std::min(kMaxMemtableVersions, worst_bytes / row_bytes);
  return applier;
}

}  // namespace pallet::storage
