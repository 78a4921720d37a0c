// SPDX-License-Identifier: Apache-2.0
//
// ReplicaStore: a store whose partitions are replicas. Log, image, memtables,
// checkpoints and evaluation are those of one copy; between the decision and
// the memtable stands the group's agreement.
//
//   inbox -> evaluate -> propose -> a majority has it -> memtable -> answer
//   (replica_proposer)  (raft/)     (replica_log)        (replica_applier)
//
// Invariants, beside those of storage::Store:
//   1. Done(OK) says: a majority has the write on disk, and it is visible here.
//   2. A write that this replica may not decide is refused with NotLedHere and
//      does nothing.
//   3. What nobody can say of a write is told as kOutcomeUnknown.
//   4. ReadStrong shows all that was acknowledged by anybody before the call.
//   5. Read shows a state that was the partition's at some time, of partitions
//      for which IsReadable.
//
// Threads: one each for the loop, the log, the applier and evaluation, beside
// those of the image. Thread-safe; callbacks run on the store's threads and
// must not block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cluster/raft/replica_loop.h"
#include "storage/store.h"

namespace pallet::cluster {

struct ReplicaStoreOptions {
  storage::StoreOptions store;
  // Of the loop; the incarnation is drawn if it is 0.
  ReplicaLoopOptions loop;
  // Called on the loop's thread; must not block. Outlives the store.
  ReplicaTransport* transport = nullptr;
  // A replica is no member any more, and its data may go: DropReplica.
  std::function<void(storage::PartitionId)> on_removed = {};
  // The leader of a group as this node knows it, or its members, changed.
  std::function<void(storage::PartitionId)> on_changed = {};
  // Entries kept in memory for followers that lag; then they get a snapshot.
  uint64_t kept_entries = 4096;
};

// A replica, as the loop knows it.
struct ReplicaInfo {
  storage::PartitionInfo partition;
  ReplicaStatus status;
  uint64_t applied = 0;  // visible
  bool serving = false;  // its state is whole
};

class ReplicaStore : public storage::Store {
 public:
  // As storage::Store::Open; kFailedPrecondition for a directory with
  // partitions of one copy.
  static absl::StatusOr<std::unique_ptr<ReplicaStore>> Open(
      ReplicaStoreOptions options);

  // A replica comes to be here: one of those who found the partition, empty; or
  // (no founders) one that joins and gets its state from the others. Durable on
  // return. Idempotent for the same replica. kResourceInUse if the range
  // overlaps that of another one here, also one whose rows are still being
  // removed. REQUIRES: no other replica ever had that id, and those of a
  // partition rise.
  struct NewReplica {
    storage::PartitionId partition;
    storage::KeyspaceId keyspace;
    storage::HashRange range;
    uint64_t epoch = 0;
    uint32_t index_count = 0;
    ReplicaId replica;
    std::vector<ReplicaId> founders = {};
  };
  virtual absl::Status CreateReplica(const NewReplica& replica) = 0;
  // As DropPartition. The group must have let it go.
  virtual absl::Status DropReplica(storage::PartitionId partition,
                                   ReplicaId replica) = 0;

  // Packets of any partitions; those of none here are dropped.
  virtual void Receive(std::vector<Packet> packets) = 0;

  // As Read, and all that was acknowledged before the call is seen: with a
  // lease at once, else after a round of the group. NotLedHere if this replica
  // cannot know in time; any replica may be asked. With no patience only the
  // lease counts, and nothing blocks. `body` may be run twice.
  virtual absl::Status ReadStrong(
      storage::PartitionId partition, absl::Duration patience,
      absl::FunctionRef<absl::Status(storage::ReadTransaction&)> body) = 0;
  // Whether the replica's state is whole.
  virtual bool IsReadable(storage::PartitionId partition) = 0;

  // kFailedPrecondition: see ReplicaLoop::ChangeMembers.
  virtual absl::Status ChangeMembers(
      storage::PartitionId partition,
      const std::vector<MemberChange>& changes) = 0;
  virtual absl::Status TransferLeadership(storage::PartitionId partition,
                                          ReplicaId to) = 0;

  // Stands for election, if a majority thinks that nobody leads.
  virtual void Campaign(storage::PartitionId partition) = 0;

  // The term in which writes of the partition are taken here, 0 if they are not;
  // it goes up each time that begins again.
  virtual uint64_t ServingTerm(storage::PartitionId partition) = 0;
  // Whether writes of the partition are taken here now, and who leads as far as
  // is known. kResourceNotFound.
  virtual bool Leads(storage::PartitionId partition) = 0;
  virtual ReplicaId LeaderOf(storage::PartitionId partition) = 0;
  virtual absl::StatusOr<ReplicaInfo> Replica(
      storage::PartitionId partition) = 0;
  virtual std::vector<ReplicaInfo> Replicas() = 0;
};

}  // namespace pallet::cluster
