// SPDX-License-Identifier: Apache-2.0
#include "cluster/partition_host.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "cluster/catalog.h"
#include "cluster/node_directory.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"

namespace pallet::cluster {

using model::Reason;
using storage::HashRange;
using storage::KeyspaceId;
using storage::PartitionId;
using storage::PartitionInfo;
using storage::v1::PartitionRecord;
using storage::v1::TableRecord;

namespace {

absl::Status DataLoss(absl::string_view message) {
  return model::MakeError(Reason::kDataLoss, message);
}

absl::Status AlreadyExists(absl::string_view name) {
  return model::MakeError(Reason::kTableAlreadyExists,
                          absl::StrCat("Table already exists: ", name));
}

absl::Status NoSuchTable(absl::string_view name) {
  return model::MakeError(Reason::kResourceNotFound,
                          absl::StrCat("Requested resource not found: Table: ",
                                       name, " not found"));
}

HashRange RangeOf(const PartitionRecord& record) {
  return {record.first_hash(), record.last_hash()};
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

std::vector<TablePartition> PartitionsOf(const CatalogTable& entry) {
  std::vector<TablePartition> partitions;
  for (const PartitionRecord& record : entry.partitions) {
    partitions.push_back({PartitionId(record.id()), RangeOf(record),
                          record.epoch(), StoreId(record.store())});
  }
  return partitions;
}

// `old` with what the table asks for now; null if that is nothing.
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

// A random one, as RFC 9562 writes version 4.
std::string NewUuid() {
  std::string bytes = RealEntropy(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  const std::string hex = absl::BytesToHexString(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-",
                      hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

// Runs `body` for 0 .. count-1 on a thread each, and waits for all.
void SideBySide(absl::string_view name, size_t count,
                absl::FunctionRef<void(size_t)> body) {
  std::vector<Thread> threads;
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back(absl::StrCat(name, "-", i), [body, i] { body(i); });
  }
}

}  // namespace

PartitionHost::PartitionHost(PartitionHostOptions options)
    : options_(std::move(options)),
      map_(std::make_shared<PartitionMap>(std::vector<TablePtr>{}, 0)) {}

absl::StatusOr<std::unique_ptr<PartitionHost>> PartitionHost::Open(
    PartitionHostOptions options) {
  CHECK(options.open_store != nullptr);
  std::unique_ptr<PartitionHost> host(new PartitionHost(std::move(options)));
  RETURN_IF_ERROR(host->OpenDirectory());
  RETURN_IF_ERROR(host->OpenStores());
  RETURN_IF_ERROR(host->Reconcile());
  RETURN_IF_ERROR(host->directory_->MarkFounded());
  return host;
}

PartitionHost::~PartitionHost() {
  SideBySide("close", stores_.size(), [this](size_t i) { stores_[i].reset(); });
}

absl::Status PartitionHost::OpenDirectory() {
  ASSIGN_OR_RETURN(directory_,
                   NodeDirectory::Open({.path = options_.data_directory,
                                        .store_count = options_.store_count,
                                        .file_system = options_.file_system,
                                        .clock = options_.clock}));
  ASSIGN_OR_RETURN(catalog_,
                   Catalog::Open({.directory = directory_->catalog_directory(),
                                  .incarnation = directory_->incarnation(),
                                  .found = !directory_->founded()}));
  return absl::OkStatus();
}

absl::Status PartitionHost::OpenStores() {
  const size_t count = directory_->store_count();
  stores_.resize(count);
  std::vector<absl::Status> results(count);
  SideBySide("recover", count, [&](size_t i) {
    storage::StoreOptions options = options_.store;
    options.directory = directory_->store_directory(i);
    options.file_system = options_.file_system;
    options.clock = options_.clock;
    options.logger = options_.logger;
    auto store = options_.open_store(std::move(options));
    results[i] = store.status();
    if (store.ok()) stores_[i] = *std::move(store);
  });
  for (const absl::Status& result : results) RETURN_IF_ERROR(result);
  return absl::OkStatus();
}

absl::Status PartitionHost::Reconcile() {
  absl::MutexLock control(&control_mutex_);
  ASSIGN_OR_RETURN(std::vector<CatalogTable> entries, catalog_->Load());
  ExpectedPartitions missing;
  for (const CatalogTable& entry : entries) {
    for (const PartitionRecord& partition : entry.partitions) {
      const auto indexes =
          static_cast<uint32_t>(entry.table.local_indexes_size());
      missing[PartitionId(partition.id())] = {&partition, indexes};
    }
  }
  RETURN_IF_ERROR(MatchPartitions(missing));
  std::vector<TablePtr> tables;
  for (CatalogTable& entry : entries) {
    ASSIGN_OR_RETURN(TablePtr table, FinishTable(std::move(entry), missing));
    tables.push_back(std::move(table));
  }
  options_.logger->Info("node.opened", {{"data", options_.data_directory},
                                        {"stores", stores_.size()},
                                        {"tables", tables.size()}});
  absl::MutexLock lock(&map_mutex_);
  map_ = std::make_shared<PartitionMap>(std::move(tables), 1);
  return absl::OkStatus();
}

absl::Status PartitionHost::MatchPartitions(ExpectedPartitions& expected) {
  for (uint32_t i = 0; i < stores_.size(); ++i) {
    for (const PartitionInfo& found : stores_[i]->Partitions()) {
      const auto known = expected.find(found.id);
      if (known == expected.end()) {
        RETURN_IF_ERROR(DropOrphan(StoreId(i), found.id));
        continue;
      }
      const PartitionRecord& record = *known->second.record;
      if (record.store() != i || record.keyspace() != found.keyspace.value() ||
          RangeOf(record) != found.range ||
          known->second.index_count != found.index_count) {
        return DataLoss(absl::StrCat("partition ", found.id.value(),
                                     " in store ", i,
                                     " is not the one the catalog knows"));
      }
      expected.erase(known);
    }
  }
  return absl::OkStatus();
}

absl::Status PartitionHost::DropOrphan(StoreId store, PartitionId id) {
  ASSIGN_OR_RETURN(const bool ours, catalog_->WasGivenOut(id));
  if (!ours) {
    return DataLoss(absl::StrCat(
        "store ", store.value(), " has partition ", id.value(),
        ", a number the catalog has not given out: the catalog is older than "
        "the store"));
  }
  options_.logger->Info("partition.orphan_dropped",
                        {{"partition", id.value()}, {"store", store.value()}});
  return stores_[store.value()]->DropPartition(id);
}

// A table that was being created when the process ended; others must be whole.
absl::StatusOr<TablePtr> PartitionHost::FinishTable(
    CatalogTable entry, const ExpectedPartitions& missing) {
  if (entry.table.state() == storage::v1::TABLE_STATE_CREATING) {
    options_.logger->Info("table.creation_finished",
                          {{"table", entry.table.name()}});
    return MakePartitions(std::move(entry));
  }
  for (const PartitionRecord& partition : entry.partitions) {
    if (!missing.contains(PartitionId(partition.id()))) continue;
    return DataLoss(absl::StrCat("partition ", partition.id(), " of table ",
                                 entry.table.name(), " is not in store ",
                                 partition.store()));
  }
  return MakeTable(entry, options_.clock);
}

TablePtr PartitionHost::FindTable(absl::string_view name) const {
  absl::ReaderMutexLock lock(&map_mutex_);
  return map_->Find(name);
}

std::shared_ptr<const PartitionMap> PartitionHost::map() const {
  absl::ReaderMutexLock lock(&map_mutex_);
  return map_;
}

uint64_t PartitionHost::hash_seed() const { return catalog_->hash_seed(); }

absl::Status PartitionHost::Submit(const TablePartition& partition,
                                   std::unique_ptr<storage::RowWrite> write) {
  CHECK(write->partition() == partition.id);
  return stores_[partition.store.value()]->Submit(std::move(write));
}

absl::Status PartitionHost::Read(
    const TablePartition& partition,
    absl::FunctionRef<absl::Status(storage::ReadTransaction&)> body) {
  return stores_[partition.store.value()]->Read(body);
}

absl::StatusOr<TablePtr> PartitionHost::CreateTable(TableRecord definition) {
  absl::MutexLock control(&control_mutex_);
  if (FindTable(definition.name()) != nullptr) {
    return AlreadyExists(definition.name());
  }
  ASSIGN_OR_RETURN(const model::KeySchema key, KeySchemaOf(definition));
  RETURN_IF_ERROR(LocalIndexesOf(definition, key).status());
  if (!definition.local_indexes().empty()) {
    RETURN_IF_ERROR(directory_->RaiseDiskFormat(kLocalIndexDiskFormat));
  }
  const absl::Time now = options_.clock->Now();
  definition.set_uuid(NewUuid());
  definition.set_state(storage::v1::TABLE_STATE_CREATING);
  definition.mutable_created()->set_seconds(absl::ToUnixSeconds(now));
  definition.mutable_created()->set_nanos(absl::ToInt64Nanoseconds(
      now - absl::FromUnixSeconds(absl::ToUnixSeconds(now))));
  const std::vector<StoreId> stores = PlacePartitions();
  const std::vector<HashRange> ranges = EvenRanges(stores.size());
  std::vector<Placement> placements;
  for (size_t i = 0; i < stores.size(); ++i) {
    placements.push_back({ranges[i], stores[i]});
  }
  ASSIGN_OR_RETURN(const CatalogTable entry,
                   catalog_->CreateTable(std::move(definition), placements));
  absl::StatusOr<TablePtr> table = MakePartitions(entry);
  if (!table.ok()) return UndoCreation(entry, table.status());
  Publish((*table)->name, *table);
  return table;
}

// To the stores that have the fewest.
std::vector<StoreId> PartitionHost::PlacePartitions() const {
  const uint32_t count = options_.partitions_per_table == 0
                             ? stores_.size()
                             : options_.partitions_per_table;
  std::vector<size_t> loads(stores_.size());
  for (const TablePtr& table : map()->tables()) {
    for (const TablePartition& partition : table->partitions) {
      ++loads[partition.store.value()];
    }
  }
  std::vector<StoreId> stores;
  for (uint32_t i = 0; i < count; ++i) {
    const auto lightest = std::min_element(loads.begin(), loads.end());
    ++*lightest;
    stores.emplace_back(static_cast<uint32_t>(lightest - loads.begin()));
  }
  return stores;
}

absl::StatusOr<TablePtr> PartitionHost::MakePartitions(CatalogTable entry) {
  for (const PartitionRecord& partition : entry.partitions) {
    if (partition.store() >= stores_.size()) {
      return DataLoss(absl::StrCat("partition ", partition.id(),
                                   " ought to be in store ", partition.store(),
                                   ", which this node does not have"));
    }
    RETURN_IF_ERROR(stores_[partition.store()]->CreatePartition(
        PartitionId(partition.id()), KeyspaceId(partition.keyspace()),
        RangeOf(partition), entry.table.local_indexes_size()));
  }
  entry.table.set_state(storage::v1::TABLE_STATE_ACTIVE);
  RETURN_IF_ERROR(catalog_->UpdateTable(entry.table));
  return MakeTable(entry, options_.clock);
}

// Catalog first here too: what then stays in a store is an orphan, and dropped
// at the next start.
absl::Status PartitionHost::UndoCreation(const CatalogTable& entry,
                                         absl::Status why) {
  const absl::Status removed = catalog_->DeleteTable(entry.table.name());
  if (!removed.ok()) {
    return model::MakeError(
        Reason::kOutcomeUnknown,
        absl::StrCat("table ", entry.table.name(),
                     " may exist after the next start: ", why.message(), "; ",
                     removed.message()));
  }
  DropPartitions(PartitionsOf(entry));
  return why;
}

void PartitionHost::DropPartitions(
    const std::vector<TablePartition>& partitions) {
  for (const TablePartition& partition : partitions) {
    const absl::Status dropped =
        stores_[partition.store.value()]->DropPartition(partition.id);
    if (dropped.ok() || model::ReasonOf(dropped) == Reason::kResourceNotFound) {
      continue;
    }
    options_.logger->Warning("partition.drop_failed",
                             {{"partition", partition.id.value()},
                              {"store", partition.store.value()},
                              {"error", dropped}});
  }
}

absl::StatusOr<TablePtr> PartitionHost::UpdateTable(
    absl::string_view name,
    absl::FunctionRef<absl::Status(TableRecord&)> change) {
  absl::MutexLock control(&control_mutex_);
  const TablePtr old = FindTable(name);
  if (old == nullptr) return NoSuchTable(name);
  TableRecord record = *old->record;
  RETURN_IF_ERROR(change(record));
  CHECK_EQ(record.name(), old->name);
  CHECK_EQ(record.id(), old->id.value());
  CHECK_EQ(record.keyspace(), old->keyspace.value());
  auto table = std::make_shared<Table>(*old);
  ASSIGN_OR_RETURN(table->key, KeySchemaOf(record));
  CHECK(table->key == old->key);
  CHECK_EQ(record.local_indexes_size(),
           static_cast<int>(old->local_indexes.size()));
  RETURN_IF_ERROR(catalog_->UpdateTable(record));
  table->meter = MeterOf(record, options_.clock, std::move(table->meter));
  table->record = std::make_shared<TableRecord>(std::move(record));
  Publish(name, table);
  return table;
}

absl::StatusOr<TablePtr> PartitionHost::DeleteTable(
    absl::string_view name,
    absl::FunctionRef<absl::Status(const TableRecord&)> check) {
  absl::MutexLock control(&control_mutex_);
  TablePtr table = FindTable(name);
  if (table == nullptr) return NoSuchTable(name);
  RETURN_IF_ERROR(check(*table->record));
  RETURN_IF_ERROR(catalog_->DeleteTable(name));
  Publish(name, nullptr);
  DropPartitions(table->partitions);
  return table;
}

absl::StatusOr<TableCounts> PartitionHost::CountsOf(const Table& table) {
  TableCounts counts;
  counts.local_indexes.resize(table.local_indexes.size());
  for (const TablePartition& partition : table.partitions) {
    ASSIGN_OR_RETURN(const PartitionInfo info,
                     stores_[partition.store.value()]->Partition(partition.id));
    counts.items += info.item_count;
    counts.bytes += info.item_bytes;
    for (size_t i = 0; i < counts.local_indexes.size(); ++i) {
      counts.local_indexes[i].rows += info.indexes[i].rows;
      counts.local_indexes[i].bytes += info.indexes[i].bytes;
    }
  }
  return counts;
}

absl::StatusOr<uint64_t> PartitionHost::BytesOf(
    const TablePartition& partition) {
  ASSIGN_OR_RETURN(const PartitionInfo info,
                   stores_[partition.store.value()]->Partition(partition.id));
  uint64_t bytes = info.item_bytes;
  for (const storage::RowCounts& entries : info.indexes) bytes += entries.bytes;
  return bytes;
}

void PartitionHost::Publish(absl::string_view name, TablePtr table) {
  std::shared_ptr<const PartitionMap> next =
      map()->With(name, std::move(table));
  absl::MutexLock lock(&map_mutex_);
  map_ = std::move(next);
}

}  // namespace pallet::cluster
