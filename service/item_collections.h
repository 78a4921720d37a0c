// SPDX-License-Identifier: Apache-2.0
//
// ItemCollectionMetrics: what writes tell, if asked, of the item collections
// they touched in tables with local indexes.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "cluster/partition_host.h"
#include "pallet/wire/v1/item_types.pb.h"

namespace pallet::service {

// Whether the answer to such a request tells of collections of that table.
bool WantsMetrics(wire::v1::ReturnItemCollectionMetrics mode,
                  const cluster::Table& table);

// Of the collection of a canonical item, or key item, in that partition, as it
// is by now: the whole GB below and above its size. Of a table that keeps no
// sizes (handlers/collection_size.h): between nothing and what the whole
// partition holds.
wire::v1::ItemCollectionMetrics MetricsOf(
    cluster::PartitionHost& host, const cluster::Table& table,
    const cluster::TablePartition& partition, absl::string_view item);

}  // namespace pallet::service
