// SPDX-License-Identifier: Apache-2.0
//
// What the two batch operations share.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "model/errors.h"
#include "service/validation.h"

namespace pallet::service {

// Of items in a response; the rest of it has a megabyte more.
inline constexpr size_t kBatchBytes = size_t{16} << 20;

inline absl::Status DuplicateKeys() {
  return model::ValidationError(
      "Provided list of item keys contains duplicates");
}

template <typename Request>
absl::Status CheckBatchEnums(const Request& request) {
  model::Constraints constraints;
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  if constexpr (requires { request.return_item_collection_metrics(); }) {
    CheckEnum(EnumRule::kReturnItemCollectionMetrics,
              request.return_item_collection_metrics(),
              "returnItemCollectionMetrics", &constraints);
  }
  return constraints.ToStatus();
}

}  // namespace pallet::service
