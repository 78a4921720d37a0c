// SPDX-License-Identifier: Apache-2.0
//
// Closed loop: keeps a number of asynchronous operations in flight for a while
// and measures each. A slot starts its next operation from the callback of its
// last, so the load adapts to what answers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "bench/load/histogram.h"

namespace pallet::bench {

struct LoadResult {
  uint64_t operations = 0;  // that ended well
  uint64_t failures = 0;
  absl::Status first_failure;
  absl::Duration elapsed;
  // Shared because a result is a value and a histogram is not.
  std::shared_ptr<Histogram> latency = std::make_shared<Histogram>();

  double Rate() const { return operations / absl::ToDoubleSeconds(elapsed); }
};

struct LoadOptions {
  int in_flight = 64;
  absl::Duration duration = absl::Seconds(5);
  absl::Duration warm_up = absl::Seconds(1);  // run, but not counted
  uint64_t seed = 1;
};

// Starts one operation; calls `done` once, on any thread.
using StartOperation = std::function<void(
    int slot, Random& random, absl::AnyInvocable<void(absl::Status)> done)>;

LoadResult RunClosedLoop(const LoadOptions& options, StartOperation start);

}  // namespace pallet::bench
