// SPDX-License-Identifier: Apache-2.0
//
// ReplicaApplier: brings what replicas have committed into their store's state,
// in the order in which the loop said so, on a thread of its own: an image that
// writes slowly must not keep the loop from its heartbeats. If it falls far
// behind, the loop waits after all.
//
// What holds:
//   1. All that is queued is done in its order, over all partitions.
//   2. Entries that wait together become visible together, as one batch.
//   3. After a failure nothing more is done, but whoever waits is told.
//
// Thread-safe; what is queued belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/thread.h"
#include "cluster/raft/replica_doors.h"
#include "cluster/replica/raft_replay.h"
#include "cluster/replica/replica_log.h"
#include "cluster/replica/staged_snapshot.h"
#include "storage/applier.h"
#include "storage/partition_table.h"

namespace pallet::cluster {

class ReplicaApplier {
 public:
  // All borrowed; they outlive this.
  struct Parts {
    storage::Applier* applier = nullptr;
    storage::PartitionTable* partitions = nullptr;
    ReplicaLog* log = nullptr;
    const StagedSnapshots* staged = nullptr;
    std::function<void(const absl::Status&)> fence = {};
  };

  explicit ReplicaApplier(Parts parts) : parts_(std::move(parts)) {}
  ReplicaApplier(const ReplicaApplier&) = delete;
  ~ReplicaApplier() { Stop(); }

  // REQUIRES: not started.
  void Adopt(const RecoveredReplica& replica);
  void Start();
  // Does what is queued, ends the thread.
  void Stop();

  // `concluded` (may be null) hears whether the effects happened; on the
  // applier's thread, once they are visible. Waits while much is queued.
  using Concluded = absl::AnyInvocable<void(bool happened)>;
  void Entry(storage::PartitionId partition, const AppliedEntry& entry,
             Concluded concluded);
  // The staged snapshot is the state.
  void Install(storage::PartitionId partition, const SnapshotPoint& point);
  // When all before is done, and visible. Any thread.
  void Call(absl::AnyInvocable<void()> what);
  // Waits for that. Not from the applier's thread.
  void Drain();

  // Inside a Call only: partitions come, go, and are wiped.
  absl::Status Create(const storage::PartitionState& state,
                      const ReplicaRecord& record);
  absl::Status MarkDropped(storage::PartitionId partition);
  // Removes some rows of a dropped partition, or at last its state.
  absl::Status Reclaim(storage::PartitionId partition);
  bool Has(storage::PartitionId partition) const {
    return groups_.contains(partition);
  }
  // As applied. REQUIRES: Has(partition).
  const storage::PartitionState& StateOf(storage::PartitionId partition) const {
    return groups_.at(partition).state;
  }
  const ReplicaRecord& RecordOf(storage::PartitionId partition) const {
    return groups_.at(partition).record;
  }

  // As Store has them.
  void SetChangeListener(storage::ChangeListener* listener)
      ABSL_LOCKS_EXCLUDED(listeners_);
  void SetStreamListener(storage::StreamListener* listener)
      ABSL_LOCKS_EXCLUDED(listeners_);

 private:
  struct Event {
    storage::PartitionId partition;
    uint64_t index = 0, term = 0;
    std::string effects;
    std::optional<Members> members;
    Concluded concluded;
    std::optional<SnapshotPoint> install;
    absl::AnyInvocable<void()> call;  // then nothing else is set
  };
  struct Group {
    storage::PartitionState state;
    ReplicaRecord record;
  };

  void Push(Event event);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !events_.empty();
  }
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work();
  void Apply(Event& event);
  // Makes the batch visible and tells those who wait for it.
  void Publish();
  absl::Status InstallNow(storage::PartitionId partition,
                          const SnapshotPoint& point);
  absl::Status WipeSome(const storage::PartitionInfo& partition, bool* more);
  absl::Status ApplyNow(const storage::PartitionState& after,
                        storage::PartitionBatch::Kind kind);
  void Fail(const absl::Status& status);

  const Parts parts_;

  // Of the applier's thread.
  std::map<storage::PartitionId, Group> groups_;
  storage::Batch batch_;
  std::vector<std::pair<Concluded, bool>> concluded_;  // of the batch
  uint64_t number_ = 0;
  bool failed_ = false;

  absl::Mutex listeners_;
  storage::ChangeListener* listener_ ABSL_GUARDED_BY(listeners_) = nullptr;
  storage::StreamListener* stream_listener_ ABSL_GUARDED_BY(listeners_) =
      nullptr;

  absl::Mutex mutex_;
  std::deque<Event> events_ ABSL_GUARDED_BY(mutex_);
  uint64_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

// What Install makes of a staged snapshot, for a start of the store: straight
// into the image, in transactions of its own.
absl::StatusOr<storage::PartitionState> InstallIntoImage(
    const StagedSnapshots& staged, const storage::PartitionState& before,
    const SnapshotPoint& point, storage::Image* image);

}  // namespace pallet::cluster
