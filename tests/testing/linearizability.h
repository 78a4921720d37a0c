// SPDX-License-Identifier: Apache-2.0
//
// Whether what concurrent clients were answered can be explained by operations
// that happened one after the other, each at a moment between its call and its
// answer (Wing and Gong's search with Lowe's memory of what was tried).
//
//   History history;
//   const auto put = history.Call();        // by any thread
//   ...                                     // the operation
//   history.Answer(put, "put x", [](const std::string&) { return "x"; });
//   EXPECT_EQ(FindViolation("", history.Take()), "");
//
// The state is a text that means something to the test alone. An operation
// without an answer happened at some moment after its call, or never.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace pallet::testing {

struct HistoryOperation {
  // The state behind it; nullopt if it would have been answered otherwise in
  // this one.
  using Step =
      std::function<std::optional<std::string>(const std::string& state)>;

  int64_t called = 0;
  int64_t answered = std::numeric_limits<int64_t>::max();  // never
  std::string text = {};                                   // for people
  Step step;
};

// What happens to one thing (a history of many is made of those of each).
// Thread-safe.
class History {
 public:
  // The moment of a call.
  int64_t Call() ABSL_LOCKS_EXCLUDED(mutex_);
  // Operations that had no effect, surely, are left out.
  void Answer(int64_t call, std::string text, HistoryOperation::Step step)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // It is not known whether it happened, or will.
  void Lost(int64_t call, std::string text, HistoryOperation::Step step)
      ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<HistoryOperation> Take() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  int64_t now_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<HistoryOperation> operations_ ABSL_GUARDED_BY(mutex_);
};

// Empty if the history is linearizable from that state on; otherwise the
// operations around the first answer that nothing explains, a line each.
std::string FindViolation(const std::string& initial_state,
                          std::vector<HistoryOperation> operations);

}  // namespace pallet::testing
