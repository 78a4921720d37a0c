// SPDX-License-Identifier: Apache-2.0
#include "service/item_collections.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "model/item_view.h"
#include "model/key.h"

namespace pallet::service {
namespace {

constexpr double kBytesPerGb = 1 << 30;

std::string PartitionKeyItem(const cluster::Table& table,
                             absl::string_view item) {
  const model::KeyAttribute& attribute = table.key.partition;
  const auto value = model::ItemView(item).Find(attribute.name);
  CHECK(value.has_value()) << attribute.name;
  return model::EncodeKeyItem({attribute},
                              {*model::ScalarOf(*value), std::nullopt});
}

}  // namespace

bool WantsMetrics(wire::v1::ReturnItemCollectionMetrics mode,
                  const cluster::Table& table) {
  return mode == wire::v1::RETURN_ITEM_COLLECTION_METRICS_SIZE &&
         !table.local_indexes.empty();
}

wire::v1::ItemCollectionMetrics MetricsOf(
    cluster::PartitionHost& host, const cluster::Table& table,
    const cluster::TablePartition& partition, absl::string_view item) {
  wire::v1::ItemCollectionMetrics metrics;
  metrics.set_item_collection_key(PartitionKeyItem(table, item));
  const uint64_t bytes = host.BytesOf(partition).value_or(0);
  const double upper = std::ceil(static_cast<double>(bytes) / kBytesPerGb);
  metrics.add_size_estimate_range_gb(0);
  metrics.add_size_estimate_range_gb(std::max(upper, 1.0));
  return metrics;
}

}  // namespace pallet::service
