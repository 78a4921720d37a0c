// SPDX-License-Identifier: Apache-2.0
#include "cluster/partition_host.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/catalog.h"
#include "cluster/node_directory.h"
#include "cluster/table_record.h"
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

}  // namespace

PartitionHost::PartitionHost(PartitionHostOptions options)
    : options_(std::move(options)),
      map_(std::make_shared<PartitionMap>(std::vector<TablePtr>{}, 0)) {}

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
