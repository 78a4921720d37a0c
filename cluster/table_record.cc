// SPDX-License-Identifier: Apache-2.0
#include "cluster/table_record.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/store.h"

namespace pallet::cluster {

using storage::HashRange;
using storage::KeyspaceId;
using storage::PartitionId;
using storage::v1::PartitionRecord;
using storage::v1::TableRecord;

namespace {

absl::Status DataLoss(absl::string_view message) {
  return model::MakeError(model::Reason::kDataLoss, message);
}

std::optional<model::ScalarType> TypeOf(const TableRecord& table,
                                        absl::string_view attribute) {
  for (const auto& definition : table.attribute_definitions()) {
    if (definition.name() != attribute) continue;
    switch (definition.type()) {
      case storage::v1::SCALAR_TYPE_STRING:
        return model::ScalarType::kString;
      case storage::v1::SCALAR_TYPE_NUMBER:
        return model::ScalarType::kNumber;
      case storage::v1::SCALAR_TYPE_BINARY:
        return model::ScalarType::kBinary;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

absl::StatusOr<model::LocalIndex> LocalIndexOf(
    const TableRecord& table, const model::KeySchema& key,
    const storage::v1::LocalIndexRecord& record) {
  const auto type = TypeOf(table, record.sort_attribute());
  model::Projection projection;
  bool sound = type.has_value() && key.sort.has_value();
  switch (record.projection()) {
    case storage::v1::INDEX_PROJECTION_ALL:
      projection.kind = model::ProjectionKind::kAll;
      break;
    case storage::v1::INDEX_PROJECTION_KEYS_ONLY:
      projection.kind = model::ProjectionKind::kKeysOnly;
      break;
    case storage::v1::INDEX_PROJECTION_INCLUDE:
      projection.kind = model::ProjectionKind::kInclude;
      projection.attributes.assign(record.non_key_attributes().begin(),
                                   record.non_key_attributes().end());
      break;
    default:
      sound = false;
  }
  if (!sound) {
    return DataLoss(absl::StrCat("the catalog's index ", record.name(),
                                 " of table ", table.name(),
                                 " makes no sense"));
  }
  model::KeySchema index_key = key;
  index_key.sort = model::KeyAttribute{record.sort_attribute(), *type};
  return model::LocalIndex(record.name(), std::move(index_key), key,
                           std::move(projection));
}

}  // namespace

HashRange RangeOf(const PartitionRecord& record) {
  return {record.first_hash(), record.last_hash()};
}

std::vector<TablePartition> PartitionsOf(const CatalogTable& entry) {
  std::vector<TablePartition> partitions;
  for (const PartitionRecord& record : entry.partitions) {
    partitions.push_back({PartitionId(record.id()), RangeOf(record),
                          record.epoch(), StoreId(record.store())});
  }
  return partitions;
}

absl::StatusOr<model::KeySchema> KeySchemaOf(const TableRecord& table) {
  model::KeySchema schema;
  const int count = table.key_schema_size();
  bool sound = count == 1 || count == 2;
  for (int i = 0; sound && i < count; ++i) {
    const auto& element = table.key_schema(i);
    const auto type = TypeOf(table, element.name());
    const auto role =
        i == 0 ? storage::v1::KEY_ROLE_PARTITION : storage::v1::KEY_ROLE_SORT;
    sound = type.has_value() && element.role() == role;
    if (!sound) break;
    model::KeyAttribute attribute{element.name(), *type};
    if (i == 0) {
      schema.partition = std::move(attribute);
    } else {
      schema.sort = std::move(attribute);
    }
  }
  if (sound) return schema;
  return DataLoss(absl::StrCat("the catalog's key schema of table ",
                               table.name(), " makes no sense"));
}

absl::StatusOr<std::vector<model::LocalIndex>> LocalIndexesOf(
    const TableRecord& table, const model::KeySchema& key) {
  if (table.local_indexes_size() > int{storage::kMaxLocalIndexes}) {
    return DataLoss(absl::StrCat("the catalog's table ", table.name(),
                                 " has too many local indexes"));
  }
  std::vector<model::LocalIndex> indexes;
  for (const auto& record : table.local_indexes()) {
    ASSIGN_OR_RETURN(model::LocalIndex index, LocalIndexOf(table, key, record));
    indexes.push_back(std::move(index));
  }
  return indexes;
}

std::shared_ptr<ThroughputMeter> MeterOf(const TableRecord& table, Clock* clock,
                                         std::shared_ptr<ThroughputMeter> old) {
  const ThroughputLimits limits = ThroughputLimitsOf(table);
  if (!limits.any()) return nullptr;
  if (old == nullptr) return std::make_shared<ThroughputMeter>(clock, limits);
  if (old->limits() != limits) old->SetLimits(limits);
  return old;
}

absl::StatusOr<TablePtr> MakeTable(const CatalogTable& entry, Clock* clock) {
  auto table = std::make_shared<Table>();
  table->id = TableId(entry.table.id());
  table->name = entry.table.name();
  table->keyspace = KeyspaceId(entry.table.keyspace());
  ASSIGN_OR_RETURN(table->key, KeySchemaOf(entry.table));
  ASSIGN_OR_RETURN(table->local_indexes,
                   LocalIndexesOf(entry.table, table->key));
  table->partitions = PartitionsOf(entry);
  table->record = std::make_shared<TableRecord>(entry.table);
  table->meter = MeterOf(entry.table, clock, nullptr);
  return table;
}

}  // namespace pallet::cluster
