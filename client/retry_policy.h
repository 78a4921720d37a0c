// SPDX-License-Identifier: Apache-2.0
//
// RetryPolicy: whether a failed call is made again, and after how long.
//
//   the failure                                     a read    a write
//   certainly was not sent                          again     again
//   the service refused before doing anything       again     again
//     (ReasonInfo::retryable: throttling, ...)
//   connection lost, outcome unknown, internal      again     given up
//   anything else                                   given up  given up
//
// Waiting doubles from `first_backoff` to `max_backoff`; each wait is a random
// half to whole of that, so that callers who failed together come back apart.
//
// A policy is a value and decides by its arguments alone; thread-safe.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/random.h"

namespace pallet {

struct RetryOptions {
  // Calls in all; 1: never again.
  int max_attempts = 8;
  absl::Duration first_backoff = absl::Milliseconds(20);
  absl::Duration max_backoff = absl::Seconds(1);
};

enum class Repeat {
  kSafe,  // reads: a second time changes nothing
  kOnce,  // plain writes
};

struct Failure {
  absl::Status status;
  // The service certainly never saw the call.
  bool not_sent = false;
};

class RetryPolicy {
 public:
  explicit RetryPolicy(RetryOptions options) : options_(options) {}

  // True if the rules above allow to make the call again.
  static bool MayRepeat(const Failure& failure, Repeat repeat);

  // How long to wait before attempt number `attempt` (2 and up); nullopt: give
  // up.
  std::optional<absl::Duration> Wait(const Failure& failure, Repeat repeat,
                                     int attempt, Random& random) const;

 private:
  RetryOptions options_;
};

}  // namespace pallet
