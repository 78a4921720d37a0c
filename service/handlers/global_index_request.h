// SPDX-License-Identifier: Apache-2.0
//
// What CreateTable and UpdateTable say of global indexes: checks with DynamoDB's
// messages, and what goes into the catalog record. Pure functions.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/constraints.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::service {

// Constraints of the members.
void CheckGlobalIndexes(const v1::CreateTableRequest& request,
                        model::Constraints* constraints);
void CheckIndexUpdates(const v1::UpdateTableRequest& request,
                       model::Constraints* constraints);

// What the updates must keep to whatever the table is: each is one change, no
// index is changed twice, and one index comes or goes at a time.
absl::Status CheckIndexUpdateRules(const v1::UpdateTableRequest& request);

// Whether throughput is given as the billing mode wants it.
absl::Status CheckIndexBilling(const v1::CreateTableRequest& request);

// REQUIRES: the checks found nothing; the record has its billing mode.
absl::Status AddGlobalIndexes(const v1::CreateTableRequest& request,
                              storage::v1::TableRecord* record);

// Makes the changes of the request: indexes, their throughput, and the
// attribute definitions, of which those stay that a key names. `was_per_request`
// is what the table was before the request. REQUIRES: the checks found nothing;
// the record has the billing mode that the request leads to.
absl::Status UpdateGlobalIndexes(const v1::UpdateTableRequest& request,
                                 size_t max_global_indexes,
                                 bool was_per_request, absl::Time now,
                                 storage::v1::TableRecord* record);

}  // namespace pallet::service
