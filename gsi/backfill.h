// SPDX-License-Identifier: Apache-2.0
//
// Backfill: fills new indexes from what one partition of their table already
// held, chunk by chunk, one pass for all indexes that are as far. Where it is
// stands in the partition, so it goes on after a start.
//
// A chunk is some tens of megabytes: it is gathered, sent and kept in many small
// steps, between which the follower brings changes to the indexes that are not in
// it. What is gathered is memory only; it is read again if it is dropped.
//
// Used inside its follower.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gsi/chunk.h"
#include "gsi/chunk_slots.h"
#include "gsi/records.h"
#include "gsi/step.h"
#include "gsi/topology.h"

namespace pallet::gsi {

class Backfill {
 public:
  // `slots` is borrowed.
  Backfill(const Source& source, const ChunkLimits& limits, ChunkSlots* slots,
           StepObserver observer = nullptr)
      : source_(source),
        limits_(limits),
        slots_(slots),
        observer_(std::move(observer)) {}
  Backfill(const Backfill&) = delete;
  ~Backfill() { Drop(); }

  // Reads the states.
  absl::Status Load();

  // Attaches the indexes that the partition does not keep changes for yet, and
  // forgets those that are no more. Durable on return.
  absl::Status Attach(const TableTopology& table);

  using Job = FillJob;
  enum class Next {
    kNothing,  // all are done
    kMore,
    kSlot,  // it waits for its turn
  };
  // Something of a chunk for those of the jobs that are least far. An error
  // leaves the chunk as it was: go on, or drop it.
  absl::StatusOr<Next> Step(uint64_t hash_seed, absl::Span<const Job> jobs);
  // Forgets the chunk, and does not wait for one any more.
  void Drop();

  bool has_chunk() const { return chunk_ != nullptr; }
  // Whether the chunk is for that index: its cursors must not move.
  bool Holds(uint64_t index) const { return has_chunk() && chunk_->Has(index); }
  bool IsDone(uint64_t index) const;
  // The newest change of any row it has read.
  storage::ChangeSeq newest() const { return newest_; }
  // Of the index, by its id.
  const std::map<uint64_t, BackfillState>& states() const { return states_; }

 private:
  absl::Status BeginChunk(absl::Span<const Job> jobs);
  absl::Status Gather(uint64_t hash_seed, absl::Span<const Job> jobs);
  absl::Status SendWave();
  absl::Status KeepChunk();

  const Source source_;
  const ChunkLimits limits_;
  ChunkSlots* const slots_;
  const StepObserver observer_;
  std::map<uint64_t, BackfillState> states_;
  storage::ChangeSeq newest_;
  std::unique_ptr<Chunk> chunk_;
};

}  // namespace pallet::gsi
