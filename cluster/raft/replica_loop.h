// SPDX-License-Identifier: Apache-2.0
//
// ReplicaLoop: the replicas of one node, each of another group. It carries what
// Raft asks for to log, state and network, in the only order that is safe, and
// keeps the rules that the library leaves to its user.
//
//   loop.Create(partition, start);
//   every tick:        loop.Tick();    loop.Run();
//   a packet came:     loop.Receive(packet);   loop.Run();
//   a batch is synced: loop.Synced(batch);     loop.Run();
//
// What holds:
//   1. Entries, hard state and an installed snapshot are durable before any
//      message of the same Ready leaves and before anything of it is applied.
//      (A commit index alone waits for no sync: it can be learned again. Not so
//      a change of members, since those who know may be gone.)
//   2. A leader evaluates nothing before the first entry of its term is applied:
//      until then its state may lack what its predecessors acknowledged.
//   3. An entry that was evaluated in another term than it stands in is skipped.
//   4. A lease begins when a round was sent that a majority answered, and lasts
//      a little less than those who answered wait before they elect another
//      (docs/adr/0023-raft.md has the arithmetic). It is asked for *after* the
//      read transaction is open (LeaderTerm, HasLease). It ends before a transfer of leadership begins,
//      and there is none for the rest of that term: an order to take over can
//      be late.
//   5. A replica gives no vote within an election timeout of its node's start:
//      it may have forgotten whom it had promised to follow.
//   6. No context of a ReadIndex is used twice: incarnation, then a counter.
//   7. A snapshot comes whole before the library hears of it.
//
// Pure: no threads, no time but the clock's, no I/O but through its doors. One
// thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "cluster/raft/engine.h"
#include "cluster/raft/replica_doors.h"
#include "cluster/raft/snapshot_transfer.h"

namespace pallet::cluster {

struct ReplicaLoopOptions {
  // Of this life of the node; random, so that no other life of any node has it.
  uint64_t incarnation = 0;
  // At least this much lies between two calls of Tick, on the clock.
  absl::Duration tick = absl::Milliseconds(100);
  EngineTiming timing;
  // Those who answered a round wait election_ticks - 1 whole ticks of their own
  // clock at least; one more tick pays for clocks that run at different speeds.
  absl::Duration lease = absl::Milliseconds(800);
  absl::Duration silence = absl::Milliseconds(1100);
};

struct ReplicaStatus {
  ReplicaId replica, leader;
  Role role = Role::kFollower;
  uint64_t term = 0;
  uint64_t applied = 0;
  Members members;
  absl::Duration lease_until;  // on the clock; past or zero: none
  bool failed = false;
};

// One ReadIndex context, for all who waited when it was made.
struct ReadRound {
  uint64_t number = 0;
  uint64_t term = 0;  // in which the replica led; or 0
  absl::Duration begun;
  uint32_t ticks = 0;
  std::vector<uint64_t> reads;
};

class ReplicaLoop {
 public:
  // All outlive the loop.
  ReplicaLoop(Clock* clock, RaftLog* log, ReplicaState* state,
              ReplicaTransport* transport, const ReplicaLoopOptions& options);

  // `fresh`: this replica was never here before, and so has promised nobody
  // anything. REQUIRES: the node has no replica of the partition.
  void Create(storage::PartitionId partition, const ReplicaStart& start,
              bool fresh = false);
  void Drop(storage::PartitionId partition);
  bool Has(storage::PartitionId partition) const {
    return replicas_.contains(partition);
  }

  void Tick();
  void Receive(const Packet& packet);
  // What a sync carried is on the disk.
  void Synced(uint64_t batch);
  // Does what the calls since the last one asked for. After each of them, or
  // after a handful.
  void Run();

  // REQUIRES, of all that follow: Has(partition).
  ReplicaStatus Status(storage::PartitionId partition) const;
  // The term in which this replica leads and what is applied is the base for
  // what comes next; otherwise 0.
  uint64_t LeaderTerm(storage::PartitionId partition) const;
  // Whether nobody else can have acknowledged anything in or after that term.
  // A strong read takes LeaderTerm, opens its read transaction, and then asks
  // this: the other way round it would answer from a state of before the lease,
  // or after it.
  bool HasLease(storage::PartitionId partition, uint64_t term) const;

