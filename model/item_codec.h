// SPDX-License-Identifier: Apache-2.0
//
// The one way into the canonical form: untrusted wire bytes of an Item (or of
// one AttributeValue) in, checked and canonical bytes out. Linear in the input
// (sorting aside), bounded stack, no protobuf objects.
//
// Canonical form: attributes sorted by name bytes at every level, one field per
// value, set members sorted (numbers by value) and distinct, numbers in plain
// normal decimal, minimal varints, no unknown fields. Items equal by content
// are equal bytes within one format version.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/item_view.h"

namespace pallet::model {

inline constexpr size_t kMaxItemBytes = 409600;
// Levels: an attribute's value is at 1, a value in a map or list one deeper.
inline constexpr int kMaxNesting = 32;
inline constexpr size_t kMaxAttributeNameBytes = 65535;

struct CanonicalItem {
  std::string bytes;
  size_t size = 0;  // by DynamoDB's rule
};

// Errors are kValidation in DynamoDB's words (numbers, empty and duplicate
// sets, NULL false, no or several datatypes, nesting, empty names); wire bytes
// that are no Item are kValidation too. A repeated attribute name is refused.
// Writes pass them through WithEnvelope (errors.h). Does not check
// kMaxItemBytes: operations differ in that; but more names or members than fit
// in it are refused as too large.
absl::StatusOr<CanonicalItem> CanonicalizeItem(absl::string_view wire);

// The same for one AttributeValue (expression values, key conditions).
absl::StatusOr<std::string> CanonicalizeValue(absl::string_view wire);

// Checks that `bytes` are canonical without changing them: for bytes read back
// from a disk or a peer. kDataLoss otherwise.
absl::Status CheckCanonical(absl::string_view bytes);

}  // namespace pallet::model
