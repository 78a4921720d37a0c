// SPDX-License-Identifier: Apache-2.0
#include "service/expression_cache.h"

#include <optional>
#include <utility>

#include "absl/hash/hash.h"
#include "base/status_macros.h"
#include "model/expression/parser.h"

namespace pallet::service {

using model::expression::Expression;
using model::expression::Placeholders;

template <typename Parse>
absl::StatusOr<Expression> ExpressionCache::FindOr(char kind,
                                                   absl::string_view text,
                                                   Placeholders& placeholders,
                                                   Parse parse) {
  if (text.size() + placeholders.name_bytes() > kMaxKeyBytes) return parse();
  std::string key(1, kind);
  placeholders.AppendNames(&key);
  key.append(text.data(), text.size());

  Slot& slot = slots_[absl::Hash<std::string>()(key) % kSlots];
  std::shared_ptr<const Tree> tree;
  {
    absl::MutexLock lock(&slot.mutex);
    if (slot.key == key) tree = slot.tree;
  }
  if (tree != nullptr) {
    std::optional<Expression> expression =
        model::expression::Rebind(std::move(tree), placeholders);
    if (expression.has_value()) return *std::move(expression);
    return parse();
  }
  ASSIGN_OR_RETURN(Expression expression, parse());
  {
    absl::MutexLock lock(&slot.mutex);
    slot.key = std::move(key);
    slot.tree = expression.tree;
  }
  return expression;
}

absl::StatusOr<Expression> ExpressionCache::ParseCondition(
    absl::string_view parameter, absl::string_view text,
    Placeholders& placeholders) {
  return FindOr('c', text, placeholders, [&] {
    return model::expression::ParseCondition(parameter, text, placeholders);
  });
}

absl::StatusOr<Expression> ExpressionCache::ParseProjection(
    absl::string_view text, Placeholders& placeholders) {
  return FindOr('p', text, placeholders, [&] {
    return model::expression::ParseProjection(text, placeholders);
  });
}

absl::StatusOr<Expression> ExpressionCache::ParseUpdate(
    absl::string_view text, Placeholders& placeholders) {
  return FindOr('u', text, placeholders, [&] {
    return model::expression::ParseUpdate(text, placeholders);
  });
}

}  // namespace pallet::service
