// SPDX-License-Identifier: Apache-2.0
#include "service/expiry/clock_guard.h"

namespace pallet::service {
namespace {

bool Agree(absl::Time a, absl::Time b) {
  return a - b <= ClockGuard::kAllowedJump && b - a <= ClockGuard::kAllowedJump;
}

}  // namespace

std::optional<absl::Time> ClockGuard::Now() {
  const absl::Time now = clock_->Now();
  const absl::Duration boot = clock_->Monotonic();
  const absl::Time origin = now - boot;
  if (!believed_.has_value()) believed_ = seen_ = origin;
  if (!Agree(origin, seen_)) seen_since_ = boot;
  seen_ = origin;
  if (Agree(origin, *believed_) || boot - seen_since_ >= kProbation) {
    // Clocks drift apart slowly, and are put right in small steps.
    believed_ = origin;
    return now;
  }
  return std::nullopt;
}

}  // namespace pallet::service
