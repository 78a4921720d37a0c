// SPDX-License-Identifier: Apache-2.0
#include "service/item_collections.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/check.h"
#include "model/item_view.h"
#include "model/key.h"
#include "service/handlers/collection_size.h"
#include "storage/key_codec.h"
#include "storage/store.h"

namespace pallet::service {
namespace {

constexpr double kBytesPerGb = 1 << 30;

model::KeyValue PartitionValue(const cluster::Table& table,
                               absl::string_view item) {
  const model::KeyAttribute& attribute = table.key.partition;
  const auto value = model::ItemView(item).Find(attribute.name);
  CHECK(value.has_value()) << attribute.name;
  return *model::ScalarOf(*value);
}

// nullopt if it is not known.
std::optional<uint64_t> SizeOf(cluster::PartitionHost& host,
                               const cluster::Table& table,
                               const cluster::TablePartition& partition,
                               const model::KeyValue& value) {
  const std::string prefix =
      storage::CollectionPrefix(table.keyspace, value, host.hash_seed());
  std::optional<uint64_t> size;
  const absl::Status read =
      host.store(partition.store).Read([&](storage::ReadTransaction& rows) {
        auto found = CollectionBytes(table, partition.id, prefix, rows);
        if (found.ok()) size = *found;
        return found.status();
      });
  return read.ok() ? size : std::nullopt;
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
  const model::KeyValue value = PartitionValue(table, item);
  metrics.set_item_collection_key(
      model::EncodeKeyItem({table.key.partition}, {value, std::nullopt}));
  const std::optional<uint64_t> size = SizeOf(host, table, partition, value);
  const double most = static_cast<double>(
      size.has_value() ? *size : host.BytesOf(partition).value_or(0));
  const double lower = size.has_value() ? std::floor(most / kBytesPerGb) : 0.0;
  metrics.add_size_estimate_range_gb(lower);
  metrics.add_size_estimate_range_gb(
      std::max(std::ceil(most / kBytesPerGb), lower + 1));
  return metrics;
}

}  // namespace pallet::service
