// SPDX-License-Identifier: Apache-2.0
//
// The rules of billing mode and provisioned throughput, for CreateTable and
// UpdateTable. Pure functions.
#pragma once

#include "absl/status/status.h"
#include "model/constraints.h"
#include "pallet/v1/table.pb.h"

namespace pallet::service {

// Presence and lower bounds, for the list of constraints.
void CheckThroughput(const v1::ProvisionedThroughput& throughput,
                     model::Constraints* constraints);

// Upper bounds. REQUIRES: CheckThroughput found nothing.
absl::Status CheckThroughputBounds(const v1::ProvisionedThroughput& throughput);

// "... must both be specified when BillingMode is PROVISIONED".
absl::Status ThroughputRequired();
// "... can be specified when BillingMode is PAY_PER_REQUEST".
absl::Status ThroughputRefused();

}  // namespace pallet::service
