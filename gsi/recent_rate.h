// SPDX-License-Identifier: Apache-2.0
//
// RecentRate: how fast a count has grown over the last seconds. Time comes from
// the caller's monotonic clock. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>

#include "absl/time/time.h"

namespace pallet::gsi {

class RecentRate {
 public:
  static constexpr absl::Duration kWindow = absl::Seconds(5);

  // REQUIRES: `now` and `count` are not less than before.
  void Note(absl::Duration now, uint64_t count);

  // Over the window that ends now; 0 if it did not grow in it.
  double PerSecond(absl::Duration now) const;

 private:
  struct Sample {
    absl::Duration time;
    uint64_t count = 0;
  };

  // The oldest one is the last that lies before the window, if there is one.
  std::deque<Sample> samples_;
};

}  // namespace pallet::gsi
