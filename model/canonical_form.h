// SPDX-License-Identifier: Apache-2.0
//
// Recognizes canonical items (the grammar is in item_view.h) where they stand,
// in one pass that writes nothing: most bytes that come from our own clients
// and all that come from our own disk are canonical already. Pure functions.
#pragma once

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"

namespace pallet::model {

// The size, by DynamoDB's rule, of the item that `bytes` are if they are
// canonical. nullopt proves nothing: very large items are not looked at.
// Untrusted bytes are fine.
std::optional<size_t> SizeIfCanonical(absl::string_view bytes);

}  // namespace pallet::model
