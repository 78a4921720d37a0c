// SPDX-License-Identifier: Apache-2.0
//
// Catalog: which tables and partitions there are, in an LMDB environment with
// synced commits.
//
//   database     key                value
//   catalog      "catalog"          CatalogRecord
//   tables       name               TableRecord
//   partitions   id u64, big endian PartitionRecord
//   gone         table id u64       TableRecord
//
// Values as in record_codec.h. What always holds:
//   1. Each call is one transaction: durable on return, or nothing happened.
//   2. Table, index, keyspace and partition numbers are given out once, ever.
//   3. Each partition belongs to a table or to one of its global indexes, which
//      its keyspace tells; those of each cover each hash once.
//   4. After a failed commit nothing can be said about the disk: every later
//      change is refused until a new start.
//
// Thread-safe; changes run one after another.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cluster/partition_map.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "storage/ids.h"
#include "storage/lmdb.h"

namespace pallet::cluster {

struct CatalogOptions {
  std::string directory = {};    // exists
  std::string incarnation = {};  // of the data directory it belongs to
  // True: make it if there is none. False: there must be one.
  bool found = false;
  // It is empty, or comes from Apply alone.
  bool joins = false;
};

// In the order of their ranges.
using PartitionRecords = std::vector<storage::v1::PartitionRecord>;

// A table and its partitions.
struct CatalogTable {
  storage::v1::TableRecord table = {};
  PartitionRecords partitions = {};
  // Of each of its global indexes, in their order.
  std::vector<PartitionRecords> index_partitions = {};
};

// A row of the catalog that a change puts or (no value) deletes.
struct CatalogRow {
  uint8_t database = 0;  // in the order of the list above
  std::string key = {};
  std::optional<std::string> value = {};

  friend bool operator==(const CatalogRow&, const CatalogRow&) = default;
};

// Through which the catalogs of a cluster's nodes come to be one. Thread-safe.
class CatalogDoor {
 public:
  virtual ~CatalogDoor() = default;
  // OK: this is change number `version` for all nodes. An error: it is not, or
  // (kOutcomeUnknown) that is not known.
  virtual absl::Status Commit(uint64_t version,
                              const std::vector<CatalogRow>& rows) = 0;
  // The nodes on which the replicas of a new partition are to be.
  virtual std::vector<std::string> Place() = 0;
};

// Where one partition of a new table or index goes.
struct Placement {
  storage::HashRange range;
  StoreId store;
};
// Of all partitions of one, in the order of their ranges.
using Placements = std::vector<Placement>;

class Catalog {
 public:
  // kDataLoss if it is missing, damaged or another directory's;
  // kFailedPrecondition if a newer version wrote it.
  static absl::StatusOr<std::unique_ptr<Catalog>> Open(
      const CatalogOptions& options);

  // From now on each change is committed through the door first; borrowed.
  void ShareThrough(CatalogDoor* door) { door_ = door; }
  // How many changes were shared.
  uint64_t version() const { return version_.load(); }
  // What another node has committed. False if it is known already; kDataLoss if
  // there is one missing before it.
  absl::StatusOr<bool> Apply(uint64_t version,
                             const std::vector<CatalogRow>& rows);
  // All rows.
  absl::StatusOr<std::vector<CatalogRow>> Dump() const;
  // NodeRecord.incarnation, or the cluster's.
  const std::string& incarnation() const { return incarnation_; }

  uint64_t hash_seed() const { return hash_seed_; }

  // Every table, sorted by name, then those that are gone. Reads and checks
  // everything.
  absl::StatusOr<std::vector<CatalogTable>> Load() const;

  // kResourceNotFound if there is no such table.
  absl::StatusOr<CatalogTable> LoadTable(absl::string_view name) const;

  // Whether that number was ever given out.
  absl::StatusOr<bool> WasGivenOut(storage::PartitionId id) const;

  // Adds `definition` under new numbers. `index_placements` are of each of its
  // global indexes. kTableAlreadyExists.
  absl::StatusOr<CatalogTable> CreateTable(
      storage::v1::TableRecord definition, const Placements& placements,
      absl::Span<const Placements> index_placements);

  // Replaces the record of that name and id. Global indexes without an id are
  // new: they are numbered, and placed as `index_placements` says. Partitions
  // of those that are not in the record any more are taken out. Streams without
  // an id are new, those that have come to be closed get a closed_version. Each
  // of these gives the table a new schema version. Returns what there is now.
  // kResourceNotFound.
  absl::StatusOr<CatalogTable> UpdateTable(
      storage::v1::TableRecord record,
      absl::Span<const Placements> index_placements);

