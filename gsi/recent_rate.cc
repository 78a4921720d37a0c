// SPDX-License-Identifier: Apache-2.0
#include "gsi/recent_rate.h"

#include <algorithm>

namespace pallet::gsi {
namespace {

// Samples closer than this to the one before take the place of each other.
constexpr absl::Duration kGrain = absl::Milliseconds(100);

}  // namespace

void RecentRate::Note(absl::Duration now, uint64_t count) {
  const size_t size = samples_.size();
  if (size >= 2 && samples_[size - 1].time - samples_[size - 2].time < kGrain) {
    samples_.back() = {now, count};
  } else {
    samples_.push_back({now, count});
  }
  while (samples_.size() > 1 && samples_[1].time <= now - kWindow) {
    samples_.pop_front();
  }
}

double RecentRate::PerSecond(absl::Duration now) const {
  const absl::Duration begin = now - kWindow;
  auto first = samples_.begin();
  while (first != samples_.end() && first + 1 != samples_.end() &&
         (first + 1)->time <= begin) {
    ++first;
  }
  if (first == samples_.end() || samples_.back().time <= begin) return 0;
  const absl::Duration elapsed = now - std::max(first->time, begin);
  if (elapsed < absl::Milliseconds(1)) return 0;
  const uint64_t grown = samples_.back().count - first->count;
  return static_cast<double>(grown) / absl::ToDoubleSeconds(elapsed);
}

}  // namespace pallet::gsi
