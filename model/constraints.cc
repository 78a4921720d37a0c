// SPDX-License-Identifier: Apache-2.0
#include "model/constraints.h"

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace pallet::model {

void Constraints::Violated(absl::optional<absl::string_view> value,
                           absl::string_view path, absl::string_view rule) {
  if (count_ == kMaxListed) return;
  ++count_;
  if (!list_.empty()) list_ += "; ";
  if (value.has_value()) {
    absl::StrAppend(&list_, "Value '", *value, "'");
  } else {
    list_ += "Value null";
  }
  absl::StrAppend(&list_, " at '", path,
                  "' failed to satisfy constraint: Member must ", rule);
}

void Constraints::CheckLength(absl::string_view value, absl::string_view path,
                              size_t minimum, size_t maximum) {
  if (value.size() < minimum) {
    Violated(value, path,
             absl::StrCat("have length greater than or equal to ", minimum));
  } else if (value.size() > maximum) {
    Violated(value, path,
             absl::StrCat("have length less than or equal to ", maximum));
  }
}

absl::Status Constraints::ToStatus() const {
  if (count_ == 0) return absl::OkStatus();
  return ValidationError(absl::StrCat(count_, " validation error",
                                      count_ == 1 ? "" : "s",
                                      " detected: ", list_));
}

}  // namespace pallet::model
