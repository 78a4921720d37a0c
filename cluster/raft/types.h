// SPDX-License-Identifier: Apache-2.0
//
// The words of replication. A partition's copies form its Raft group, named by
// the partition; each copy is a replica. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/strong_id.h"
#include "storage/ids.h"

namespace pallet::cluster {

// One copy of one partition on one node. Never used again: a copy that lost its
// disk, or was removed and comes back, is another replica. 0 is nobody.
struct ReplicaIdTag;
using ReplicaId = StrongId<ReplicaIdTag, uint64_t>;

// Who has a say, as of some index. While `outgoing` has somebody (a joint
// configuration) decisions take a majority of it and one of `voters`.
struct Members {
  std::vector<ReplicaId> voters;
  std::vector<ReplicaId> learners;       // follow the log without a say
  std::vector<ReplicaId> outgoing;       // voters until the joint one is left
  std::vector<ReplicaId> learners_next;  // outgoing, learners after it

  bool joint() const { return !outgoing.empty(); }
  bool IsVoter(ReplicaId replica) const;
  // In any of the four.
  bool Has(ReplicaId replica) const;

  friend bool operator==(const Members&, const Members&) = default;
};

// "voters 1 2 3 learners 4": for people and tests.
std::string ToText(const Members& members);

// Numbers in logs and messages, as the library has them.
enum class EntryKind : uint8_t {
  kEffects = 0,  // a proposal, or the nothing with which a term begins
  kChange = 1,   // of members: one
  kJoint = 2,    // of members: into a joint configuration, or out of it
};

struct RaftEntry {
  uint64_t index = 0;  // from 2: 1 stands for what the group was made with
  uint64_t term = 0;
  EntryKind kind = EntryKind::kEffects;
  std::string data;  // opaque

  friend bool operator==(const RaftEntry&, const RaftEntry&) = default;
};

struct HardState {
  uint64_t term = 0;
  ReplicaId vote;
  uint64_t commit = 0;

  friend bool operator==(const HardState&, const HardState&) = default;
};

// What a replica's state is said to be when it comes from another replica.
struct SnapshotPoint {
  uint64_t index = 0;
  uint64_t term = 0;
  Members members;

  friend bool operator==(const SnapshotPoint&, const SnapshotPoint&) = default;
};

enum class Role : uint8_t {
  kFollower = 0,
  kCandidate = 1,
  kLeader = 2,
  kPreCandidate = 3,
};

// What a replica goes on from after a start of its node; a new one, too.
//
//   * Those who found a group begin with index 1, term 1 and its members.
//   * One that joins a group begins with nothing (all 0, no members) and gets a
//     snapshot.
struct ReplicaStart {
  ReplicaId replica;
  uint64_t compacted = 0;  // the log begins behind it
  uint64_t compacted_term = 0;
  uint64_t applied = 0;  // compacted <= applied <= the last entry
  HardState hard;        // commit >= applied
  Members members;       // as of `applied`
  std::vector<RaftEntry> entries;
};

// The start of one that founds a group.
ReplicaStart FoundingStart(ReplicaId replica, std::vector<ReplicaId> voters);

}  // namespace pallet::cluster
