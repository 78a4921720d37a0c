// SPDX-License-Identifier: Apache-2.0
#include "storage/partition_table.h"

#include <algorithm>

namespace pallet::storage {

void PartitionTable::Set(const PartitionState& state) {
  absl::MutexLock lock(&mutex_);
  partitions_[state.info.id] = state;
}

void PartitionTable::Update(Batch& batch) {
  absl::MutexLock lock(&mutex_);
  for (const PartitionBatch& partition : batch.partitions()) {
    if (partition.kind == PartitionBatch::Kind::kForget) {
      partitions_.erase(partition.after.info.id);
    } else {
      partitions_[partition.after.info.id] = partition.after;
    }
  }
}

std::optional<PartitionState> PartitionTable::Find(PartitionId id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = partitions_.find(id);
  if (found == partitions_.end()) return std::nullopt;
  return found->second;
}

bool PartitionTable::IsServing(PartitionId id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = partitions_.find(id);
  return found != partitions_.end() &&
         found->second.phase == PartitionPhase::kServing;
}

std::vector<PartitionState> PartitionTable::List() const {
  std::vector<PartitionState> list;
  {
    absl::ReaderMutexLock lock(&mutex_);
    list.reserve(partitions_.size());
    for (const auto& [id, state] : partitions_) list.push_back(state);
  }
  std::sort(list.begin(), list.end(),
            [](const PartitionState& a, const PartitionState& b) {
              return a.info.id < b.info.id;
            });
  return list;
}

}  // namespace pallet::storage
