// SPDX-License-Identifier: Apache-2.0
//
// Evaluator: the first stage. Lets each write of a batch decide, in order, over
// the rows as they will be when all earlier writes are applied, and keeps the
// partitions' counters that belong to that future.
//
// Invariants:
//   1. A write sees all writes before it, applied or not, its own included.
//   2. A write whose decision fails leaves no trace but its answer.
//   3. Counts and change seqs are exact: each row changed moves its partition's
//      change seq by one; deleting what is not there changes nothing.
//
// Used inside the evaluate stage only; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/batch.h"
#include "storage/overlay.h"
#include "storage/partition_state.h"
#include "storage/store.h"

namespace pallet::storage {

class Evaluator {
 public:
  struct Limits {
    // A batch takes no further write once it holds this much.
    uint64_t batch_bytes;
    // Refuses what puts rows: there is room for deletes only.
    bool deletes_only = false;
  };

  // Forgets all it knows and starts from what readers see. REQUIRES: no batch
  // is on its way.
  void Load(const std::vector<PartitionState>& partitions);

  // Decides the writes or the control operation of `batch`. `rows` shows every
  // batch up to number `published`, and may show later ones. Returns how many
  // writes were decided; the rest must wait for another batch.
  size_t Evaluate(Batch& batch, uint64_t published, const Limits& limits,
                  ReadTransaction& rows);

  // Later batches see this one. Without it the batch leaves no trace.
  void Adopt(Batch& batch);

  // The memory of batches up to `published` may be used again.
  void Forget(uint64_t published) { overlay_.Forget(published); }

 private:
  class Context;

  size_t EvaluateWrites(Batch& batch, const Limits& limits,
                        ReadTransaction& rows);
  absl::Status EvaluateControl(Batch& batch, ReadTransaction& rows);
  absl::Status CreatePartition(Batch& batch);
  absl::Status DropPartition(Batch& batch);
  absl::Status ReclaimChunk(Batch& batch, ReadTransaction& rows);
  // Makes `chunk` the first rows of one keyspace, if it has any.
  absl::Status TakeChunk(uint32_t ordinal, ReadTransaction& rows, Batch& batch,
                         PartitionBatch* chunk);

  // Makes `chunk` the first rows of that range, if it has any. Returns them.
  absl::StatusOr<RowCounts> TakeRange(const std::string& begin, std::string end,
                                      ReadTransaction& rows, Batch& batch,
                                      PartitionBatch* chunk);

  // The batch's record for the partition; null if it takes no writes here.
  PartitionBatch* RecordOf(PartitionId id, Batch& batch) const;
  // The partition's state before the batch; null if it is not here.
  const PartitionState* StateOf(PartitionId id) const;

  Overlay overlay_;
  // With all evaluated batches; readers may be behind.
  absl::flat_hash_map<PartitionId, PartitionState> partitions_;
};

}  // namespace pallet::storage
