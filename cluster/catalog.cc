// SPDX-License-Identifier: Apache-2.0
#include "cluster/catalog.h"

#include <algorithm>
#include <map>
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
using storage::v1::PartitionRecord;
using storage::v1::TableRecord;

namespace {

constexpr char kCatalogKey[] = "catalog";

std::string PartitionKey(uint64_t id) {
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

template <typename Record>
absl::Status Put(lmdb::WriteTransaction& transaction, lmdb::Database database,
                 absl::string_view key, const Record& record) {
  return transaction.Put(database, key, EncodeRecord(key, record));
}

// The ranges, in order, cover each hash once.
bool CoverAll(const std::vector<PartitionRecord>& partitions) {
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

void SortByRange(std::vector<PartitionRecord>& partitions) {
  std::sort(partitions.begin(), partitions.end(),
            [](const PartitionRecord& a, const PartitionRecord& b) {
              return a.first_hash() < b.first_hash();
            });
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
      environment->OpenDatabases({"catalog", "tables", "partitions"}));
  std::unique_ptr<Catalog> catalog(new Catalog(std::move(environment)));
  catalog->catalog_ = databases[0];
  catalog->tables_ = databases[1];
  catalog->partitions_ = databases[2];
  if (options.found) RETURN_IF_ERROR(catalog->Found(options));
  RETURN_IF_ERROR(catalog->CheckIdentity(options));
  return catalog;
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
  std::map<uint64_t, std::vector<PartitionRecord>> by_table;
  for (PartitionRecord& partition : partitions) {
    by_table[partition.table()].push_back(std::move(partition));
  }
  std::vector<CatalogTable> tables;
  ASSIGN_OR_RETURN(lmdb::Cursor cursor, transaction.OpenCursor(tables_));
  RETURN_IF_ERROR(cursor.First());
  while (cursor.valid()) {
    CatalogTable entry;
    ASSIGN_OR_RETURN(entry.table, DecodeTable(cursor.key(), cursor.value()));
    entry.partitions = std::move(by_table[entry.table.id()]);
    by_table.erase(entry.table.id());
    SortByRange(entry.partitions);
    if (!CoverAll(entry.partitions)) {
      return DataLoss(absl::StrCat("the catalog's partitions of table ",
                                   entry.table.name(),
                                   " do not cover each hash once"));
    }
    tables.push_back(std::move(entry));
    RETURN_IF_ERROR(cursor.Next());
  }
  if (!by_table.empty()) {
    return DataLoss(absl::StrCat("the catalog has partitions of a table ",
                                 by_table.begin()->first,
                                 " that it does not have"));
  }
  return tables;
}

absl::StatusOr<bool> Catalog::WasGivenOut(PartitionId id) const {
  ASSIGN_OR_RETURN(const auto transaction, environment_->BeginRead());
  ASSIGN_OR_RETURN(const CatalogRecord record, ReadCatalog(transaction));
  return id.value() < record.next_partition();
}

absl::StatusOr<CatalogTable> Catalog::CreateTable(
    TableRecord definition, absl::Span<const Placement> placements) {
  CatalogTable entry;
  entry.table = std::move(definition);
  TableRecord& table = entry.table;
  const auto add = [&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const auto known, transaction.Get(tables_, table.name()));
    if (known.has_value()) {
      return model::MakeError(
          Reason::kTableAlreadyExists,
          absl::StrCat("Table already exists: ", table.name()));
    }
    ASSIGN_OR_RETURN(CatalogRecord numbers, ReadCatalog(transaction));
    table.set_format(table.local_indexes().empty() ? kRecordFormat
                                                   : kIndexedTableFormat);
    table.set_id(numbers.next_table());
    table.set_keyspace(numbers.next_keyspace());
    for (const Placement& placement : placements) {
      PartitionRecord& partition = entry.partitions.emplace_back();
      partition.set_format(kRecordFormat);
      partition.set_id(numbers.next_partition());
      partition.set_table(table.id());
      partition.set_keyspace(table.keyspace());
      partition.set_first_hash(placement.range.first);
      partition.set_last_hash(placement.range.last);
      partition.set_epoch(1);
      partition.set_store(placement.store.value());
      RETURN_IF_ERROR(Put(transaction, partitions_,
                          PartitionKey(partition.id()), partition));
      numbers.set_next_partition(numbers.next_partition() + 1);
    }
    CHECK(CoverAll(entry.partitions)) << table.name();
    // Its own keyspace and those of its local indexes.
    const uint32_t keyspaces = 1 + table.local_indexes_size();
    CHECK_LT(numbers.next_keyspace(), UINT32_MAX - keyspaces);
    numbers.set_next_table(numbers.next_table() + 1);
    numbers.set_next_keyspace(numbers.next_keyspace() + keyspaces);
    RETURN_IF_ERROR(Put(transaction, tables_, table.name(), table));
    return Put(transaction, catalog_, kCatalogKey, numbers);
  };
  RETURN_IF_ERROR(Change(add));
  return entry;
}

absl::Status Catalog::UpdateTable(const TableRecord& record) {
  return Change([&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const TableRecord old,
                     ReadTable(transaction, record.name()));
    CHECK_EQ(old.id(), record.id());
    CHECK_EQ(old.keyspace(), record.keyspace());
    return Put(transaction, tables_, record.name(), record);
  });
}

absl::Status Catalog::DeleteTable(absl::string_view name) {
  return Change([&](lmdb::WriteTransaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const TableRecord table, ReadTable(transaction, name));
    ASSIGN_OR_RETURN(const auto partitions, ReadPartitions(transaction));
    for (const PartitionRecord& partition : partitions) {
      if (partition.table() != table.id()) continue;
      RETURN_IF_ERROR(
          transaction.Delete(partitions_, PartitionKey(partition.id()))
              .status());
    }
    return transaction.Delete(tables_, name).status();
  });
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
  RETURN_IF_ERROR(body(transaction));
  absl::Status committed = transaction.Commit();
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

absl::StatusOr<std::vector<PartitionRecord>> Catalog::ReadPartitions(
    const lmdb::Transaction& transaction) const {
  std::vector<PartitionRecord> partitions;
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
