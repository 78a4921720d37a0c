// SPDX-License-Identifier: Apache-2.0
//
// A clock that stands still until it is told to move.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace pallet::testing {

// Thread-safe.
class ManualClock final : public Clock {
 public:
  absl::Time Now() override {
    absl::MutexLock lock(&mutex_);
    return absl::UnixEpoch() + absl::Hours(500000) + passed_ + set_;
  }
  absl::Duration Monotonic() override {
    absl::MutexLock lock(&mutex_);
    return absl::Hours(1000) + passed_;
  }

  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    passed_ += by;
  }

  // Somebody sets the wall clock.
  void SetWallClock(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    set_ += by;
  }

 private:
  absl::Mutex mutex_;
  absl::Duration passed_ ABSL_GUARDED_BY(mutex_);
  absl::Duration set_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::testing
