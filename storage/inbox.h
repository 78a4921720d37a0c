// SPDX-License-Identifier: Apache-2.0
//
// Inbox: where accepted writes wait, and the door of the evaluate stage.
//
// Invariants:
//   1. Writes leave in the order they came.
//   2. Between a Take that returned true and the next LeaveEvaluation, no other
//      Take returns: one batch is evaluated at a time.
//   3. A control operation (a partition made or dropped, a marker) is a batch
//   of
//      its own.
//   4. Waiting row writes never pass the bounds; control operations are few and
//      not bounded.
//
// Only a worker that can start at once is woken: a lone write costs one
// wake-up. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "storage/batch.h"
#include "storage/store.h"

namespace pallet::storage {

class Inbox {
 public:
  struct Bounds {
    uint64_t bytes;
    uint64_t writes;
    uint64_t batch_bytes;
    uint64_t batch_writes;
  };

  explicit Inbox(Bounds bounds) : bounds_(bounds) {}

  // kThrottling when full, kShuttingDown after Close; `write` is then dropped.
  absl::Status Add(std::unique_ptr<RowWrite> write);
  // kShuttingDown after Close; `done` is then not called.
  absl::Status Add(ControlOperation operation);

  // What waits, up to the bounds of a batch; enters the evaluate stage. Either
  // `writes` gets some or `control` is set. Blocks; false once closed and
  // empty.
  bool Take(std::vector<BatchWrite>* writes,
            std::unique_ptr<ControlOperation>* control);
  // With `writes` of them on their way to the log. Until LeaveSync a further
  // batch starts only if it is no smaller, or full: evaluating it meanwhile is worth
  // less than the writes that would join it.
  void LeaveEvaluation(size_t writes);
  void LeaveSync();

  // Writes that were taken and not decided wait again, before all others. They
  // count for the bounds but are not refused. REQUIRES: inside the stage.
  void PutBack(std::vector<BatchWrite>* writes, size_t first);

  // True if nothing waits and nobody evaluates; then the caller is inside the
  // stage (and must call LeaveIdle).
  bool EnterEvaluationIfIdle();
  void LeaveIdle();

  // No more is accepted; what waits is still taken.
  void Close();

  size_t writes() const;
  size_t bytes() const;

 private:
  struct Item {
    std::unique_ptr<RowWrite> write;
    std::unique_ptr<ControlOperation> control;  // exactly one is set
    size_t bytes = 0;
  };

  bool CanStart() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !evaluating_ && !items_.empty() &&
           (writes_ >= syncing_ || bytes_ >= bounds_.batch_bytes);
  }
  void WakeOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Bounds bounds_;
  mutable absl::Mutex mutex_;
  absl::CondVar wake_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  int sleepers_ ABSL_GUARDED_BY(mutex_) = 0;  // workers that wait and are
                                              // not being woken
  bool evaluating_ ABSL_GUARDED_BY(mutex_) = false;
  bool waking_ ABSL_GUARDED_BY(mutex_) = false;  // a worker is on its way
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  size_t syncing_ ABSL_GUARDED_BY(mutex_) = 0;  // writes of the batch there
};

}  // namespace pallet::storage
