// SPDX-License-Identifier: Apache-2.0
//
// WritePipeline: carries batches from the inbox to their answers.
//
//   stage     does                                          held by
//   evaluate  decides over the store and the overlay        the inbox
//   sync      one frame in the log, one sync                sync_
//   publish   readers see it; the image follows (applier.h) publish_
//   answer    Done of each write                            answer_
//
// Three identical workers. A worker takes a batch through all stages, and
// enters the next before it leaves the last, so batches keep their order and
// each stage holds one; a lone write wakes one thread once.
//
//   worker 1              | worker 2              | worker 3
//   evaluate batch 1      |                       |
//   sync 1                | evaluate 2            |
//   publish 1             | sync 2                | evaluate 3
//   answer 1, evaluate 4  | publish 2             | sync 3
//
// Invariants:
//   1. A batch is answered after it, and every batch before it, is durable and
//      visible.
//   2. After a failed append, sync or apply the pipeline is fenced: nothing more
//      is evaluated or logged. What was on its way into the log is told
//      kOutcomeUnknown, what the log has is answered, all else is told
//      kStoreFenced.
//   3. If the log has no room for a batch, it and those evaluated after it are
//      told kStorageFull; nothing of them happened, and writing goes on.
//
// Lock order: the inbox's evaluate stage, sync_, publish_, answer_, mutex_.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/thread.h"
#include "storage/admission.h"
#include "storage/applier.h"
#include "storage/batch.h"
#include "storage/entry.h"
#include "storage/evaluator.h"
#include "storage/inbox.h"
#include "storage/log.h"
#include "storage/partition_table.h"
#include "storage/pipeline_observer.h"

namespace pallet::storage {

class WritePipeline {
 public:
  // All borrowed; they outlive the pipeline.
  struct Parts {
    Applier* applier;
    Log* log;
    PartitionTable* partitions;
    Admission* admission;
    PipelineObserver* observer;
    Logger* logger;
  };
  struct Options {
    Inbox::Bounds inbox;
  };
  struct Counters {
    uint64_t batches = 0, writes = 0;
    uint64_t inbox_writes = 0, inbox_bytes = 0;
  };

  WritePipeline(const Parts& parts, const Options& options);
  WritePipeline(const WritePipeline&) = delete;
  ~WritePipeline() { Stop(); }

  void Start();
  // Takes no more, finishes what was accepted, ends the workers.
  void Stop();

  // As in Store.
  void SetChangeListener(ChangeListener* listener)
      ABSL_LOCKS_EXCLUDED(publish_);
  void SetStreamListener(StreamListener* listener)
      ABSL_LOCKS_EXCLUDED(publish_);

  // As Store::Submit.
  absl::Status Submit(std::unique_ptr<RowWrite> write);
  absl::Status Submit(ControlOperation operation);

  // Refuses everything from now on, with `cause` in the message.
  void Fence(const absl::Status& cause) ABSL_LOCKS_EXCLUDED(mutex_);
  // OK, or kStoreFenced.
  absl::Status Health() const ABSL_LOCKS_EXCLUDED(mutex_);

  Counters counters() const;

 private:
  void Work(Batch& batch);

  void Evaluate(Batch& batch);
  void Decide(Batch& batch);
  Room RoomFor(const Batch& batch);
  static bool Fits(const Batch& batch, Room room);
  void StartAfresh();
  void Sync(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_);
  absl::Status Append(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_);
  void Publish(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_);
  void TellOfChanges(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_);
  void Answer(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(answer_);
  void ForgetIfIdle(Batch& batch);

  const Parts parts_;
  const Options options_;
  Inbox inbox_;

  // The evaluate stage's.
  Evaluator evaluator_;
  uint64_t next_number_ = 1;
  uint64_t evaluated_epoch_ = 0;

  absl::Mutex sync_;
  FrameBuilder frame_ ABSL_GUARDED_BY(sync_);
  EntryBuilder entry_ ABSL_GUARDED_BY(sync_);

  absl::Mutex publish_ ABSL_ACQUIRED_AFTER(sync_);
  ChangeListener* listener_ ABSL_GUARDED_BY(publish_) = nullptr;
  StreamListener* stream_listener_ ABSL_GUARDED_BY(publish_) = nullptr;

  absl::Mutex answer_ ABSL_ACQUIRED_AFTER(publish_);

  std::atomic<uint64_t> epoch_{0};  // moves when evaluated batches are refused
  std::atomic<uint64_t> batches_{0};
  std::atomic<uint64_t> writes_{0};

  mutable absl::Mutex mutex_ ABSL_ACQUIRED_AFTER(answer_);
  std::atomic<bool> fenced_{false};  // true only once fence_ is set
  absl::Status fence_ ABSL_GUARDED_BY(mutex_);

  std::array<Batch, 3> batches_of_workers_;
  std::vector<Thread> workers_;
};

}  // namespace pallet::storage
