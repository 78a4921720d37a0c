// SPDX-License-Identifier: Apache-2.0
//
// Updates: what an item becomes. The new canonical bytes are written in one pass
// beside the old ones; attributes that no action names are copied as they are.
//
// Invariants:
//   1. Every right side reads the old item; the order of the actions does not
//      matter.
//   2. An error leaves nothing behind, and is kValidation in DynamoDB's words.
//   3. The result is no larger and no deeper than an item may be.
// Pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/expression/ast.h"
#include "model/item_codec.h"
#include "model/item_view.h"
#include "model/key.h"

namespace pallet::model::expression {

// The legacy parameters mean the same actions but for this.
enum class UpdateLanguage { kExpression, kAttributeUpdates };

// What becomes of `old_item`; without one, of a new item that has the
// attributes of `key_item`. nullopt: there is no item, and actions that only
// remove make none.
absl::StatusOr<std::optional<CanonicalItem>> ApplyUpdate(
    const Expression& update, UpdateLanguage language,
    std::optional<ItemView> old_item, ItemView key_item);

// What an update without any action makes: the old item, or one of its key.
absl::StatusOr<CanonicalItem> ApplyNothing(std::optional<ItemView> old_item,
                                           ItemView key_item);

// The attributes of the schema are no targets.
absl::Status CheckTargets(const Expression& update, const KeySchema& schema);

// No path leads into a key attribute, which is a scalar.
absl::Status CheckPathsAround(const Expression& expression,
                              const KeySchema& schema);
// Into this one; `role` is "Key" or "IndexKey".
absl::Status CheckPathsAround(const Expression& expression,
                              absl::string_view role,
                              absl::string_view attribute);

}  // namespace pallet::model::expression
