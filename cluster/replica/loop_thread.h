// SPDX-License-Identifier: Apache-2.0
//
// LoopThread: a ReplicaLoop with a thread of its own and a store around it. What
// others want of the loop waits in a queue; the thread does all that waits, then
// lets the loop run once, so that one call of the library serves it all.
//
// Thread-safe. What is said to wait, waits for the thread: not to be called on
// any of the store's threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/raft/replica_loop.h"
#include "cluster/replica/replica_applier.h"
#include "cluster/replica/replica_log.h"
#include "cluster/replica/replica_proposer.h"
#include "cluster/replica/replica_view.h"
#include "cluster/replica/staged_snapshot.h"
#include "storage/partition_table.h"

namespace pallet::cluster {

class LoopThread final : private RaftLog, private ReplicaState {
 public:
  // All borrowed; they outlive this.
  struct Parts {
    Clock* clock = nullptr;
    Logger* logger = nullptr;
    ReplicaLog* log = nullptr;
    ReplicaApplier* applier = nullptr;
    storage::PartitionTable* partitions = nullptr;
    StagedSnapshots* staged = nullptr;
    ReplicaTransport* transport = nullptr;
    std::function<absl::Status(
        absl::FunctionRef<absl::Status(storage::ReadTransaction&)>)>
        read = {};
    std::function<void(Proposed&, Conclusion)> conclude = {};
    std::function<void(const absl::Status&)> fence = {};
    std::function<void(storage::PartitionId)> on_removed = {};
    std::function<void(storage::PartitionId)> on_changed = {};
  };

  LoopThread(Parts parts, const ReplicaLoopOptions& options,
             uint64_t kept_entries);
  LoopThread(const LoopThread&) = delete;
  ~LoopThread() override { Stop(); }

  // REQUIRES: not started.
  void Adopt(const RecoveredReplica& replica);
  void Start();
  // What is on its way is told that nobody knows.
  void Stop();
  // As Stop for the groups, but the thread stays: nothing is sent any more.
  void Freeze();

  void Receive(std::vector<Packet> packets);
  void Synced(uint64_t batch);
  void Propose(ProposedPtr proposed);

  // These wait.
  void Create(storage::PartitionId partition, const ReplicaStart& start);
  void Drop(storage::PartitionId partition);
  absl::Status ChangeMembers(storage::PartitionId partition,
                             const std::vector<MemberChange>& changes);
  absl::Status TransferLeadership(storage::PartitionId partition, ReplicaId to);
  void Campaign(storage::PartitionId partition);  // does not wait
  // Until all that was acknowledged before the call is visible here; false if
  // that does not come in time.
  bool WaitForRound(storage::PartitionId partition, absl::Duration patience);

  // Null if there is no such replica.
  ReplicaViewPtr View(storage::PartitionId partition) const
      ABSL_LOCKS_EXCLUDED(views_mutex_);
  // As of the last time anything happened to it.
  ReplicaStatus Status(storage::PartitionId partition) const
      ABSL_LOCKS_EXCLUDED(views_mutex_);

 private:
  using Task = absl::AnyInvocable<void()>;
  // What was proposed, and the answers that wait for it.
  struct InFlight {
    ProposedPtr proposed;
    std::vector<ProposedPtr> answers;
  };
  struct Hosted {
    ReplicaViewPtr view;
    ReplicaStatus status;
    std::map<uint64_t, InFlight> in_flight;      // by the loop's number
    std::map<uint64_t, ProposedPtr> to_confirm;  // by the loop's read
    std::map<uint64_t, absl::AnyInvocable<void(bool)>> reads;
    // Since the last mark; entries before the mark before are forgotten.
    uint64_t entries = 0, bytes = 0, mark = 0;
  };

  bool HasTasks() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !tasks_.empty();
  }
  void Post(Task task) ABSL_LOCKS_EXCLUDED(mutex_);
  // Posts it and waits until it was run.
  void Run(absl::FunctionRef<void()> what);
  void Work();
  void Refresh(storage::PartitionId partition);
  void CompactIfLong(storage::PartitionId partition, Hosted* hosted);
  void Begin(storage::PartitionId partition, const ReplicaStart& start,
             bool fresh);
  void ProposeNow(ProposedPtr proposed);
  void Confirmed(Hosted* hosted, ProposedPtr proposed);
  // All that waits for the group: nobody knows.
  void GiveUp(Hosted* hosted);
  void Conclude(InFlight in_flight, Conclusion conclusion);

  // RaftLog.
  void Append(storage::PartitionId partition,
              const RaftRecord& record) override;
  void Sync(uint64_t batch) override { parts_.log->Sync(batch); }
  void Compact(storage::PartitionId, uint64_t) override {}
  // ReplicaState.
  void Apply(storage::PartitionId partition,
             const AppliedEntry& entry) override;
  void ProposalsLost(storage::PartitionId partition, uint64_t number) override;
  void ProposalRefused(storage::PartitionId partition,
                       uint64_t number) override;
  void ReadReady(storage::PartitionId partition, uint64_t read) override;
  std::unique_ptr<SnapshotReader> OpenSnapshot(
      storage::PartitionId partition) override;
  void BeginStaging(storage::PartitionId partition) override;
  void Stage(storage::PartitionId partition, absl::string_view chunk) override;
  void InstallStaged(storage::PartitionId partition,
                     const SnapshotPoint& point) override;
  void ReplicaRemoved(storage::PartitionId partition) override;
  void ReplicaFailed(storage::PartitionId partition,
                     const std::string& reason) override;

  const Parts parts_;
  const ReplicaLoopOptions options_;
  const uint64_t kept_entries_;

  // Of the thread.
  ReplicaLoop loop_;
  std::map<storage::PartitionId, Hosted> hosted_;
  std::set<storage::PartitionId> touched_;
  bool frozen_ = false;

  absl::Mutex mutex_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  mutable absl::Mutex views_mutex_;
  absl::flat_hash_map<storage::PartitionId,
                      std::pair<ReplicaViewPtr, ReplicaStatus>>
      views_ ABSL_GUARDED_BY(views_mutex_);

  Thread thread_;
};

}  // namespace pallet::cluster
