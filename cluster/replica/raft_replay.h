// SPDX-License-Identifier: Apache-2.0
//
// RaftReplay: brings an image of replicas from its checkpoint to the end of the
// log, and says from what each replica goes on.
//
// Entries are applied once a hard state says that they are committed; what is
// behind stays a tail, of which the group decides. A change of members is not
// applied here (only the library can say what it leads to): the tail begins with
// it. Frames may tell of what the image has already, and of what came to be void;
// neither is done again.
//
// The image must be pinned at its checkpoint before the first Deliver: a crash
// during replay starts again from there. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cluster/raft/types.h"
#include "cluster/replica/raft_records.h"
#include "storage/batch.h"
#include "storage/checkpoint_file.h"
#include "storage/image.h"
#include "storage/log_recovery.h"
#include "storage/partition_state.h"

namespace pallet::cluster {

// A partition as a start finds it.
struct RecoveredReplica {
  storage::PartitionState state;  // kServing, kStaging or kDropped
  ReplicaRecord record;
  HardState hard;
  std::vector<RaftEntry> tail;  // behind state.index

  ReplicaStart Start() const;
};

class RaftReplay {
 public:
  // Brings the snapshot with that end into the image (the state's rows are
  // wiped before) and returns the state it comes to.
  using Install = std::function<absl::StatusOr<storage::PartitionState>(
      const storage::PartitionState& before, const SnapshotPoint& point,
      storage::Image* image)>;

  // Reads the partitions as the image has them. `contents` is the checkpoint's.
  static absl::StatusOr<RaftReplay> Begin(
      storage::Image* image, const storage::CheckpointContents& contents,
      Install install);

  absl::Status Deliver(const storage::FrameView& frame);
  // Commits the rest.
  absl::Status Finish();

  // REQUIRES: finished.
  std::vector<RecoveredReplica> replicas() const;
  uint64_t frames() const { return frames_; }  // without markers

 private:
  struct Group {
    storage::PartitionState state;
    ReplicaRecord record;
    HardState hard;
    std::deque<RaftEntry> tail;
    bool changed = false;  // since the last commit
  };

  RaftReplay(storage::Image* image, Install install)
      : image_(image),
        install_(std::move(install)),
        batch_(std::make_unique<storage::Batch>()) {}

  absl::Status DeliverRecord(const storage::RecordView& record);
  absl::Status Create(const storage::RecordView& record);
  absl::Status Drop(const storage::RecordView& record);
  absl::Status TakeSnapshot(const storage::RecordView& record, Group* group);
  absl::Status TakeEntry(const storage::RecordView& record, Group* group);
  absl::Status ApplyCommitted(Group* group);
  absl::Status ApplyEntry(const RaftEntry& entry, Group* group);
  absl::Status OpenWrite();

  storage::Image* image_;
  Install install_;
  std::map<storage::PartitionId, Group> groups_;
  // Of partitions that are not here: a hard state in the checkpoint.
  std::map<storage::PartitionId, HardState> hard_;
  std::optional<storage::ImageWrite> write_;  // open between frames
  std::unique_ptr<storage::Batch> batch_;
  uint64_t bytes_in_write_ = 0;
  uint64_t frames_ = 0;
};

// Removes all rows of the partition, and not its state.
absl::Status WipeRows(const storage::PartitionInfo& partition,
                      storage::ImageWrite& image);

}  // namespace pallet::cluster
