// SPDX-License-Identifier: Apache-2.0
//
// ClockGuard: whether the wall clock may be believed, by which items expire.
//
// Wall and boot clock go side by side. When they come apart by more than
// kAllowedJump from one look to another, the wall clock was set: it may be right
// now, or wrong. Nothing expires until it has kept its new time for kProbation, or
// is back where it was. So an hour that is set and taken back deletes nothing, and
// a clock that was wrong and is put right costs a while. A clock that is wrong
// when the process starts, and stays so, is believed.
//
// Not thread-safe.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "base/clock.h"

namespace pallet::service {

class ClockGuard {
 public:
  static constexpr absl::Duration kAllowedJump = absl::Minutes(1);
  static constexpr absl::Duration kProbation = absl::Minutes(10);

  explicit ClockGuard(Clock* clock) : clock_(clock) {}

  // What time it is; nullopt while that is not to be believed. To be asked much
  // more often than once in kAllowedJump.
  std::optional<absl::Time> Now();

 private:
  Clock* const clock_;
  // Wall clock less boot clock: as it is believed, and as it was last seen.
  std::optional<absl::Time> believed_;
  absl::Time seen_;
  absl::Duration seen_since_;  // on the boot clock
};

}  // namespace pallet::service
