// SPDX-License-Identifier: Apache-2.0
//
// The words that cannot stand as bare attribute names in an expression.
// Thread-safe: pure functions.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pallet::model::expression {

// In any mix of upper and lower case.
bool IsReservedWord(absl::string_view word);

// All of them, in upper case, sorted.
absl::Span<const absl::string_view> ReservedWords();

}  // namespace pallet::model::expression
