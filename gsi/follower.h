// SPDX-License-Identifier: Apache-2.0
//
// Follower: brings the changes of one lineage to the partitions of all indexes
// of its table, fills new indexes, and trims changes that nobody needs.
//
// It works in steps, each by one thread: a round of changes for the channels
// that are equally far (those that are ahead and those that are behind take
// turns, so that a slow index holds up nobody), a part of a chunk of backfill,
// cursors that have moved without entries, and trimming. What a chunk is for
// takes no changes meanwhile; in between it catches up, for as long as the chunk
// took if need be.
//
// Thread-safe. Run waits for the disk.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/log.h"
#include "gsi/backfill.h"
#include "gsi/change_reader.h"
#include "gsi/channel.h"
#include "gsi/recent_rate.h"
#include "gsi/step.h"
#include "gsi/topology.h"

namespace pallet::gsi {

// How far a lineage has brought an index.
struct LineageProgress {
  uint64_t head = 0;  // of the lineage
  // Of the channel that is least far.
  uint64_t cursor = 0;
  absl::Duration time_behind = {};  // age of the oldest change it lacks
  BackfillState backfill = {};
  double items_per_second = 0;  // that the backfill reads now
};

class Follower {
 public:
  struct Options {
    Clock* clock = nullptr;
    Logger* logger = nullptr;
    // That are read at once; up to so many times as many while there are more.
    uint64_t round_changes = ReadLimits().changes;
    uint64_t round_growth = 16;
    ChunkLimits chunk = {};
    ChunkSlots* chunk_slots = nullptr;  // borrowed
    // Called by any thread.
    std::function<IndexSwitch(uint64_t index)> switch_of;
    StepObserver observer = nullptr;
  };

  Follower(const Source& source, Options options);
  Follower(const Follower&) = delete;

  const Source& source() const { return source_; }

  // Waits for the step that is under way. The partition keeps changes for all
  // indexes of the table on OK; after an error the next step tries again.
  absl::Status SetTable(TopologyPtr table) ABSL_LOCKS_EXCLUDED(run_);

  // One step. When the next one is wanted, at the latest: zero if there is more
  // to do, infinite if something must happen first.
  absl::Duration Run() ABSL_LOCKS_EXCLUDED(run_);

  // Whether all that was in the partition when the index came, and all changes
  // since it was read, are in the index.
  bool HasFilled(uint64_t index) const ABSL_LOCKS_EXCLUDED(state_);
  // How far the channel to that target is; nullopt if there is none (yet).
  std::optional<storage::ChangeSeq> CursorOf(storage::PartitionId target) const
      ABSL_LOCKS_EXCLUDED(state_);
  // Whether the target has each item once at most (rule 3 of ADR 18).
  bool IsSettled(storage::PartitionId target) const ABSL_LOCKS_EXCLUDED(state_);
  absl::StatusOr<LineageProgress> ProgressOf(uint64_t index) const
      ABSL_LOCKS_EXCLUDED(state_);
  // Changes that the index which is least far lacks, and its number.
  struct Backlog {
    uint64_t changes = 0;
    uint64_t index = 0;
  };
  Backlog backlog() const ABSL_LOCKS_EXCLUDED(state_);

 private:
  using ChannelPtr = std::shared_ptr<Channel>;

  absl::StatusOr<absl::Duration> Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  absl::Status Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  absl::Status MakeChannels() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);

  absl::StatusOr<absl::Duration> FollowChanges(storage::ChangeSeq head)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  // Those that may move now; the earliest time at which another one may.
  std::vector<Channel*> ReadyChannels(storage::ChangeSeq head,
                                      absl::Duration* next) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  void RunRound(const Changes& changes, const std::vector<Channel*>& channels)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  // What is sent at once, with the plan of each shipment.
  struct Outgoing {
    std::vector<Shipment> shipments = {};
    std::vector<TargetPlan> plans = {};
    uint64_t bytes = 0;
  };
  // Empties it.
  void Send(Outgoing* outgoing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  void Conclude(Shipment& shipment, TargetPlan* plan)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);

  absl::StatusOr<absl::Duration> Fill(storage::ChangeSeq head)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  // Until another chunk may be begun: what is being filled has changes to follow.
  absl::Duration RestBetweenChunks(storage::ChangeSeq head,
                                   absl::Span<const Backfill::Job> jobs) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  // How far they are, for their rate.
  void NoteItemsRead(absl::Span<const Backfill::Job> jobs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  // Rule 3 of ADR 18.
  bool HasOneEntryOfEach(const Channel& channel) const
      ABSL_LOCKS_EXCLUDED(state_);
  void NoteFilled(storage::ChangeSeq head) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);

  absl::StatusOr<absl::Duration> TidyUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  void KeepCursors(bool idle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);
  absl::StatusOr<bool> Trim(bool idle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_);

  const Source source_;
  const Options options_;

  absl::Mutex run_;
  TopologyPtr table_ ABSL_GUARDED_BY(run_);
  bool begun_ ABSL_GUARDED_BY(run_) = false;  // with this table_
  Backfill backfill_ ABSL_GUARDED_BY(run_);
  absl::Duration chunk_begun_ ABSL_GUARDED_BY(run_) = {};
  absl::Duration rest_until_ ABSL_GUARDED_BY(run_) = -absl::InfiniteDuration();
  bool leaders_turn_ ABSL_GUARDED_BY(run_) = true;
  // By whose turn it is, how many times round_changes are read.
  std::array<uint64_t, 2> growth_ ABSL_GUARDED_BY(run_) = {1, 1};
  absl::Duration last_change_ ABSL_GUARDED_BY(run_) = -absl::InfiniteDuration();
  storage::ChangeSeq trimmed_ ABSL_GUARDED_BY(run_);
  int failures_ ABSL_GUARDED_BY(run_) = 0;

  // What others may see; changed by the step.
  mutable absl::Mutex state_ ABSL_ACQUIRED_AFTER(run_);
  std::vector<ChannelPtr> channels_ ABSL_GUARDED_BY(state_);
  std::map<uint64_t, BackfillState> backfill_states_ ABSL_GUARDED_BY(state_);
  std::map<uint64_t, RecentRate> rates_ ABSL_GUARDED_BY(state_);
  std::map<uint64_t, storage::ChangeSeq> done_at_ ABSL_GUARDED_BY(state_);
};

}  // namespace pallet::gsi