  // Its number; ReplicaState hears of it again, whatever becomes of it.
  // REQUIRES: LeaderTerm(partition) != 0.
  uint64_t Propose(storage::PartitionId partition, absl::string_view effects);
  // ReplicaState hears of it once it may be read, on any replica. It never does
  // while there is no leader.
  uint64_t Read(storage::PartitionId partition);

  // One change of members, or several at once. kFailedPrecondition if this
  // replica does not lead, another change is on its way, or the change makes no
  // sense. A joint configuration is left without being asked.
  absl::Status ChangeMembers(storage::PartitionId partition,
                             const std::vector<MemberChange>& changes);
  absl::Status TransferLeadership(storage::PartitionId partition, ReplicaId to);
  // Stands for election now, if a majority thinks that nobody leads.
  void Campaign(storage::PartitionId partition);
  // The state up to this index is durable elsewhere than in the log. Keeps what
  // snapshots on their way need.
  void Compact(storage::PartitionId partition, uint64_t index);

 private:
  struct Confirmed {
    uint64_t index = 0;
    std::vector<uint64_t> reads;
  };
  struct Replica {
    ReplicaId id;
    Role role = Role::kFollower;
    ReplicaId leader;
    uint64_t term = 0;
    uint64_t applied = 0;
    uint64_t applied_term = 0;  // of the last entry applied
    Members members;
    bool out = false;  // a Ready is, and not yet advanced
    bool failed = false;
    bool removed = false;
    std::optional<absl::Duration> silent_until;

    uint64_t proposals_term = 0;  // of those in flight
    std::set<uint64_t> proposals;
    uint64_t change = 0;  // of members, on its way
    uint32_t change_ticks = 0;

    absl::Duration lease_until = absl::ZeroDuration();
    uint64_t transferred_term = 0;
    std::vector<uint64_t> waiting;  // for the next round
    std::optional<ReadRound> round;
    std::vector<Confirmed> confirmed;

    std::map<ReplicaId, OutgoingSnapshot> sending;
    std::optional<IncomingSnapshot> receiving;
    bool installing = false;  // what was received, in the Ready that is out
  };

  Replica& At(storage::PartitionId partition);
  const Replica& At(storage::PartitionId partition) const;
  bool Leads(const Replica& replica) const;

  void TickReplica(storage::PartitionId partition, Replica* replica);
  void TickSnapshots(storage::PartitionId partition, Replica* replica);
  void BeginRound(storage::PartitionId partition, Replica* replica);
  void ProposeChange(storage::PartitionId partition, Replica* replica,
                     const std::vector<MemberChange>& changes);

  void Take(EngineOutput output);
  void TakeReady(const Ready& ready, Replica* replica);
  void TakeReads(const Ready& ready, Replica* replica);
  void Finish(const Ready& ready);
  void SendAll(const Ready& ready, Replica* replica);
  void ApplyAll(const Ready& ready, Replica* replica);
  bool ApplyEffects(const CommittedEntry& entry, storage::PartitionId partition,
                    Replica* replica);
  void ServeReads(storage::PartitionId partition, Replica* replica);
  void LoseProposals(storage::PartitionId partition, Replica* replica);
  void Fail(storage::PartitionId partition, Replica* replica,
            const std::string& reason);

  void ReceiveChunk(const Packet& packet, Replica* replica);
  void ReceiveTaken(const Packet& packet, Replica* replica);
  void OfferSnapshot(storage::PartitionId partition, Replica* replica);

  Clock* const clock_;
  RaftLog* const log_;
  ReplicaState* const state_;
  ReplicaTransport* const transport_;
  const ReplicaLoopOptions options_;

  RaftEngine engine_;
  std::map<storage::PartitionId, Replica> replicas_;
  std::map<uint64_t, std::vector<Ready>> batches_;  // not yet synced
  uint64_t last_batch_ = 0;
  std::vector<storage::PartitionId> offered_;  // snapshots, in the next run
  uint64_t last_number_ = 0;  // of proposals, reads, rounds, snapshots
};

}  // namespace pallet::cluster
