// SPDX-License-Identifier: Apache-2.0
#include "cluster/catalog.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/record_codec.h"
#include "model/errors.h"

namespace pallet::cluster {

namespace lmdb = storage::lmdb;
using model::Reason;
using storage::PartitionId;
using storage::v1::CatalogRecord;
using storage::v1::GlobalIndexRecord;
using storage::v1::PartitionRecord;
using storage::v1::StreamRecord;
using storage::v1::TableRecord;

namespace {

constexpr char kCatalogKey[] = "catalog";
// Of the changes that were shared; not shared itself.
constexpr char kVersionKey[] = "version";

// Of a partition, or of a table that is gone.
std::string NumberKey(uint64_t id) {
  std::string key;
  AppendU64(&key, id);
  return key;
}

absl::Status NoSuchTable(absl::string_view name) {
  return model::MakeError(Reason::kResourceNotFound,
                          absl::StrCat("Requested resource not found: Table: ",
                                       name, " not found"));
}

absl::Status DataLoss(absl::string_view message) {
  return model::MakeError(Reason::kDataLoss, message);
}

template <typename Record>
absl::StatusOr<Record> Decode(absl::string_view what, absl::string_view key,
                              absl::string_view stored) {
  Record record;
  RETURN_IF_ERROR(DecodeRecord(what, key, stored, &record));
  RETURN_IF_ERROR(CheckFormat(what, record.format(), kNewestRecordFormat));
  return record;
}

absl::StatusOr<TableRecord> DecodeTable(absl::string_view name,
                                        absl::string_view stored) {
  return Decode<TableRecord>(absl::StrCat("the catalog's table ", name), name,
                             stored);
}

// The ranges, in order, cover each hash once.
bool CoverAll(const PartitionRecords& partitions) {
  uint64_t next = 0;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const PartitionRecord& partition = partitions[i];
    if (partition.first_hash() != next ||
        partition.last_hash() < partition.first_hash()) {
      return false;
    }
    const bool at_end = partition.last_hash() == UINT64_MAX;
    if (at_end != (i + 1 == partitions.size())) return false;
    next = partition.last_hash() + 1;
  }
  return !partitions.empty();
}

// Takes those of one table or index out of `partitions`, in order.
absl::StatusOr<PartitionRecords> TakePartitions(const TableRecord& table,
                                                uint32_t keyspace,
                                                PartitionRecords& partitions) {
  const auto others = std::stable_partition(
      partitions.begin(), partitions.end(),
      [&](const PartitionRecord& each) { return each.keyspace() != keyspace; });
  PartitionRecords taken(std::make_move_iterator(others),
                         std::make_move_iterator(partitions.end()));
  partitions.erase(others, partitions.end());
  std::sort(taken.begin(), taken.end(),
            [](const PartitionRecord& a, const PartitionRecord& b) {
              return a.first_hash() < b.first_hash();
            });
  if (CoverAll(taken)) return taken;
  return DataLoss(absl::StrCat("the catalog's partitions of table ",
                               table.name(), ", keyspace ", keyspace,
                               ", do not cover each hash once"));
}

// `partitions` are all that say they are the table's.
absl::StatusOr<CatalogTable> Assemble(TableRecord table,
                                      PartitionRecords partitions) {
  CatalogTable entry;
  ASSIGN_OR_RETURN(entry.partitions,
                   TakePartitions(table, table.keyspace(), partitions));
  for (const auto& index : table.global_indexes()) {
    ASSIGN_OR_RETURN(entry.index_partitions.emplace_back(),
                     TakePartitions(table, index.keyspace(), partitions));
  }
  if (!partitions.empty()) {
    return DataLoss(absl::StrCat(
        "the catalog has partitions of table ", table.name(), " in keyspace ",
        partitions.front().keyspace(), ", which it does not have"));
  }
  entry.table = std::move(table);
  return entry;
}

const GlobalIndexRecord* FindIndex(const TableRecord& table, uint64_t id) {
  for (const GlobalIndexRecord& index : table.global_indexes()) {
    if (index.id() == id) return &index;
  }
  return nullptr;
}

bool HasNewIndex(const TableRecord& table) {
  return FindIndex(table, 0) != nullptr;
}

// New streams get the table's schema version, and so do those that are closed
// now.
void NumberStreams(TableRecord* table) {
  for (StreamRecord& stream : *table->mutable_streams()) {
    if (stream.id() == 0) stream.set_id(table->schema_version());
    if (stream.has_closed() && stream.closed_version() == 0) {
      stream.set_closed_version(table->schema_version());
    }
  }
}

// As streams.
void NumberTimeToLive(TableRecord* table) {
  if (!table->has_time_to_live() || table->time_to_live().id() != 0) return;
  table->mutable_time_to_live()->set_id(table->schema_version());
}

// Whether a time to live began or ended.
bool TimeToLiveChanges(const TableRecord& old, const TableRecord& table) {
  return old.time_to_live().id() != table.time_to_live().id() ||
         (table.has_time_to_live() && table.time_to_live().id() == 0);
}

// Whether there is something to number.
bool StreamsChange(const TableRecord& table) {
  for (const StreamRecord& stream : table.streams()) {
    if (stream.id() == 0) return true;
    if (stream.has_closed() && stream.closed_version() == 0) return true;
  }
  return false;
}

// The lowest that says all that is in the record.
uint32_t FormatOf(const TableRecord& table) {
  if (table.has_time_to_live()) return kTimeToLiveTableFormat;
  if (!table.streams().empty()) return kStreamTableFormat;
  if (table.keeps_collection_sizes()) return kCollectionSizesTableFormat;
  if (table.schema_version() > 0) return kGlobalIndexTableFormat;
  return table.local_indexes().empty() ? kRecordFormat : kIndexedTableFormat;
}

// `count` consecutive ones.
uint32_t TakeKeyspaces(uint32_t count, CatalogRecord* numbers) {
  const uint32_t first = numbers->next_keyspace();
  CHECK_LT(first, UINT32_MAX - count);
  numbers->set_next_keyspace(first + count);
  return first;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Open(
    const CatalogOptions& options) {
  ASSIGN_OR_RETURN(auto environment,
                   lmdb::Environment::Open({.directory = options.directory,
                                            .max_databases = 8,
                                            .sync_commits = true}));
  ASSIGN_OR_RETURN(
      const std::vector<lmdb::Database> databases,
      environment->OpenDatabases({"catalog", "tables", "partitions", "gone"}));
  std::unique_ptr<Catalog> catalog(new Catalog(std::move(environment)));
  catalog->catalog_ = {databases[0], 0};
  catalog->tables_ = {databases[1], 1};
  catalog->partitions_ = {databases[2], 2};
  catalog->gone_ = {databases[3], 3};
  catalog->incarnation_ = options.incarnation;
  RETURN_IF_ERROR(catalog->ReadVersion());
  if (options.found) RETURN_IF_ERROR(catalog->Found(options));
  if (options.joins && catalog->version() == 0) return catalog;
  RETURN_IF_ERROR(catalog->CheckIdentity(options));
  return catalog;
}

absl::Status Catalog::ReadVersion() {
  ASSIGN_OR_RETURN(const auto transaction, environment_->BeginRead());
  ASSIGN_OR_RETURN(const auto stored, transaction.Get(catalog_, kVersionKey));
  if (!stored.has_value()) return absl::OkStatus();
  absl::string_view bytes = *stored;
  uint64_t version = 0;
  if (!ConsumeU64(&bytes, &version) || !bytes.empty()) {
    return DataLoss("the catalog's version is malformed");
  }
  version_ = version;
  return absl::OkStatus();
}

absl::Status Catalog::PutRow(lmdb::WriteTransaction& transaction,
                             const Part& part, absl::string_view key,
                             std::string value) {
  RETURN_IF_ERROR(transaction.Put(part, key, value));
  changed_.push_back({part.number, std::string(key), std::move(value)});
  return absl::OkStatus();
}

absl::StatusOr<bool> Catalog::DeleteRow(lmdb::WriteTransaction& transaction,
                                        const Part& part,
                                        absl::string_view key) {
  ASSIGN_OR_RETURN(const bool was_there, transaction.Delete(part, key));
  changed_.push_back({part.number, std::string(key), std::nullopt});
  return was_there;
}

template <typename Record>
absl::Status Catalog::Put(lmdb::WriteTransaction& transaction, const Part& part,
                          absl::string_view key, const Record& record) {
  return PutRow(transaction, part, key, EncodeRecord(key, record));
}

absl::StatusOr<bool> Catalog::Apply(uint64_t version,
                                    const std::vector<CatalogRow>& rows) {
  // Waits for a change of this node's own, which may be that one.
  ASSIGN_OR_RETURN(lmdb::WriteTransaction transaction,
                   environment_->BeginWrite());
  if (version <= version_.load()) return false;
  if (version != version_.load() + 1) {
    return DataLoss(absl::StrCat("change ", version,
                                 " of the catalog follows change ",
                                 version_.load()));
  }
  const Part* const parts[] = {&catalog_, &tables_, &partitions_, &gone_};
  for (const CatalogRow& row : rows) {
    if (row.database >= std::size(parts)) {
      return DataLoss("a shared change of the catalog names no database");
    }
    const Part& part = *parts[row.database];
    if (row.value.has_value()) {
      RETURN_IF_ERROR(transaction.Put(part, row.key, *row.value));
    } else {
      RETURN_IF_ERROR(transaction.Delete(part, row.key).status());
    }
  }
  std::string number;
  AppendU64(&number, version);
  RETURN_IF_ERROR(transaction.Put(catalog_, kVersionKey, number));
  ASSIGN_OR_RETURN(const CatalogRecord record, ReadCatalog(transaction));
  if (record.incarnation() != incarnation_) {
    return DataLoss("a shared change of the catalog is of another cluster");
  }
  hash_seed_ = record.hash_seed();
  RETURN_IF_ERROR(transaction.Commit());
  version_ = version;
  return true;
}

absl::StatusOr<std::vector<CatalogRow>> Catalog::Dump() const {
  ASSIGN_OR_RETURN(const auto transaction, environment_->BeginRead());
  std::vector<CatalogRow> rows;
  for (const Part* part : {&catalog_, &tables_, &partitions_, &gone_}) {
    ASSIGN_OR_RETURN(lmdb::Cursor cursor, transaction.OpenCursor(*part));
    RETURN_IF_ERROR(cursor.First());
    while (cursor.valid()) {
      if (part->number != catalog_.number || cursor.key() != kVersionKey) {
        rows.push_back({part->number, std::string(cursor.key()),
                        std::string(cursor.value())});
      }
      RETURN_IF_ERROR(cursor.Next());
    }
  }
  return rows;
}

absl::Status Catalog::Found(const CatalogOptions& options) {
  return Change([&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const auto stored, transaction.Get(catalog_, kCatalogKey));
    if (stored.has_value()) return absl::OkStatus();
    CatalogRecord record;
    record.set_format(kRecordFormat);
    record.set_incarnation(options.incarnation);
    record.set_hash_seed(RealSeed());
    record.set_next_table(1);
    record.set_next_keyspace(1);
    record.set_next_partition(1);
    return Put(transaction, catalog_, kCatalogKey, record);
  });
}

absl::Status Catalog::CheckIdentity(const CatalogOptions& options) {
  ASSIGN_OR_RETURN(const auto transaction, environment_->BeginRead());
  ASSIGN_OR_RETURN(const CatalogRecord record, ReadCatalog(transaction));
  if (record.incarnation() != options.incarnation) {
    return DataLoss(absl::StrCat("the catalog in ", options.directory,
                                 " belongs to another data directory"));
  }
  hash_seed_ = record.hash_seed();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CatalogTable>> Catalog::Load() const {
  ASSIGN_OR_RETURN(const auto transaction, environment_->BeginRead());
  ASSIGN_OR_RETURN(auto partitions, ReadPartitions(transaction));
  std::map<uint64_t, PartitionRecords> by_table;
  for (PartitionRecord& partition : partitions) {
    by_table[partition.table()].push_back(std::move(partition));
  }
  std::vector<CatalogTable> tables;
  RETURN_IF_ERROR(LoadTables(transaction, tables_, &by_table, &tables));
  RETURN_IF_ERROR(LoadTables(transaction, gone_, &by_table, &tables));
  if (!by_table.empty()) {
    return DataLoss(absl::StrCat("the catalog has partitions of a table ",
                                 by_table.begin()->first,
                                 " that it does not have"));
  }
  return tables;
}

absl::Status Catalog::LoadTables(const lmdb::Transaction& transaction,
                                 lmdb::Database database,
                                 std::map<uint64_t, PartitionRecords>* by_table,
                                 std::vector<CatalogTable>* tables) const {
  ASSIGN_OR_RETURN(lmdb::Cursor cursor, transaction.OpenCursor(database));
  RETURN_IF_ERROR(cursor.First());
  while (cursor.valid()) {
    ASSIGN_OR_RETURN(TableRecord table,
                     DecodeTable(cursor.key(), cursor.value()));
    PartitionRecords of_table = std::move((*by_table)[table.id()]);
    by_table->erase(table.id());
    ASSIGN_OR_RETURN(CatalogTable entry,
                     Assemble(std::move(table), std::move(of_table)));
    tables->push_back(std::move(entry));
    RETURN_IF_ERROR(cursor.Next());
  }
  return absl::OkStatus();
}

absl::StatusOr<CatalogTable> Catalog::LoadTable(absl::string_view name) const {
  ASSIGN_OR_RETURN(const auto transaction, environment_->BeginRead());
  ASSIGN_OR_RETURN(TableRecord table, ReadTable(transaction, name));
  return ReadEntry(transaction, std::move(table));
}

absl::StatusOr<bool> Catalog::WasGivenOut(PartitionId id) const {
  ASSIGN_OR_RETURN(const auto transaction, environment_->BeginRead());
  ASSIGN_OR_RETURN(const CatalogRecord record, ReadCatalog(transaction));
  return id.value() < record.next_partition();
}

absl::StatusOr<CatalogTable> Catalog::CreateTable(
    TableRecord table, const Placements& placements,
    absl::Span<const Placements> index_placements) {
  CatalogTable entry;
  const auto add = [&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const auto known, transaction.Get(tables_, table.name()));
    if (known.has_value()) {
      return model::MakeError(
          Reason::kTableAlreadyExists,
          absl::StrCat("Table already exists: ", table.name()));
    }
    ASSIGN_OR_RETURN(CatalogRecord numbers, ReadCatalog(transaction));
    table.set_id(numbers.next_table());
    numbers.set_next_table(numbers.next_table() + 1);
    // Its own and those of its local indexes.
    table.set_keyspace(TakeKeyspaces(1 + table.local_indexes_size(), &numbers));
    RETURN_IF_ERROR(AddPartitions(transaction, table.id(), table.keyspace(),
                                  placements, &numbers));
    if (HasNewIndex(table) || StreamsChange(table)) table.set_schema_version(1);
    NumberStreams(&table);
    RETURN_IF_ERROR(
        AddIndexes(transaction, index_placements, &numbers, &table));
    table.set_format(FormatOf(table));
    RETURN_IF_ERROR(Put(transaction, tables_, table.name(), table));
    RETURN_IF_ERROR(Put(transaction, catalog_, kCatalogKey, numbers));
    ASSIGN_OR_RETURN(entry, ReadEntry(transaction, std::move(table)));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(Change(add));
  return entry;
}

absl::StatusOr<CatalogTable> Catalog::UpdateTable(
    TableRecord table, absl::Span<const Placements> index_placements) {
  CatalogTable entry;
  const auto update = [&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const TableRecord old,
                     ReadTable(transaction, table.name()));
    CHECK_EQ(old.id(), table.id());
    CHECK_EQ(old.keyspace(), table.keyspace());
    bool changes = HasNewIndex(table) || StreamsChange(table) ||
                   TimeToLiveChanges(old, table);
    for (const GlobalIndexRecord& index : old.global_indexes()) {
      if (FindIndex(table, index.id()) != nullptr) continue;
      changes = true;
      RETURN_IF_ERROR(DropPartitions(
          transaction, table.id(), [&](const PartitionRecord& each) {
            return each.keyspace() == index.keyspace();
          }));
    }
    table.set_schema_version(old.schema_version() + (changes ? 1 : 0));
    NumberStreams(&table);
    NumberTimeToLive(&table);
    if (HasNewIndex(table)) {
      ASSIGN_OR_RETURN(CatalogRecord numbers, ReadCatalog(transaction));
      RETURN_IF_ERROR(
          AddIndexes(transaction, index_placements, &numbers, &table));
      RETURN_IF_ERROR(Put(transaction, catalog_, kCatalogKey, numbers));
    }
    table.set_format(FormatOf(table));
    RETURN_IF_ERROR(Put(transaction, tables_, table.name(), table));
    ASSIGN_OR_RETURN(entry, ReadEntry(transaction, std::move(table)));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(Change(update));
  return entry;
}

absl::Status Catalog::RestoreTable(const CatalogTable& old) {
  return Change([&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const TableRecord current,
                     ReadTable(transaction, old.table.name()));
    CHECK_EQ(old.table.id(), current.id());
    RETURN_IF_ERROR(
        DropPartitions(transaction, current.id(),
                       [](const PartitionRecord&) { return true; }));
    const auto put = [&](const PartitionRecords& partitions) -> absl::Status {
      for (const PartitionRecord& each : partitions) {
        RETURN_IF_ERROR(
            Put(transaction, partitions_, NumberKey(each.id()), each));
      }
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(put(old.partitions));
    for (const PartitionRecords& each : old.index_partitions) {
      RETURN_IF_ERROR(put(each));
    }
    TableRecord table = old.table;
    table.set_schema_version(current.schema_version());
    table.set_format(FormatOf(table));
    return Put(transaction, tables_, table.name(), table);
  });
}

absl::Status Catalog::DeleteTable(absl::string_view name) {
  return Change([&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const TableRecord table, ReadTable(transaction, name));
    RETURN_IF_ERROR(DropPartitions(
        transaction, table.id(), [](const PartitionRecord&) { return true; }));
    return DeleteRow(transaction, tables_, name).status();
  });
}

absl::StatusOr<CatalogTable> Catalog::RetireTable(
    absl::string_view name, const google::protobuf::Timestamp& now) {
  CatalogTable entry;
  const auto retire = [&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(TableRecord table, ReadTable(transaction, name));
    RETURN_IF_ERROR(DropPartitions(transaction, table.id(),
                                   [&](const PartitionRecord& each) {
                                     return each.keyspace() != table.keyspace();
                                   }));
    table.clear_global_indexes();
    table.set_state(storage::v1::TABLE_STATE_GONE);
    table.set_schema_version(table.schema_version() + 1);
    for (StreamRecord& stream : *table.mutable_streams()) {
      if (!stream.has_closed()) *stream.mutable_closed() = now;
    }
    NumberStreams(&table);
    table.set_format(FormatOf(table));
    RETURN_IF_ERROR(DeleteRow(transaction, tables_, name).status());
    RETURN_IF_ERROR(Put(transaction, gone_, NumberKey(table.id()), table));
    ASSIGN_OR_RETURN(entry, ReadEntry(transaction, std::move(table)));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(Change(retire));
  return entry;
}

absl::Status Catalog::ForgetTable(TableId id) {
  return Change([&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const bool was_there,
                     DeleteRow(transaction, gone_, NumberKey(id.value())));
    if (!was_there) return NoSuchTable(absl::StrCat("number ", id.value()));
    return DropPartitions(transaction, id.value(),
                          [](const PartitionRecord&) { return true; });
  });
}

absl::StatusOr<PartitionRecord> Catalog::ReadPartition(
    const lmdb::Transaction& transaction, PartitionId partition) const {
  const std::string key = NumberKey(partition.value());
  ASSIGN_OR_RETURN(const auto stored, transaction.Get(partitions_, key));
  if (stored.has_value()) {
    return Decode<PartitionRecord>("a partition of the catalog", key, *stored);
  }
  return model::MakeError(
      Reason::kResourceNotFound,
      absl::StrCat("the catalog has no partition ", partition.value()));
}

absl::StatusOr<uint64_t> Catalog::AddReplica(PartitionId partition,
                                             const std::string& node) {
  uint64_t id = 0;
  const auto add = [&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(PartitionRecord record,
                     ReadPartition(transaction, partition));
    ASSIGN_OR_RETURN(CatalogRecord numbers, ReadCatalog(transaction));
    id = std::max<uint64_t>(numbers.next_replica(), 1);
    numbers.set_next_replica(id + 1);
    storage::v1::ReplicaPlace* const replica = record.add_replicas();
    replica->set_id(id);
    replica->set_node(node);
    replica->set_joins(true);
    RETURN_IF_ERROR(
        Put(transaction, partitions_, NumberKey(record.id()), record));
    return Put(transaction, catalog_, kCatalogKey, numbers);
  };
  RETURN_IF_ERROR(Change(add));
  return id;
}

absl::Status Catalog::RemoveReplica(PartitionId partition, uint64_t replica) {
  return Change([&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(PartitionRecord record,
                     ReadPartition(transaction, partition));
    PartitionRecord kept = record;
    kept.clear_replicas();
    for (const storage::v1::ReplicaPlace& place : record.replicas()) {
      if (place.id() != replica) *kept.add_replicas() = place;
    }
    return Put(transaction, partitions_, NumberKey(kept.id()), kept);
  });
}

absl::Status Catalog::AddIndexes(lmdb::WriteTransaction& transaction,
                                 absl::Span<const Placements> placements,
                                 CatalogRecord* numbers, TableRecord* table) {
  if (!HasNewIndex(*table)) return absl::OkStatus();
  size_t added = 0;
  for (GlobalIndexRecord& index : *table->mutable_global_indexes()) {
    if (index.id() != 0) continue;
    index.set_id(std::max<uint64_t>(numbers->next_index(), 1));
    numbers->set_next_index(index.id() + 1);
    index.set_keyspace(TakeKeyspaces(1, numbers));
    index.set_schema_version(table->schema_version());
    index.set_state(storage::v1::GLOBAL_INDEX_STATE_NEW);
    CHECK_LT(added, placements.size()) << table->name();
    RETURN_IF_ERROR(AddPartitions(transaction, table->id(), index.keyspace(),
                                  placements[added++], numbers));
  }
  CHECK_EQ(added, placements.size()) << table->name();
  return absl::OkStatus();
}

absl::Status Catalog::AddPartitions(lmdb::WriteTransaction& transaction,
                                    uint64_t table, uint32_t keyspace,
                                    const Placements& placements,
                                    CatalogRecord* numbers) {
  for (const Placement& placement : placements) {
    PartitionRecord partition;
    partition.set_format(kRecordFormat);
    partition.set_id(numbers->next_partition());
    partition.set_table(table);
    partition.set_keyspace(keyspace);
    partition.set_first_hash(placement.range.first);
    partition.set_last_hash(placement.range.last);
    partition.set_epoch(1);
    partition.set_store(placement.store.value());
    if (door_ != nullptr) {
      for (const std::string& node : door_->Place()) {
        storage::v1::ReplicaPlace* const replica = partition.add_replicas();
        replica->set_id(std::max<uint64_t>(numbers->next_replica(), 1));
        replica->set_node(node);
        numbers->set_next_replica(replica->id() + 1);
      }
    }
    RETURN_IF_ERROR(
        Put(transaction, partitions_, NumberKey(partition.id()), partition));
    numbers->set_next_partition(numbers->next_partition() + 1);
  }
  return absl::OkStatus();
}

absl::Status Catalog::DropPartitions(
    lmdb::WriteTransaction& transaction, uint64_t table,
    absl::FunctionRef<bool(const PartitionRecord&)> which) {
  ASSIGN_OR_RETURN(const PartitionRecords partitions,
                   ReadPartitions(transaction));
  for (const PartitionRecord& partition : partitions) {
    if (partition.table() != table || !which(partition)) continue;
    RETURN_IF_ERROR(
        DeleteRow(transaction, partitions_, NumberKey(partition.id()))
            .status());
  }
  return absl::OkStatus();
}

absl::Status Catalog::Change(
    absl::FunctionRef<absl::Status(lmdb::WriteTransaction&)> body) {
  ASSIGN_OR_RETURN(lmdb::WriteTransaction transaction,
                   environment_->BeginWrite());
  if (failed_) {
    return model::MakeError(Reason::kStoreFenced,
                            "the catalog takes no changes until a new start: "
                            "a commit failed");
  }
  changed_.clear();
  RETURN_IF_ERROR(body(transaction));
  const uint64_t next = version_.load() + 1;
  if (door_ != nullptr) {
    std::string number;
    AppendU64(&number, next);
    RETURN_IF_ERROR(transaction.Put(catalog_, kVersionKey, number));
    RETURN_IF_ERROR(door_->Commit(next, changed_));
  }
  absl::Status committed = transaction.Commit();
  if (committed.ok() && door_ != nullptr) version_ = next;
  // A full disk is met before the page that makes the commit is written.
  if (!committed.ok() && model::ReasonOf(committed) != Reason::kStorageFull) {
    failed_ = true;
  }
  return committed;
}

absl::StatusOr<CatalogRecord> Catalog::ReadCatalog(
    const lmdb::Transaction& transaction) const {
  ASSIGN_OR_RETURN(const auto stored, transaction.Get(catalog_, kCatalogKey));
  if (!stored.has_value()) {
    return DataLoss("the catalog is missing: its databases are empty");
  }
  return Decode<CatalogRecord>("the catalog", kCatalogKey, *stored);
}

absl::StatusOr<TableRecord> Catalog::ReadTable(
    const lmdb::Transaction& transaction, absl::string_view name) const {
  if (name.empty() || name.size() > lmdb::kMaxKeyBytes) {
    return NoSuchTable(name);
  }
  ASSIGN_OR_RETURN(const auto stored, transaction.Get(tables_, name));
  if (!stored.has_value()) return NoSuchTable(name);
  return DecodeTable(name, *stored);
}

absl::StatusOr<CatalogTable> Catalog::ReadEntry(
    const lmdb::Transaction& transaction, TableRecord table) const {
  ASSIGN_OR_RETURN(const PartitionRecords all, ReadPartitions(transaction));
  PartitionRecords of_table;
  for (const PartitionRecord& partition : all) {
    if (partition.table() == table.id()) of_table.push_back(partition);
  }
  return Assemble(std::move(table), std::move(of_table));
}

absl::StatusOr<PartitionRecords> Catalog::ReadPartitions(
    const lmdb::Transaction& transaction) const {
  PartitionRecords partitions;
  ASSIGN_OR_RETURN(lmdb::Cursor cursor, transaction.OpenCursor(partitions_));
  RETURN_IF_ERROR(cursor.First());
  while (cursor.valid()) {
    ASSIGN_OR_RETURN(PartitionRecord partition,
                     Decode<PartitionRecord>("a partition of the catalog",
                                             cursor.key(), cursor.value()));
    partitions.push_back(std::move(partition));
    RETURN_IF_ERROR(cursor.Next());
  }
  return partitions;
}

}  // namespace pallet::cluster
