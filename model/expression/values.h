// SPDX-License-Identifier: Apache-2.0
//
// What expressions do with canonical values: order, and the arithmetic of sets.
// Equal values are equal bytes, so equality needs nothing. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "model/item_view.h"

namespace pallet::model::expression {

// Strings, numbers and binary have an order.
inline bool IsOrdered(ValueKind kind) { return kind <= ValueKind::kBinary; }
inline bool IsSet(ValueKind kind) {
  return kind >= ValueKind::kStringSet && kind <= ValueKind::kBinarySet;
}

// -1, 0 or 1 as a sorts before, with or after b: strings and binary by unsigned
// bytes, numbers by value. REQUIRES: both are of one kind that has an order.
int CompareScalars(ValueView a, ValueView b);

// Whether `part` stands in `text`; linear in both.
bool HasSubstring(absl::string_view text, absl::string_view part);

// Encoded values. REQUIRES: sets of one kind.
std::string Union(ValueView a, ValueView b);
std::optional<std::string> Difference(ValueView a, ValueView b);  // none empty

// The encoding of a scalar, and of lists whose encoded elements these are.
std::string EncodeScalar(ValueKind kind, absl::string_view payload);

// How many levels lie within the value: 0 for a scalar, a set or an empty list.
int NestingOf(ValueView value);

}  // namespace pallet::model::expression
