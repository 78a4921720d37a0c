// SPDX-License-Identifier: Apache-2.0
#include "storage/batch.h"

#include <utility>

#include "base/check.h"

namespace pallet::storage {

void Batch::Reset(uint64_t new_number) {
  number = new_number;
  outcome = absl::OkStatus();
  control_answer = absl::OkStatus();
  arena.Reset();
  pending.Clear();
  used_partitions_ = 0;
  place_of_.clear();
}

PartitionBatch* Batch::Find(PartitionId id) {
  const auto found = place_of_.find(id);
  return found == place_of_.end() ? nullptr : &partitions_[found->second];
}

PartitionBatch& Batch::Add(const PartitionState& before) {
  const bool is_new =
      place_of_.emplace(before.info.id, used_partitions_).second;
  CHECK(is_new) << "two records for partition " << before.info.id;
  if (used_partitions_ == partitions_.size()) partitions_.emplace_back();
  PartitionBatch& partition = partitions_[used_partitions_++];
  partition.kind = PartitionBatch::Kind::kRows;
  partition.after = before;
  partition.effects.clear();
  partition.begin = partition.end = {};
  partition.range_rows = 0;
  partition.has_changes = false;
  partition.has_stream_records = false;
  return partition;
}

uint64_t Batch::row_count() const {
  uint64_t count = 0;
  for (size_t i = 0; i < used_partitions_; ++i) {
    count += partitions_[i].effects.size() + partitions_[i].range_rows;
  }
  return count;
}

void Batch::DropEmptyPartitions() {
  size_t kept = 0;
  for (size_t i = 0; i < used_partitions_; ++i) {
    const PartitionBatch& partition = partitions_[i];
    if (partition.kind == PartitionBatch::Kind::kRows &&
        partition.effects.empty()) {
      continue;
    }
    if (kept != i) std::swap(partitions_[kept], partitions_[i]);
    ++kept;
  }
  used_partitions_ = kept;
  place_of_.clear();  // places have moved; nobody asks any more
}

}  // namespace pallet::storage
