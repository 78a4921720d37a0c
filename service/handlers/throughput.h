// SPDX-License-Identifier: Apache-2.0
//
// The rules of billing mode and provisioned throughput, for CreateTable and
// UpdateTable. Pure functions.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/constraints.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table.pb.h"

namespace pallet::service {

// Presence and lower bounds, for the list of constraints. `path` is of what has
// it: empty, or "globalSecondaryIndexes.1.member.".
void CheckThroughput(const v1::ProvisionedThroughput& throughput,
                     const std::string& path, model::Constraints* constraints);

// Upper bounds. REQUIRES: CheckThroughput found nothing.
absl::Status CheckThroughputBounds(const v1::ProvisionedThroughput& throughput);

// Puts what is asked for into `current`, with the times of the change. Refused
// if it is that already. `index` is empty for a table.
absl::Status SetThroughput(const v1::ProvisionedThroughput& wanted,
                           absl::string_view index, absl::Time now,
                           storage::v1::ProvisionedThroughputRecord* current);

// "... must both be specified when BillingMode is PROVISIONED".
absl::Status ThroughputRequired();
// "... can be specified when BillingMode is PAY_PER_REQUEST".
absl::Status ThroughputRefused();

}  // namespace pallet::service
