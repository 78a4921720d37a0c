// SPDX-License-Identifier: Apache-2.0
//
// The disk of a simulated machine: one log for all its groups, of which a crash
// leaves what was synced and some more; checkpoints of states; snapshots that
// are coming in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/raft/types.h"

namespace pallet::simulation {

using cluster::HardState;
using cluster::Members;
using cluster::RaftEntry;
using cluster::ReplicaId;
using cluster::ReplicaStart;
using cluster::SnapshotPoint;
using storage::PartitionId;

// What a replica has made of its log.
struct State {
  std::map<std::string, std::string> rows;
  uint64_t change_seq = 0;
  uint64_t applied = 0;
  uint64_t serves_from = 0;  // of a fuzzy snapshot: rows may be newer till then
  Members members;

  // Of rows and change seq.
  std::string Text() const;
};

struct DiskRecord {
  uint64_t number = 0;
  std::optional<SnapshotPoint> installed;
  State staged;  // with `installed`
  std::vector<RaftEntry> entries;
  std::optional<HardState> hard;
};

struct DiskGroup {
  ReplicaStart birth;
  std::vector<DiskRecord> log;
  std::optional<State> checkpoint;
  uint64_t compacted = 0;
  std::optional<State> staging;
};

struct Recovered {
  ReplicaStart start;
  State state;
};

class SimDisk {
 public:
  std::map<PartitionId, DiskGroup>& groups() { return groups_; }

  // Returns its number.
  uint64_t Append(PartitionId partition, DiskRecord record);
  uint64_t appended() const { return appended_; }
  void Synced(uint64_t number);

  // Forgets some of what was not synced.
  void Crash(Random* random);

  Recovered Recover(PartitionId partition) const;

 private:
  std::map<PartitionId, DiskGroup> groups_;
  uint64_t appended_ = 0;
  uint64_t synced_ = 0;
};

}  // namespace pallet::simulation
