// SPDX-License-Identifier: Apache-2.0
//
// What a caller is told when an operation broke its promise to answer: a call
// that hangs is worse than one that fails.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/errors.h"

namespace pallet::service {

inline absl::Status DroppedReply(absl::string_view operation) {
  return model::MakeError(model::Reason::kInternal,
                          absl::StrCat(operation, " gave no answer"));
}

}  // namespace pallet::service
