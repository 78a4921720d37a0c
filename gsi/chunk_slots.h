// SPDX-License-Identifier: Apache-2.0
//
// ChunkSlots: how many chunks of backfill a node holds in memory at once. Those
// that want one wait in line, and ask again until it is their turn.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace pallet::gsi {

class ChunkSlots {
 public:
  explicit ChunkSlots(uint32_t slots) : free_(slots) {}

  // True if `who` has a slot now, or had it already; else it stands in line.
  bool Take(const void* who) {
    absl::MutexLock lock(&mutex_);
    if (holders_.count(who) > 0) return true;
    size_t place = 0;
    while (place < line_.size() && line_[place] != who) ++place;
    if (place == line_.size()) line_.push_back(who);
    if (place >= free_) return false;
    line_.erase(line_.begin() + static_cast<std::ptrdiff_t>(place));
    --free_;
    holders_.insert(who);
    return true;
  }

  // Gives the slot back, or the place in line; nothing happens if it had none.
  void Leave(const void* who) {
    absl::MutexLock lock(&mutex_);
    free_ += holders_.erase(who);
    for (auto at = line_.begin(); at != line_.end(); ++at) {
      if (*at != who) continue;
      line_.erase(at);
      return;
    }
  }

 private:
  absl::Mutex mutex_;
  size_t free_ ABSL_GUARDED_BY(mutex_);
  std::set<const void*> holders_ ABSL_GUARDED_BY(mutex_);
  std::deque<const void*> line_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::gsi
