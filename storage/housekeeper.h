// SPDX-License-Identifier: Apache-2.0
//
// Housekeeper: the store's background thread. It
//   * makes checkpoints, when the pipeline says so or somebody asks;
//   * once the store is idle, appends the marker frame, so that damage in the
//     last batch can be told from a torn tail, and has the memtable applied, so
//     that it holds no memory and costs reads nothing;
//   * removes the rows of dropped partitions, chunk by chunk, through the
//     pipeline like any write.
//
// A checkpoint begins between two commits and goes on beside the writers; chunks
// and markers are batches among others. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "storage/applier.h"
#include "storage/batch.h"
#include "storage/checkpoint.h"
#include "storage/log.h"
#include "storage/partition_table.h"
#include "storage/pipeline_observer.h"

namespace pallet::storage {

// What a housekeeper looks after, whether its writes go through one log or
// through many replicas. Thread-safe.
class Housekept {
 public:
  virtual ~Housekept() = default;
  // A marker, or a chunk of a dropped partition.
  virtual absl::Status Submit(ControlOperation operation) = 0;
  virtual void Fence(const absl::Status& cause) = 0;
  // What a checkpoint says beside the image's frame. Between two commits.
  virtual void AddTo(CheckpointContents* contents) {}
};

class Housekeeper : public PipelineObserver {
 public:
  // All borrowed; they outlive the housekeeper.
  struct Parts {
    Checkpoints* checkpoints;
    Log* log;
    PartitionTable* partitions;
    Applier* applier;
    Housekept* store;
    Clock* clock;
    Logger* logger;
  };

  // `checkpoint_frame`: what the checkpoint on the disk holds.
  void Start(const Parts& parts, FrameNumber checkpoint_frame);
  // Starts nothing new; ends the thread when what runs is done.
  void Stop();
  ~Housekeeper() override { Stop(); }

  // Makes a checkpoint of the state now or later, and waits for it.
  absl::Status Checkpoint();

  // On the caller's thread, for a store that closes. REQUIRES: stopped.
  absl::Status CheckpointIfChanged();

  // There is a dropped partition.
  void OnDropped();

  void OnLogged() override;
  void OnCheckpointDue() override;

 private:
  void Work();
  // When something is to be done next; infinite if nothing is.
  absl::Duration NextLook(absl::Duration now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunCheckpoint() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status MakeCheckpoint() ABSL_LOCKS_EXCLUDED(mutex_);
  void MarkIfIdle() ABSL_LOCKS_EXCLUDED(mutex_);
  void ReclaimNext() ABSL_LOCKS_EXCLUDED(mutex_);
  void OnReclaimed(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  Parts parts_ = {};
  Thread thread_;

  absl::Mutex mutex_;
  absl::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Checkpoints. Those that somebody waits for are numbered.
  bool checkpoint_due_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t finished_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::CondVar checkpointed_;
  absl::Status last_checkpoint_ ABSL_GUARDED_BY(mutex_);
  FrameNumber checkpoint_frame_ ABSL_GUARDED_BY(mutex_);
  absl::Duration checkpoint_not_before_ ABSL_GUARDED_BY(mutex_);

  // The marker. Batches in the log: all, those seen at the last look, those
  // that a marker covers.
  uint64_t logged_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t logged_seen_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t logged_marked_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration quiet_since_ ABSL_GUARDED_BY(mutex_);

  bool may_reclaim_ ABSL_GUARDED_BY(mutex_) = true;  // there may be something
  bool reclaiming_ ABSL_GUARDED_BY(mutex_) = false;  // a chunk is on its way
  absl::Duration reclaim_not_before_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::storage
