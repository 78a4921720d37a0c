// SPDX-License-Identifier: Apache-2.0
//
// Query and Scan as far as a request goes: checked, routed, not read yet. For
// operations that are made of them.
#pragma once

#include "absl/status/statusor.h"
#include "pallet/wire/v1/query.pb.h"
#include "service/expression_cache.h"
#include "service/handlers/item_pages.h"
#include "service/router.h"

namespace pallet::service {

// Whether a Query's filter may name attributes of the key: in its own requests
// it may not.
enum class KeyFilter { kRefused, kAllowed };

absl::StatusOr<ItemPages> PlanQuery(const Router& router,
                                    ExpressionCache& cache,
                                    const wire::v1::QueryRequest& request,
                                    KeyFilter key_filter);

absl::StatusOr<ItemPages> PlanScan(const Router& router, ExpressionCache& cache,
                                   const wire::v1::ScanRequest& request);

}  // namespace pallet::service