  // Takes an UpdateTable back: all is as `old` says, but no number is given out
  // again. kResourceNotFound.
  absl::Status RestoreTable(const CatalogTable& old);

  // Takes the table and its partitions out. kResourceNotFound.
  absl::Status DeleteTable(absl::string_view name);

  // Takes the table out of those that have a name, and all its global indexes.
  // It is GONE, its streams are closed at that time, and its own partitions
  // stay. Returns what there is now. kResourceNotFound.
  absl::StatusOr<CatalogTable> RetireTable(
      absl::string_view name, const google::protobuf::Timestamp& now);
  // Gives the partition one more replica, on that node, that joins. Returns its
  // id. kResourceNotFound.
  absl::StatusOr<uint64_t> AddReplica(storage::PartitionId partition,
                                      const std::string& node);
  // Takes it out. kResourceNotFound.
  absl::Status RemoveReplica(storage::PartitionId partition, uint64_t replica);
  // Takes out a table that is GONE, and its partitions. kResourceNotFound.
  absl::Status ForgetTable(TableId id);

 private:
  struct Part {
    storage::lmdb::Database database;
    uint8_t number = 0;
    operator storage::lmdb::Database() const { return database; }  // NOLINT
  };

  explicit Catalog(std::unique_ptr<storage::lmdb::Environment> environment)
      : environment_(std::move(environment)) {}

  absl::Status Found(const CatalogOptions& options);
  absl::Status CheckIdentity(const CatalogOptions& options);
  // Gives numbers to the record's new indexes and adds their partitions.
  absl::Status AddIndexes(storage::lmdb::WriteTransaction& transaction,
                          absl::Span<const Placements> placements,
                          storage::v1::CatalogRecord* numbers,
                          storage::v1::TableRecord* table);
  absl::Status AddPartitions(storage::lmdb::WriteTransaction& transaction,
                             uint64_t table, uint32_t keyspace,
                             const Placements& placements,
                             storage::v1::CatalogRecord* numbers);
  // Those of the table that `which` takes.
  absl::Status DropPartitions(
      storage::lmdb::WriteTransaction& transaction, uint64_t table,
      absl::FunctionRef<bool(const storage::v1::PartitionRecord&)> which);
  // All that changes rows goes through these.
  absl::Status PutRow(storage::lmdb::WriteTransaction& transaction,
                      const Part& part, absl::string_view key,
                      std::string value);
  absl::StatusOr<bool> DeleteRow(storage::lmdb::WriteTransaction& transaction,
                                 const Part& part, absl::string_view key);
  template <typename Record>
  absl::Status Put(storage::lmdb::WriteTransaction& transaction,
                   const Part& part, absl::string_view key,
                   const Record& record);
  absl::Status ReadVersion();
  // One transaction around `body`.
  absl::Status Change(
      absl::FunctionRef<absl::Status(storage::lmdb::WriteTransaction&)> body);

  absl::StatusOr<storage::v1::CatalogRecord> ReadCatalog(
      const storage::lmdb::Transaction& transaction) const;
  absl::StatusOr<storage::v1::TableRecord> ReadTable(
      const storage::lmdb::Transaction& transaction,
      absl::string_view name) const;
  // The table and its partitions.
  absl::StatusOr<CatalogTable> ReadEntry(
      const storage::lmdb::Transaction& transaction,
      storage::v1::TableRecord table) const;
  // Adds each table of `database` and takes its partitions out of `by_table`.
  absl::Status LoadTables(const storage::lmdb::Transaction& transaction,
                          storage::lmdb::Database database,
                          std::map<uint64_t, PartitionRecords>* by_table,
                          std::vector<CatalogTable>* tables) const;
  absl::StatusOr<storage::v1::PartitionRecord> ReadPartition(
      const storage::lmdb::Transaction& transaction,
      storage::PartitionId partition) const;
  absl::StatusOr<PartitionRecords> ReadPartitions(
      const storage::lmdb::Transaction& transaction) const;

  const std::unique_ptr<storage::lmdb::Environment> environment_;
  Part catalog_, tables_, partitions_, gone_;
  uint64_t hash_seed_ = 0;
  std::string incarnation_;
  CatalogDoor* door_ = nullptr;
  std::atomic<uint64_t> version_{0};
  std::vector<CatalogRow> changed_;   // in the write that is open
  std::atomic<bool> failed_ = false;  // a commit did
};

}  // namespace pallet::cluster
