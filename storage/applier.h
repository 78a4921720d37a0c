// SPDX-License-Identifier: Apache-2.0
//
// Applier: brings what the log has into the image, and shows it to readers in
// the meantime.
//
// A durable batch is added to the active memtable and so becomes visible; that
// takes microseconds, and its writes may be answered. When the memtable is full
// it is set aside, and a thread applies it as one image transaction: a row that
// changed often is written once, rows that are neighbours share their pages.
//
//   batches -> active memtable -> full memtable -> image
//              (visible)          (visible)        (visible, in checkpoints)
//
// Invariants:
//   1. A reader sees whole batches: all up to some number that is not lower
//      than published() was before it began.
//   2. The image has all batches up to some number and nothing of later ones;
//      the states of the partitions are those of that number.
//   3. After a failed apply the image stays as it is: nothing later is applied,
//      so no checkpoint passes over what it lacks. The memtables go on showing
//      their rows, and whoever owns the log must take no more writes.
//
// Thread-safe; Publish and ApplyNow are called by one thread at a time, in the
// order of the batches.
//
// Lock order: publish_, image_mutex_, mutex_.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/thread.h"
#include "storage/batch.h"
#include "storage/batch_records.h"
#include "storage/image.h"
#include "storage/memtable.h"
#include "storage/store.h"

namespace pallet::storage {

class Applier {
 public:
  struct Options {
    // A memtable is full with so many bytes or versions.
    uint64_t memtable_bytes = 0;
    uint64_t memtable_versions = 0;
    FrameNumber applied_frame;  // as recovery left the image
    // After each commit of the image, without locks. On the applier's thread or
    // that of ApplyNow.
    absl::AnyInvocable<void()> on_applied;
    // Once, with the error after which nothing is applied any more.
    absl::AnyInvocable<void(const absl::Status&)> on_failed;
  };
  // What is visible and not in the image.
  struct Backlog {
    uint64_t versions = 0, bytes = 0;
  };

  Applier(Image* image, Options options);
  Applier(const Applier&) = delete;
  ~Applier() { Stop(); }

  void Start();
  // Applies all that is published, unless that failed before; ends the thread.
  void Stop();

  // Makes the rows of a durable batch visible. Waits while two memtables are
  // full.
  void Publish(Batch& batch) ABSL_LOCKS_EXCLUDED(publish_);
  // For a batch that changes more than rows: it, and all before it, are in the
  // image on return.
  absl::Status ApplyNow(Batch& batch) ABSL_LOCKS_EXCLUDED(publish_);
  // Waits until all that was published before the call is in the image.
  absl::Status Flush() ABSL_LOCKS_EXCLUDED(publish_);

  // The number of the last batch that readers see.
  uint64_t published() const {
    return published_.load(std::memory_order_acquire);
  }

  // Runs `body` over one state.
  absl::Status Read(absl::FunctionRef<absl::Status(ReadTransaction&)> body)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `body` while no image write is open, with the frame up to which the
  // image is.
  void AtCommitBoundary(absl::FunctionRef<void(FrameNumber)> body)
      ABSL_LOCKS_EXCLUDED(image_mutex_);

  Backlog backlog() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Table {
    Memtable rows;
    PartitionStates after;  // of the partitions it changes
    FrameNumber last_frame;
    // The image's commit that has it; 0 until that begins.
    std::atomic<uint64_t> commit{0};
    bool applied = false;  // under mutex_
  };
  struct View {
    std::shared_ptr<Table> active;
    std::shared_ptr<Table> full;  // or none
  };

  bool IsFull(const Table& table) const;
  std::shared_ptr<const View> CurrentView() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Sets the active table aside, unless there was a failure.
  void Rotate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(publish_);
  void Work();
  absl::Status Apply(Table& table) ABSL_LOCKS_EXCLUDED(image_mutex_);
  absl::Status ApplyToImage(Batch& batch) ABSL_LOCKS_EXCLUDED(image_mutex_);
  static bool IsIn(const Table& table, const ImageRead& image);
  void Fail(const absl::Status& error);

  bool CanRotate() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return view_->full == nullptr || !failure_.ok();
  }
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || (view_->full != nullptr && failure_.ok());
  }

  Image* const image_;
  Options options_;

  absl::Mutex publish_;
  std::atomic<uint64_t> published_{0};

  absl::Mutex image_mutex_ ABSL_ACQUIRED_AFTER(publish_);
  FrameNumber applied_frame_ ABSL_GUARDED_BY(image_mutex_);

  mutable absl::Mutex mutex_ ABSL_ACQUIRED_AFTER(image_mutex_);
  std::shared_ptr<const View> view_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  Thread thread_;
};

}  // namespace pallet::storage
