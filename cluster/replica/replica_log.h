// SPDX-License-Identifier: Apache-2.0
//
// ReplicaLog: a store's log as its replicas see it. What the loop appends is
// gathered in a frame; a thread of its own writes frames and syncs them, and
// while one sync runs the next frame is gathered: one sync serves all groups.
//
// It also knows which frames are still needed. A frame is, while an entry in it
// is not applied and not void, or something else that stands in it has not been
// done (Hold). So an image that has all that was applied needs the log behind
// safe_frame() only. What stands in the way of that for long, the entries of a
// group that has no majority, is written again at the head (Rewrite).
//
// Thread-safe; Append and Sync belong to the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/raft/replica_doors.h"
#include "cluster/replica/raft_records.h"
#include "storage/log.h"

namespace pallet::cluster {

class ReplicaLog final : public RaftLog {
 public:
  struct Options {
    storage::Log* log = nullptr;  // outlives this
    Logger* logger = Logger::Real();
    // On the log's thread; must not block. After each sync, with the batches it
    // carried, and once with the error after which nothing is written.
    std::function<void(uint64_t batch)> on_synced = {};
    std::function<void()> on_frame = {};
    std::function<void(const absl::Status&)> on_failed = {};
  };
  // `last_frame` as recovery left the log.
  ReplicaLog(Options options, storage::FrameNumber last_frame);
  ReplicaLog(const ReplicaLog&) = delete;
  ~ReplicaLog() override { Stop(); }

  // What a start found and did not apply. REQUIRES: not started.
  void Adopt(storage::PartitionId partition, const HardState& hard,
             const std::vector<RaftEntry>& tail, storage::FrameNumber frame);
  void Start();
  // Writes what was appended, then ends the thread.
  void Stop();

  void Append(storage::PartitionId partition,
              const RaftRecord& record) override;
  void Sync(uint64_t batch) override;
  void Compact(storage::PartitionId, uint64_t) override {}

  // To be done on the log's thread before the frame is written in which the
  // next Append stands; an error fences.
  void Before(absl::AnyInvocable<absl::Status()> what);

  // A record of the store's own: `done` is called on the log's thread once it
  // is durable. Until Release(hold) its frame is needed.
  struct Written {
    absl::Status status;
    uint64_t hold = 0;
  };
  void Write(const storage::RecordView& record,
             absl::AnyInvocable<void(const Written&)> done);
  void Release(uint64_t hold);
  // A marker (storage/log.h).
  void WriteMarker(absl::AnyInvocable<void(absl::Status)> done);

  // Entries of the partition up to the index are applied, and so is the snapshot
  // with that index, if one came.
  void Applied(storage::PartitionId partition, uint64_t index);
  void Forget(storage::PartitionId partition);

  // All frames up to it are in what was applied.
  storage::FrameNumber safe_frame() const;
  // Writes again what stands in frames before `frame` and is needed.
  void Rewrite(storage::FrameNumber frame);
  storage::FrameNumber last_frame() const;

  // Of all groups; what is not durable yet, too.
  std::map<storage::PartitionId, HardState> hard_states() const;

 private:
  // An entry that may be needed, or (installed) the end of a snapshot.
  struct Pending {
    RaftEntry entry;
    bool installed = false;
    storage::FrameNumber frame = {};  // 0: not in the log yet
    uint64_t job = 0;                 // in whose frame it stands, or will
  };
  struct Group {
    HardState hard;
    std::deque<Pending> pending;  // by index
  };
  struct Job {
    uint64_t number = 1;
    storage::FrameBuilder frame;
    std::vector<storage::PartitionId> groups;  // with entries in it
    std::vector<uint64_t> batches;
    std::vector<absl::AnyInvocable<absl::Status()>> before;
    std::vector<absl::AnyInvocable<void(const Written&)>> written;
    std::vector<absl::AnyInvocable<void(absl::Status)>> markers;

    bool empty() const;
  };

  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || due_;
  }
  void Work();
  void Run(Job& job);
  absl::Status WriteFrame(Job& job, storage::FrameNumber* number);
  void AddEntry(storage::PartitionId partition, const RaftEntry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteFrame(const Job& job, storage::FrameNumber number)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  mutable absl::Mutex mutex_;
  bool started_ = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool due_ ABSL_GUARDED_BY(mutex_) = false;  // somebody waits for a frame
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  Job gathering_ ABSL_GUARDED_BY(mutex_);
  std::map<storage::PartitionId, Group> groups_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, storage::FrameNumber> holds_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_hold_ ABSL_GUARDED_BY(mutex_) = 0;
  storage::FrameNumber last_frame_ ABSL_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace pallet::cluster
