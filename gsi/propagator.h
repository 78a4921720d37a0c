// SPDX-License-Identifier: Apache-2.0
//
// Propagator: keeps the global indexes of all tables of a node in step with
// their tables. Followers do it, one for each partition of a table; here are
// the threads that run them when there is something to do, those who wait for an
// index to be as far as they need, and the switches.
//
//   Propagator propagator({.clock = clock, .logger = logger, ...});
//   store.SetChangeListener(&propagator);
//   propagator.SetTable(topology);
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "gsi/follower.h"
#include "gsi/step.h"
#include "gsi/topology.h"
#include "storage/store.h"

namespace pallet::gsi {

struct PropagatorOptions {
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  uint32_t threads = 2;
  // That are read at once; up to so many times as many by who is far behind.
  uint64_t round_changes = ReadLimits().changes;
  uint64_t round_growth = 16;
  // Of backfills; one for each thread at a time, for all tables together.
  ChunkLimits chunk = {};
  // Indexes of a table have all that it held: they may be read. Called on a
  // thread of the propagator, once for each index; may call SetTable.
  std::function<void(const TopologyPtr& table,
                     const std::vector<uint64_t>& indexes)>
      on_filled;
  StepObserver observer = nullptr;
};

// How far an index is behind its table.
struct IndexProgress {
  uint64_t changes_behind = 0;
  absl::Duration time_behind = {};  // age of the oldest of them
  bool filling = false;
  uint64_t items_read = 0;  // of the table, by the backfill
  double items_per_second = 0;
  uint64_t items_skipped = 0;
  std::vector<SkippedItem> skipped = {};  // the first ones
  IndexSwitch propagation = {};           // what it waits for
};

class Propagator final : public storage::ChangeListener {
 public:
  explicit Propagator(PropagatorOptions options);
  Propagator(const Propagator&) = delete;
  // REQUIRES: no store calls OnChanges any more.
  ~Propagator() override { Stop(); }

  // Ends the threads; those who wait are told kUnavailable. Nothing is propagated
  // any more.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // A table that is new or has changed; its sources stay the same. On OK its
  // partitions keep changes for all its indexes; an error is tried again.
  absl::Status SetTable(const TopologyPtr& table) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for the steps that are under way. REQUIRES: not called by on_filled.
  void RemoveTable(uint64_t table) ABSL_LOCKS_EXCLUDED(mutex_);

  void OnChanges(storage::PartitionId lineage) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Until the table comes with another one, or the next start.
  void SetSwitch(uint64_t index, const IndexSwitch& value)
      ABSL_LOCKS_EXCLUDED(mutex_, switches_mutex_);
  IndexSwitch SwitchOf(uint64_t index) const
      ABSL_LOCKS_EXCLUDED(switches_mutex_);

  // kResourceNotFound if the table is not here or has no such index.
  absl::StatusOr<IndexProgress> ProgressOf(uint64_t table, uint64_t index) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A target that ought to have all changes of a lineage up to a seq.
  struct Goal {
    storage::PartitionId target;
    storage::PartitionId lineage;
    storage::ChangeSeq seq;
    // And each item once at most, though the node has been started since.
    bool settled = false;
  };
  // Calls `done` once: OK when all goals are reached (at once if they are),
  // kDeadlineExceeded if they are not in time (`deadline` is on the monotonic
  // clock), kUnavailable if the propagator ends. On the caller's thread or one of
  // the propagator's: it must not block.
  void Await(std::vector<Goal> goals, absl::Duration deadline,
             absl::AnyInvocable<void(absl::Status)> done)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // How far a target is; nullopt if nothing brings it that lineage.
  std::optional<storage::ChangeSeq> CursorOf(storage::PartitionId lineage,
                                             storage::PartitionId target) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The index that is furthest behind in that lineage.
  Follower::Backlog BacklogOf(storage::PartitionId lineage) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    uint64_t table = 0;
    std::shared_ptr<Follower> follower;
    // By the monotonic clock; in due_ if it is finite and nobody runs it.
    absl::Duration due = absl::InfiniteDuration();
    bool running = false;
    bool again = false;    // something happened while it ran
    bool removed = false;  // while it ran, or before
  };
  struct Table {
    TopologyPtr topology;
    std::set<uint64_t> told_filled = {};
  };
  struct Waiter {
    std::vector<Goal> goals;
    absl::Duration deadline;
    absl::AnyInvocable<void(absl::Status)> done;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  // The one that is due first, which is running from now on; null if none is due
  // now. Sets how long to wait for one, or for a waiter's deadline.
  EntryPtr TakeDue(absl::Duration* wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetDue(Entry& entry, absl::Duration due)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Schedule(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsReached(const Goal& goal) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AreReached(const Waiter& waiter) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Those whose goals are reached or whose time is over, with what to say.
  struct Answer {
    absl::AnyInvocable<void(absl::Status)> done;
    absl::Status status;
  };
  std::vector<Answer> TakeAnswers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes over the switches that are not what they were in `old`, which may be
  // null, and forgets those of indexes that are no more.
  void TakeSwitches(const TableTopology* old, const TableTopology& table)
      ABSL_LOCKS_EXCLUDED(switches_mutex_);
  // New ones of the table that all its followers have filled.
  std::vector<uint64_t> NewlyFilled(Table& table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PropagatorOptions options_;
  ChunkSlots chunk_slots_;  // outlives the followers

  mutable absl::Mutex switches_mutex_;  // taken last
  std::map<uint64_t, IndexSwitch> switches_ ABSL_GUARDED_BY(switches_mutex_);

  mutable absl::Mutex mutex_;
  absl::CondVar wake_;      // for the threads
  absl::CondVar finished_;  // a step has ended
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<storage::PartitionId, EntryPtr> entries_ ABSL_GUARDED_BY(mutex_);
  // Those that wait for a time: a wake looks at the first, however many tables
  // there are.
  std::set<std::pair<absl::Duration, storage::PartitionId>> due_
      ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Table> tables_ ABSL_GUARDED_BY(mutex_);
  std::list<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);

  std::vector<Thread> threads_;
};

}  // namespace pallet::gsi
