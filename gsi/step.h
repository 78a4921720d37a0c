// SPDX-License-Identifier: Apache-2.0
//
// Step: the moments of propagation and backfill between which something durable
// happens. A node tells nobody; a test is told of each, so that it can end the
// process there.
#pragma once

#include <functional>

namespace pallet::gsi {

enum class Step {
  kChangesRead,
  kBeforeSend,
  kTaken,  // by one target; others may still have it before them
  kSent,   // all targets have answered
  kBeforeCursors,
  kCursorsKept,
  kBeforeTrim,
  kTrimmed,
  kBeforeAttach,
  kAttached,
  kChunkRead,
  kChunkSent,
  kChunkKept,
  kBeforeActivation,
  kActivated,
};
inline constexpr int kSteps = static_cast<int>(Step::kActivated) + 1;

// By any thread, several at a time. Empty: nobody is told.
using StepObserver = std::function<void(Step)>;

inline void Tell(const StepObserver& observer, Step step) {
  if (observer) observer(step);
}

}  // namespace pallet::gsi
