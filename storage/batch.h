// SPDX-License-Identifier: Apache-2.0
//
// Batch: the writes that travel through the store together, and what was
// decided about them. One sync serves them all.
//
// A batch belongs to one stage at a time (write_pipeline.h). Its pending rows
// and arena are also read by the evaluate stage, through the overlay, until
// readers see them; that is why they are cleared by the next Reset only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/byte_arena.h"
#include "storage/ids.h"
#include "storage/log_format.h"
#include "storage/overlay.h"
#include "storage/partition_state.h"
#include "storage/store.h"

namespace pallet::storage {

// A put or delete of a row. Keys and rows live in the batch's arena.
struct RowEffect {
  absl::string_view row_key;
  absl::string_view row;  // encoded (row.h); empty: delete

  bool is_delete() const { return row.empty(); }
};

// What a batch does to one partition: one log record.
struct PartitionBatch {
  enum class Kind { kRows, kCreate, kDrop, kDeleteRange, kForget };

  Kind kind = Kind::kRows;
  PartitionState after;             // once the batch is applied
  std::vector<RowEffect> effects;   // kRows, in order
  absl::string_view begin, end;     // kDeleteRange
  uint64_t range_rows = 0;          // in that range
  bool has_changes = false;         // rows for who follows it (side_rows.h)
  bool has_stream_records = false;  // likewise
};

// Changes partitions rather than rows, or only the log.
struct ControlOperation {
  enum class Kind {
    kCreatePartition,  // or nothing, if an equal one is there
    kDropPartition,    // takes no more writes
    kReclaimChunk,     // removes some rows of a dropped partition, or its row
    kMarker,           // covers the last batch with a frame (log.h)
  };
  Kind kind = Kind::kMarker;
  PartitionId partition;
  KeyspaceId keyspace;       // kCreatePartition
  HashRange range;           // kCreatePartition
  uint32_t index_count = 0;  // kCreatePartition
  // Called once, as RowWrite::Done is.
  absl::AnyInvocable<void(absl::Status)> done;
};

struct BatchWrite {
  std::unique_ptr<RowWrite> write;
  absl::Status answer;       // of Decide, told once the batch is visible
  bool has_effects = false;  // its fate hangs on the log
};

class Batch {
 public:
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Empty again, with number `number`; keeps some memory.
  void Reset(uint64_t number);

  // The record of the partition in this batch, if it has one.
  PartitionBatch* Find(PartitionId id);
  // Makes it. REQUIRES: there is none.
  PartitionBatch& Add(const PartitionState& before);

  bool has_effects() const { return used_partitions_ > 0; }
  // Rows it changes.
  uint64_t row_count() const;

  uint64_t number = 0;
  FrameNumber frame;     // of the log, once it has one
  uint64_t epoch = 0;    // the pipeline's when it was evaluated
  absl::Status outcome;  // of the batch as a whole; an error goes to all writes
  std::vector<BatchWrite> writes;
  std::unique_ptr<ControlOperation> control;  // then there are no writes
  absl::Status control_answer;
  ByteArena arena;
  PendingRows pending;

  // Those with effects.
  absl::Span<PartitionBatch> partitions() {
    return absl::MakeSpan(partitions_.data(), used_partitions_);
  }
  // Removes partitions without effects: nothing is logged for them.
  void DropEmptyPartitions();

 private:
  // Only the first `used_partitions_` count; the others keep their memory.
  std::vector<PartitionBatch> partitions_;
  size_t used_partitions_ = 0;
  absl::flat_hash_map<PartitionId, size_t> place_of_;
};

}  // namespace pallet::storage
