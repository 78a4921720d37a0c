// SPDX-License-Identifier: Apache-2.0
//
// Backfill: fills new indexes from what one partition of their table already
// held, chunk by chunk, one pass for all indexes that are as far. Where it is
// stands in the partition, so it goes on after a start.
//
// Used inside its follower; what it holds is that of the partition's rows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gsi/channel.h"
#include "gsi/records.h"
#include "gsi/step.h"
#include "gsi/topology.h"

namespace pallet::gsi {

class Backfill {
 public:
  explicit Backfill(const Source& source, StepObserver observer = nullptr)
      : source_(source), observer_(std::move(observer)) {}

  // Reads the states.
  absl::Status Load();

  // Attaches the indexes that the partition does not keep changes for yet, and
  // forgets those that are no more. Durable on return.
  absl::Status Attach(const TableTopology& table);

  // An index to fill, and its channels, target by target.
  struct Job {
    const IndexTopology* index = nullptr;
    std::vector<Channel*> channels = {};
  };
  // One chunk for those of the jobs that are least far. False: all are done.
  absl::StatusOr<bool> Step(uint64_t hash_seed, absl::Span<const Job> jobs);

  bool IsDone(uint64_t index) const;
  // The newest change of any row it has read.
  storage::ChangeSeq newest() const { return newest_; }
  // Of the index, by its id.
  const std::map<uint64_t, BackfillState>& states() const { return states_; }

 private:
  struct Chunk;

  absl::Status ReadChunk(const std::string& from, Chunk* chunk);
  absl::Status SendChunk(uint64_t hash_seed, absl::Span<const Job> jobs,
                         const Chunk& chunk,
                         std::map<uint64_t, BackfillState>* states) const;
  absl::Status Save(const std::map<uint64_t, BackfillState>& states);

  const Source source_;
  const StepObserver observer_;
  std::map<uint64_t, BackfillState> states_;
  storage::ChangeSeq newest_;
};

}  // namespace pallet::gsi
