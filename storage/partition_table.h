// SPDX-License-Identifier: Apache-2.0
//
// PartitionTable: the partitions as the image has them; what everyone but the
// evaluate stage asks. Changed after each commit of the image. Thread-safe.
#pragma once

#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "storage/batch.h"
#include "storage/partition_state.h"

namespace pallet::storage {

class PartitionTable {
 public:
  void Set(const PartitionState& state);
  // Takes over what the batch did.
  void Update(Batch& batch);

  std::optional<PartitionState> Find(PartitionId id) const;
  bool IsServing(PartitionId id) const;
  // In the order of their ids.
  std::vector<PartitionState> List() const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<PartitionId, PartitionState> partitions_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::storage
