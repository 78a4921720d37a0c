// SPDX-License-Identifier: Apache-2.0
//
// CallGate: counts the calls inside and closes for a drain. gRPC's own graceful
// stop also waits for idle clients to close their connections, and some look at
// theirs only every five seconds; what matters is that no call is cut off.
//
// Thread-safe; entering and leaving take no lock while it is open.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace pallet::service {

class CallGate {
 public:
  // False if it is closed: the call should be refused. It counts until Leave
  // all the same, for its answer has to get out too.
  [[nodiscard]] bool Enter() {
    inside_.fetch_add(1);
    return !closed_.load();
  }

  void Leave() {
    if (inside_.fetch_sub(1) != 1 || !closed_.load()) return;
    absl::MutexLock lock(&mutex_);
    empty_.SignalAll();
  }

  void Close() { closed_.store(true); }

  // Waits until nobody is inside; false if that took longer than `patience`.
  // REQUIRES: closed.
  bool AwaitEmpty(absl::Duration patience) {
    absl::MutexLock lock(&mutex_);
    while (inside_.load() != 0) {
      if (empty_.WaitWithTimeout(&mutex_, patience)) {
        return inside_.load() == 0;
      }
    }
    return true;
  }

 private:
  std::atomic<int64_t> inside_{0};
  std::atomic<bool> closed_{false};
  absl::Mutex mutex_;
  absl::CondVar empty_;
};

}  // namespace pallet::service
