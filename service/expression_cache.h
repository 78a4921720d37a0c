// SPDX-License-Identifier: Apache-2.0
//
// ExpressionCache: the trees of expressions that were parsed before, by their
// text and the names that their placeholders stand for. A request that says the
// same over other values shares the tree and has its own values checked; if
// anything is wrong with them the text is parsed anew, for the message.
//
// Bounded: a fixed number of slots, one for each hash, the newest stays; large
// keys are not kept. Thread-safe; a slot's lock is held for a comparison.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "model/expression/ast.h"
#include "model/expression/placeholders.h"

namespace pallet::service {

class ExpressionCache {
 public:
  static constexpr size_t kSlots = 512;
  static constexpr size_t kMaxKeyBytes = 1024;  // text and names

  ExpressionCache() : slots_(kSlots) {}

  // As the parser's functions of these names.
  absl::StatusOr<model::expression::Expression> ParseCondition(
      absl::string_view parameter, absl::string_view text,
      model::expression::Placeholders& placeholders);
  absl::StatusOr<model::expression::Expression> ParseProjection(
      absl::string_view text, model::expression::Placeholders& placeholders);
  absl::StatusOr<model::expression::Expression> ParseUpdate(
      absl::string_view text, model::expression::Placeholders& placeholders);

 private:
  using Tree = model::expression::Tree;

  struct Slot {
    absl::Mutex mutex;
    std::string key ABSL_GUARDED_BY(mutex);
    // Shared because requests use it while another one takes the slot.
    std::shared_ptr<const Tree> tree ABSL_GUARDED_BY(mutex);
  };

  template <typename Parse>
  absl::StatusOr<model::expression::Expression> FindOr(
      char kind, absl::string_view text,
      model::expression::Placeholders& placeholders, Parse parse);

  std::vector<Slot> slots_;
};

}  // namespace pallet::service
