// SPDX-License-Identifier: Apache-2.0
//
// What the catalog says of a table, made into the table that requests see.
// Pure functions.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "cluster/catalog.h"
#include "cluster/partition_map.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "storage/ids.h"

namespace pallet::cluster {

storage::HashRange RangeOf(const storage::v1::PartitionRecord& record);
std::vector<TablePartition> PartitionsOf(const PartitionRecords& records);

// kDataLoss if keys and indexes make no sense.
absl::Status CheckSchema(const storage::v1::TableRecord& record);

// `old` is the same table before, or null: what did not change is shared with
// it, its meter goes on. kDataLoss if the record makes no sense.
absl::StatusOr<TablePtr> MakeTable(const CatalogTable& entry, const Table* old,
                                   Clock* clock);

}  // namespace pallet::cluster
