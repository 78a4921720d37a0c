// SPDX-License-Identifier: Apache-2.0
//
// Constraints: collects what is wrong with the members of a request, so that
// one answer names all of it, as DynamoDB's does:
//
//   2 validation errors detected: Value 'ab' at 'tableName' failed to satisfy
//   constraint: Member must have length greater than or equal to 3; Value ...
//
// One thread at a time.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace pallet::model {

class Constraints {
 public:
  // Only the first ten are told.
  static constexpr size_t kMaxListed = 10;

  // `rule` is the part after "Member must ", e.g. "not be null". Without a
  // value the message says null.
  void Violated(absl::optional<absl::string_view> value, absl::string_view path,
                absl::string_view rule);

  // Minimum and maximum length in bytes.
  void CheckLength(absl::string_view value, absl::string_view path,
                   size_t minimum, size_t maximum);

  // OK, or kValidation with the whole list.
  absl::Status ToStatus() const;

 private:
  size_t count_ = 0;
  std::string list_;
};

}  // namespace pallet::model
