// SPDX-License-Identifier: Apache-2.0
#include "cluster/partition_host.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
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
using storage::v1::GlobalIndexRecord;
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

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

// What a directory with such a table must say of itself.
uint32_t DiskFormatOf(const TableRecord& table) {
  if (table.has_time_to_live()) return kTimeToLiveDiskFormat;
  if (!table.streams().empty()) return kStreamDiskFormat;
  if (!table.global_indexes().empty()) return kGlobalIndexDiskFormat;
  return table.local_indexes().empty() ? kFirstDiskFormat
                                       : kLocalIndexDiskFormat;
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

const std::string& PartitionHost::incarnation() const {
  return catalog_->incarnation();
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
  return stores_[partition.store.value()]->ReadPartition(partition.id, body);
}

absl::StatusOr<TablePtr> PartitionHost::CreateTable(TableRecord definition) {
  absl::MutexLock control(&control_mutex_);
  if (FindTable(definition.name()) != nullptr) {
    return AlreadyExists(definition.name());
  }
  RETURN_IF_ERROR(CheckSchema(definition));
  RETURN_IF_ERROR(directory_->RaiseDiskFormat(DiskFormatOf(definition)));
  definition.set_uuid(NewUuid());
  definition.set_state(storage::v1::TABLE_STATE_CREATING);
  *definition.mutable_created() = ToProto(options_.clock->Now());
  for (GlobalIndexRecord& index : *definition.mutable_global_indexes()) {
    *index.mutable_created() = definition.created();
  }
  const std::vector<Placements> placements =
      Place(1 + definition.global_indexes_size());
  ASSIGN_OR_RETURN(
      CatalogTable entry,
      catalog_->CreateTable(std::move(definition), placements.front(),
                            absl::MakeSpan(placements).subspan(1)));
  absl::StatusOr<CatalogTable> made = MakePartitions(entry);
  if (!made.ok()) return UndoCreation(entry, made.status());
  ASSIGN_OR_RETURN(TablePtr table, MakeTable(*made, nullptr, options_.clock));
  Publish(table->name, table);
  return table;
}

// To the stores that have the fewest.
std::vector<Placements> PartitionHost::Place(size_t count) const {
  std::vector<size_t> loads(stores_.size());
  const auto weigh = [&](const std::vector<TablePartition>& partitions) {
    for (const TablePartition& each : partitions) ++loads[each.store.value()];
  };
  const auto now = map();
  for (const TablePtr& table : now->tables()) {
    weigh(table->partitions);
    for (const GlobalIndex& index : table->global_indexes) {
      weigh(index.partitions);
    }
  }
  const std::vector<HashRange> ranges = EvenRanges(
      options_.partitions_per_table == 0 ? stores_.size()
                                         : options_.partitions_per_table);
  std::vector<Placements> placements(count);
  for (Placements& each : placements) {
    for (const HashRange& range : ranges) {
      const auto lightest = std::min_element(loads.begin(), loads.end());
      ++*lightest;
      each.push_back(
          {range, StoreId(static_cast<uint32_t>(lightest - loads.begin()))});
    }
  }
  return placements;
}

absl::StatusOr<CatalogTable> PartitionHost::MakePartitions(CatalogTable entry) {
  TableRecord& table = entry.table;
  bool made = false;
  if (table.state() == storage::v1::TABLE_STATE_CREATING) {
    made = true;
    RETURN_IF_ERROR(MakeInStores(entry.partitions, table.local_indexes_size()));
    table.set_state(storage::v1::TABLE_STATE_ACTIVE);
  }
  for (int i = 0; i < table.global_indexes_size(); ++i) {
    GlobalIndexRecord& index = *table.mutable_global_indexes(i);
    if (index.state() != storage::v1::GLOBAL_INDEX_STATE_NEW) continue;
    made = true;
    RETURN_IF_ERROR(MakeInStores(entry.index_partitions[i], 0));
    index.set_state(storage::v1::GLOBAL_INDEX_STATE_CREATING);
  }
  if (!made) return entry;
  return catalog_->UpdateTable(table, {});
}

absl::Status PartitionHost::MakeInStores(const PartitionRecords& partitions,
                                         uint32_t index_count) {
  for (const PartitionRecord& partition : partitions) {
    if (partition.store() >= stores_.size()) {
      return DataLoss(absl::StrCat("partition ", partition.id(),
                                   " ought to be in store ", partition.store(),
                                   ", which this node does not have"));
    }
    RETURN_IF_ERROR(stores_[partition.store()]->CreatePartition(
        PartitionId(partition.id()), KeyspaceId(partition.keyspace()),
        RangeOf(partition), index_count));
  }
  return absl::OkStatus();
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
  DropPartitions(PartitionsOf(entry.partitions));
  for (const PartitionRecords& index : entry.index_partitions) {
    DropPartitions(PartitionsOf(index));
  }
  return why;
}

// What was made already is an orphan, and dropped at the next start.
absl::Status PartitionHost::UndoUpdate(const CatalogTable& before,
                                       absl::Status why) {
  const absl::Status restored = catalog_->RestoreTable(before);
  if (restored.ok()) return why;
  return model::MakeError(
      Reason::kOutcomeUnknown,
      absl::StrCat("table ", before.table.name(),
                   " may have changed after the next start: ", why.message(),
                   "; ", restored.message()));
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
  CHECK_EQ(record.local_indexes_size(),
           static_cast<int>(old->local_indexes.size()));
  RETURN_IF_ERROR(CheckSchema(record));
  size_t added = 0;
  for (GlobalIndexRecord& index : *record.mutable_global_indexes()) {
    if (index.id() != 0) continue;
    ++added;
    *index.mutable_created() = ToProto(options_.clock->Now());
  }
  RETURN_IF_ERROR(directory_->RaiseDiskFormat(DiskFormatOf(record)));
  ASSIGN_OR_RETURN(const CatalogTable before, catalog_->LoadTable(name));
  ASSIGN_OR_RETURN(CatalogTable entry,
                   catalog_->UpdateTable(std::move(record), Place(added)));
  if (added > 0) {
    absl::StatusOr<CatalogTable> made = MakePartitions(std::move(entry));
    if (!made.ok()) return UndoUpdate(before, made.status());
    entry = *std::move(made);
  }
  ASSIGN_OR_RETURN(TablePtr table, MakeTable(entry, old.get(), options_.clock));
  CHECK(table->key == old->key);
  Publish(name, table);
  for (const GlobalIndex& index : old->global_indexes) {
    if (table->FindGlobalIndex(index.id) == nullptr) {
      DropPartitions(index.partitions);
    }
  }
  return table;
}

absl::StatusOr<TablePtr> PartitionHost::ActivateIndexes(
    absl::string_view name, absl::Span<const IndexId> indexes) {
  return UpdateTable(name, [&](TableRecord& record) {
    for (GlobalIndexRecord& index : *record.mutable_global_indexes()) {
      if (absl::c_linear_search(indexes, IndexId(index.id()))) {
        index.set_state(storage::v1::GLOBAL_INDEX_STATE_ACTIVE);
      }
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<TablePtr> PartitionHost::DeleteTable(
    absl::string_view name,
    absl::FunctionRef<absl::Status(const TableRecord&)> check) {
  absl::MutexLock control(&control_mutex_);
  TablePtr table = FindTable(name);
  if (table == nullptr) return NoSuchTable(name);
  RETURN_IF_ERROR(check(*table->record));
  if (table->record->streams().empty()) {
    RETURN_IF_ERROR(catalog_->DeleteTable(name));
    Publish(name, nullptr);
    DropPartitions(table->partitions);
  } else {
    RETURN_IF_ERROR(Retire(name));
  }
  for (const GlobalIndex& index : table->global_indexes) {
    DropPartitions(index.partitions);
  }
  return table;
}

absl::Status PartitionHost::Retire(absl::string_view name) {
  ASSIGN_OR_RETURN(const CatalogTable entry,
                   catalog_->RetireTable(name, ToProto(options_.clock->Now())));
  ASSIGN_OR_RETURN(TablePtr gone, MakeTable(entry, nullptr, options_.clock));
  Publish(map()->WithGone(name, std::move(gone)));
  return absl::OkStatus();
}

absl::Status PartitionHost::ForgetTable(TableId id) {
  absl::MutexLock control(&control_mutex_);
  const auto before = map();
  for (const TablePtr& table : before->gone()) {
    if (table->id != id) continue;
    RETURN_IF_ERROR(catalog_->ForgetTable(id));
    Publish(before->WithoutGone(id));
    DropPartitions(table->partitions);
    return absl::OkStatus();
  }
  return NoSuchTable(absl::StrCat("number ", id.value()));
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
  for (const GlobalIndex& index : table.global_indexes) {
    ASSIGN_OR_RETURN(counts.global_indexes.emplace_back(),
                     CountsOf(index.partitions));
  }
  return counts;
}

absl::StatusOr<storage::RowCounts> PartitionHost::CountsOf(
    const std::vector<TablePartition>& partitions) {
  storage::RowCounts counts;
  for (const TablePartition& partition : partitions) {
    const absl::StatusOr<PartitionInfo> info =
        stores_[partition.store.value()]->Partition(partition.id);
    // Its index was dropped since.
    if (!info.ok() &&
        model::ReasonOf(info.status()) == Reason::kResourceNotFound) {
      continue;
    }
    RETURN_IF_ERROR(info.status());
    counts.rows += info->item_count;
    counts.bytes += info->item_bytes;
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
  Publish(map()->With(name, std::move(table)));
}

void PartitionHost::Publish(std::shared_ptr<const PartitionMap> next) {
  absl::MutexLock lock(&map_mutex_);
  map_ = std::move(next);
}

}  // namespace pallet::cluster
