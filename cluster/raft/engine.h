// SPDX-License-Identifier: Apache-2.0
//
// RaftEngine: etcd's Raft library, many groups in one call. Calls about groups
// queue; Run does them all and says what the groups ask for.
//
//   RaftEngine engine;
//   engine.Create(partition, FoundingStart(ReplicaId(1), {ReplicaId(1)}), {});
//   engine.Campaign(partition);
//   for (const Ready& ready : engine.Run().ready) {
//     ...  // write, sync, send, apply
//     engine.Advance(partition);
//   }
//
// What holds:
//   1. A group's next Ready comes after the last one was advanced.
//   2. Forwarded proposals are refused, votes are preceded by pre-votes, a
//      leader steps down when no majority answers, and what is not committed is
//      bounded: the library's options are set here and nowhere else.
//   3. A panic of the library is the end of one group (GroupFailure).
//   4. Malformed or misplaced messages of the network are dropped.
//
// One thread at a time. Go's runtime comes into the process with the first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "cluster/raft/engine_format.h"
#include "cluster/raft/types.h"

namespace pallet::cluster {

class RaftEngine {
 public:
  RaftEngine();
  ~RaftEngine();
  RaftEngine(const RaftEngine&) = delete;
  RaftEngine& operator=(const RaftEngine&) = delete;

  // A silent replica gives no votes until Speak. REQUIRES: !Has(partition).
  void Create(storage::PartitionId partition, const ReplicaStart& start,
              const EngineTiming& timing, bool silent = false);
  bool Has(storage::PartitionId partition) const {
    return groups_.contains(partition);
  }

  // REQUIRES, of all that follow: Has(partition).
  void Drop(storage::PartitionId partition);
  void Tick(storage::PartitionId partition);
  void Speak(storage::PartitionId partition);
  void Campaign(storage::PartitionId partition);
  // A message from another replica's Ready.
  void Step(storage::PartitionId partition, absl::string_view message);
  // The number comes back if it is refused.
  void Propose(storage::PartitionId partition, uint64_t number,
               absl::string_view data);
  // One change, several at once (joint), or none: leave the joint
  // configuration. REQUIRES: what it leads to has a voter; not into a joint one
  // from a joint one.
  void Change(storage::PartitionId partition, uint64_t number,
              const std::vector<MemberChange>& changes,
              absl::string_view context);
  // Answered in a Ready unless it gets lost. REQUIRES: no other read of any
  // replica of the group ever has this context.
  void ReadIndex(storage::PartitionId partition, absl::string_view context);
  // Does nothing unless the replica leads.
  void Transfer(storage::PartitionId partition, ReplicaId to);
  // REQUIRES: a Ready of the group is out, and done.
  void Advance(storage::PartitionId partition);
  // Forgets entries up to the index. REQUIRES: they are applied.
  void Compact(storage::PartitionId partition, uint64_t index);
  void SnapshotSent(storage::PartitionId partition, ReplicaId to, bool whole);
  void Unreachable(storage::PartitionId partition, ReplicaId to);

  bool idle() const { return operations_.empty(); }
  EngineOutput Run();

  // Makes the election timeouts of all engines of the process repeatable.
  static void SeedElections(uint64_t seed);

 private:
  void Begin(EngineOperation operation, storage::PartitionId partition);

  const uint64_t engine_;
  std::string operations_;
  absl::flat_hash_set<storage::PartitionId> groups_;
};

}  // namespace pallet::cluster
