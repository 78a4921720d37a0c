// SPDX-License-Identifier: Apache-2.0
//
// What the catalog says of a table, made into the table that requests see.
// Pure functions.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "cluster/catalog.h"
#include "cluster/partition_map.h"
#include "cluster/throughput_meter.h"
#include "model/key.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "storage/ids.h"

namespace pallet::cluster {

storage::HashRange RangeOf(const storage::v1::PartitionRecord& record);
std::vector<TablePartition> PartitionsOf(const CatalogTable& entry);

// kDataLoss, all of these, if the record makes no sense.
absl::StatusOr<model::KeySchema> KeySchemaOf(
    const storage::v1::TableRecord& table);
absl::StatusOr<std::vector<model::LocalIndex>> LocalIndexesOf(
    const storage::v1::TableRecord& table, const model::KeySchema& key);
absl::StatusOr<TablePtr> MakeTable(const CatalogTable& entry, Clock* clock);

// `old` with what the table asks for now; null if that is nothing.
std::shared_ptr<ThroughputMeter> MeterOf(const storage::v1::TableRecord& table,
                                         Clock* clock,
                                         std::shared_ptr<ThroughputMeter> old);

}  // namespace pallet::cluster
