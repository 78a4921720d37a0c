// SPDX-License-Identifier: Apache-2.0
//
// Clock: the only source of time. Wall time is for people and for TTL;
// monotonic time is for waiting and measuring.
#pragma once

#include "absl/time/time.h"

namespace pallet {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time; may jump.
  virtual absl::Time Now() = 0;

  // Time since an arbitrary start; never goes back, counts suspended time
  // (CLOCK_BOOTTIME).
  virtual absl::Duration Monotonic() = 0;

  // The machine's clock. Lives as long as the process.
  static Clock* Real();
};

}  // namespace pallet
