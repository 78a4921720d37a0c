// SPDX-License-Identifier: Apache-2.0
#include "cluster/table_record.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cluster/throughput_meter.h"
#include "model/errors.h"
#include "storage/store.h"

namespace pallet::cluster {

using storage::HashRange;
using storage::KeyspaceId;
using storage::PartitionId;
using storage::v1::GlobalIndexRecord;
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

absl::Status IndexMakesNoSense(const TableRecord& table,
                               absl::string_view index) {
  return DataLoss(absl::StrCat("the catalog's index ", index, " of table ",
                               table.name(), " makes no sense"));
}

// Of a local or a global index.
template <typename IndexRecord>
std::optional<model::Projection> ProjectionOf(const IndexRecord& record) {
  model::Projection projection;
  switch (record.projection()) {
    case storage::v1::INDEX_PROJECTION_ALL:
      projection.kind = model::ProjectionKind::kAll;
      return projection;
    case storage::v1::INDEX_PROJECTION_KEYS_ONLY:
      projection.kind = model::ProjectionKind::kKeysOnly;
      return projection;
    case storage::v1::INDEX_PROJECTION_INCLUDE:
      projection.kind = model::ProjectionKind::kInclude;
      projection.attributes.assign(record.non_key_attributes().begin(),
                                   record.non_key_attributes().end());
      return projection;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<model::LocalIndex> LocalIndexOf(
    const TableRecord& table, const model::KeySchema& key,
    const storage::v1::LocalIndexRecord& record) {
  const auto type = TypeOf(table, record.sort_attribute());
  auto projection = ProjectionOf(record);
  if (!type.has_value() || !projection.has_value() || !key.sort.has_value()) {
    return IndexMakesNoSense(table, record.name());
  }
  model::KeySchema index_key = key;
  index_key.sort = model::KeyAttribute{record.sort_attribute(), *type};
  return model::LocalIndex(record.name(), std::move(index_key), key,
                           *std::move(projection));
}

// nullopt if they are not 1..4 partition attributes and 0..4 sort attributes.
std::optional<model::IndexKeySchema> IndexKeyOf(
    const TableRecord& table, const GlobalIndexRecord& record) {
  model::IndexKeySchema key;
  for (const auto& element : record.key_schema()) {
    const auto type = TypeOf(table, element.name());
    if (!type.has_value()) return std::nullopt;
    if (element.role() == storage::v1::KEY_ROLE_SORT) {
      key.sort.push_back({element.name(), *type});
    } else if (element.role() == storage::v1::KEY_ROLE_PARTITION &&
               key.sort.empty()) {
      key.partition.push_back({element.name(), *type});
    } else {
      return std::nullopt;
    }
  }
  if (key.partition.empty() ||
      key.partition.size() > model::kMaxIndexPartitionAttributes ||
      key.sort.size() > model::kMaxIndexSortAttributes) {
    return std::nullopt;
  }
  return key;
}

absl::StatusOr<model::GlobalIndex> GlobalIndexOf(
    const TableRecord& table, const model::KeySchema& table_key,
    const GlobalIndexRecord& record) {
  auto key = IndexKeyOf(table, record);
  auto projection = ProjectionOf(record);
  if (!key.has_value() || !projection.has_value()) {
    return IndexMakesNoSense(table, record.name());
  }
  return model::GlobalIndex(record.name(), *std::move(key), table_key,
                            *std::move(projection));
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

// `old` with these limits; null if they are none.
std::shared_ptr<ThroughputMeter> MeterOf(const ThroughputLimits& limits,
                                         Clock* clock,
                                         std::shared_ptr<ThroughputMeter> old) {
  if (!limits.any()) return nullptr;
  if (old == nullptr) return std::make_shared<ThroughputMeter>(clock, limits);
  if (old->limits() != limits) old->SetLimits(limits);
  return old;
}

absl::StatusOr<std::vector<GlobalIndex>> GlobalIndexesOf(
    const CatalogTable& entry, const model::KeySchema& key, const Table* old,
    Clock* clock) {
  std::vector<GlobalIndex> indexes;
  for (int i = 0; i < entry.table.global_indexes_size(); ++i) {
    const GlobalIndexRecord& record = entry.table.global_indexes(i);
    GlobalIndex& index = indexes.emplace_back();
    index.id = IndexId(record.id());
    index.keyspace = KeyspaceId(record.keyspace());
    index.schema_version = record.schema_version();
    index.state = record.state() == storage::v1::GLOBAL_INDEX_STATE_ACTIVE
                      ? IndexState::kActive
                      : IndexState::kCreating;
    index.paused = record.paused();
    index.delay = absl::Seconds(record.delay().seconds()) +
                  absl::Nanoseconds(record.delay().nanos());
    index.partitions = PartitionsOf(entry.index_partitions[i]);
    const GlobalIndex* known =
        old == nullptr ? nullptr : old->FindGlobalIndex(index.id);
    index.meter = MeterOf(ThroughputLimitsOf(entry.table, record), clock,
                          known == nullptr ? nullptr : known->meter);
    if (known != nullptr) {
      index.schema = known->schema;
      continue;
    }
    ASSIGN_OR_RETURN(model::GlobalIndex schema,
                     GlobalIndexOf(entry.table, key, record));
    index.schema = std::make_shared<model::GlobalIndex>(std::move(schema));
  }
  return indexes;
}

std::vector<std::string> KeyAttributesOf(
    const std::vector<GlobalIndex>& indexes) {
  std::set<std::string> names;
  for (const GlobalIndex& index : indexes) {
    names.insert(index.schema->key_attributes().begin(),
                 index.schema->key_attributes().end());
  }
  return {names.begin(), names.end()};
}

std::vector<TableStream> StreamsOf(const TableRecord& table) {
  std::vector<TableStream> streams;
  for (const storage::v1::StreamRecord& record : table.streams()) {
    TableStream& stream = streams.emplace_back();
    stream.id = record.id();
    if (record.has_closed()) stream.closed_version = record.closed_version();
    const bool both =
        record.view() == storage::v1::STREAM_VIEW_NEW_AND_OLD_IMAGES;
    stream.keeps_old_image =
        both || record.view() == storage::v1::STREAM_VIEW_OLD_IMAGE;
    stream.keeps_new_image =
        both || record.view() == storage::v1::STREAM_VIEW_NEW_IMAGE;
  }
  return streams;
}

}  // namespace

HashRange RangeOf(const PartitionRecord& record) {
  return {record.first_hash(), record.last_hash()};
}

std::vector<TablePartition> PartitionsOf(const PartitionRecords& records) {
  std::vector<TablePartition> partitions;
  for (const PartitionRecord& record : records) {
    partitions.push_back({PartitionId(record.id()), RangeOf(record),
                          record.epoch(), StoreId(record.store())});
  }
  return partitions;
}

absl::Status CheckSchema(const TableRecord& record) {
  ASSIGN_OR_RETURN(const model::KeySchema key, KeySchemaOf(record));
  RETURN_IF_ERROR(LocalIndexesOf(record, key).status());
  for (const GlobalIndexRecord& index : record.global_indexes()) {
    RETURN_IF_ERROR(GlobalIndexOf(record, key, index).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<TablePtr> MakeTable(const CatalogTable& entry, const Table* old,
                                   Clock* clock) {
  auto table = std::make_shared<Table>();
  table->id = TableId(entry.table.id());
  table->name = entry.table.name();
  table->keyspace = KeyspaceId(entry.table.keyspace());
  ASSIGN_OR_RETURN(table->key, KeySchemaOf(entry.table));
  ASSIGN_OR_RETURN(table->local_indexes,
                   LocalIndexesOf(entry.table, table->key));
  table->keeps_collection_sizes = entry.table.keeps_collection_sizes();
  ASSIGN_OR_RETURN(table->global_indexes,
                   GlobalIndexesOf(entry, table->key, old, clock));
  table->index_key_attributes = KeyAttributesOf(table->global_indexes);
  table->streams = StreamsOf(entry.table);
  if (entry.table.has_time_to_live()) {
    const storage::v1::TimeToLiveRecord& record = entry.table.time_to_live();
    table->time_to_live = {record.id(), record.attribute(),
                           record.hides_expired()};
  }
  table->schema_version = entry.table.schema_version();
  table->partitions = PartitionsOf(entry.partitions);
  table->record = std::make_shared<TableRecord>(entry.table);
  for (const GlobalIndex& index : table->global_indexes) {
    if (index.meter != nullptr) table->meters_global_indexes = true;
  }
  table->meter = MeterOf(ThroughputLimitsOf(entry.table), clock,
                         old == nullptr ? nullptr : old->meter);
  return table;
}

}  // namespace pallet::cluster
