// SPDX-License-Identifier: Apache-2.0
//
// PartitionHost: the tables of a data directory and the stores that hold their
// partitions, in one copy. The service finds tables here, and hands in reads
// and writes of their partitions without knowing where they run.
//
//   ASSIGN_OR_RETURN(auto host, PartitionHost::Open({.data_directory = dir,
//                                   .open_store = storage::Store::Open}));
//   cluster::TablePtr table = host->FindTable("cities");
//   const TablePartition& partition = table->PartitionOf(hash);
//   RETURN_IF_ERROR(host->Submit(partition, std::move(write)));
//
// What always holds:
//   1. The catalog is changed first, and durably; partitions are made and
//      dropped after it, idempotently. Open finishes what a crash interrupted:
//      it makes the partitions of a table or of an index that was being
//      created, and drops partitions the catalog no longer knows.
//   2. A table is in the map only when all its partitions, and those of its
//      global indexes, are in their stores.
//   3. A partition that ought to be there and is not, or one whose number the
//      catalog never gave out, is damage: Open refuses with kDataLoss.
//
// Thread-safe. Table operations wait for the disk and run one after another:
// call them from the control path. FindTable, map, Submit and Read never wait
// for them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cluster/lock_filter.h"
#include "cluster/partition_map.h"
#include "storage/store.h"

namespace pallet::storage::v1 {
class PartitionRecord;
class TableRecord;
}  // namespace pallet::storage::v1

namespace pallet::cluster {

class Catalog;
class NodeDirectory;
struct CatalogTable;
struct Placement;
using PartitionRecords = std::vector<storage::v1::PartitionRecord>;
using Placements = std::vector<Placement>;

using StoreOpener =
    std::function<absl::StatusOr<std::unique_ptr<storage::Store>>(
        storage::StoreOptions)>;

struct PartitionHostOptions {
  std::string data_directory = {};
  StoreOpener open_store = {};  // storage::Store::Open, or a test's own
  // For a directory made now; later it is what it was made with.
  uint32_t store_count = 4;
  // 0: as many as there are stores.
  uint32_t partitions_per_table = 0;
  // Of a cluster's node, which has them open already; shared because they
  // outlive the time for which it leads. Otherwise both null.
  std::shared_ptr<NodeDirectory> directory = {};
  std::shared_ptr<Catalog> catalog = {};
  // For every store; directory, files, clock and logger are filled in.
  storage::StoreOptions store = {};
  FileSystem* file_system = FileSystem::Real();
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
};

// By DynamoDB's measure; exact for what is durable now.
struct TableCounts {
  uint64_t items = 0;
  uint64_t bytes = 0;
  std::vector<storage::RowCounts> local_indexes = {};   // of each, in order
  std::vector<storage::RowCounts> global_indexes = {};  // of each, in order
};

class PartitionHost {
 public:
  // Takes the directory (makes it if it is not there), recovers the stores side
  // by side and finishes what was interrupted. kFailedPrecondition if another
  // process has it or a newer version wrote it; kDataLoss if it is damaged.
  static absl::StatusOr<std::unique_ptr<PartitionHost>> Open(
      PartitionHostOptions options);
  PartitionHost(const PartitionHost&) = delete;
  PartitionHost& operator=(const PartitionHost&) = delete;
  // Closes the stores side by side. REQUIRES: nobody uses it any more.
  ~PartitionHost();

  // Null if there is no such table.
  TablePtr FindTable(absl::string_view name) const;
  std::shared_ptr<const PartitionMap> map() const;
  Clock* clock() const { return options_.clock; }
  // 16 random bytes that no other data directory, or cluster, has.
  const std::string& incarnation() const;
  // Of the placement hash (storage::PlacementHash).
  uint64_t hash_seed() const;

  // As Store::Submit. REQUIRES: write->partition() == partition.id.
  absl::Status Submit(const TablePartition& partition,
                      std::unique_ptr<storage::RowWrite> write);

  // As Store::Read, on a state not older than any write of this partition that
  // was answered before the call.
  absl::Status Read(
      const TablePartition& partition,
      absl::FunctionRef<absl::Status(storage::ReadTransaction&)> body);

  // The table as `definition` has it, ACTIVE and durable on return; id,
  // keyspace, uuid, state and time of creation are filled in. Its global
  // indexes are CREATING.
  // kTableAlreadyExists if there is one of that name. After another error there
  // is no such table, or (kOutcomeUnknown) there may be one after a new start.
  absl::StatusOr<TablePtr> CreateTable(storage::v1::TableRecord definition)
      ABSL_LOCKS_EXCLUDED(control_mutex_);

  // Durable on return. `change` may not touch name, id, keyspace or local
  // indexes; if it returns an error, nothing is changed and that error is
  // returned. It may add global indexes (records without an id, which come to
  // be CREATING), take some away, and change their throughput. It may add a
  // stream (without an id), close one (set `closed`) or take a closed one away.
  // It may begin a time to live (without an id), change it, and end it.
  // kResourceNotFound if there is no such table. After another error nothing
  // has changed, or (kOutcomeUnknown) it may have after a new start.
  absl::StatusOr<TablePtr> UpdateTable(
      absl::string_view name,
      absl::FunctionRef<absl::Status(storage::v1::TableRecord&)> change)
      ABSL_LOCKS_EXCLUDED(control_mutex_);

  // The indexes are ACTIVE, durably, on return; those that are gone are passed
  // over. kResourceNotFound if there is no such table.
  absl::StatusOr<TablePtr> ActivateIndexes(absl::string_view name,
                                           absl::Span<const IndexId> indexes)
      ABSL_LOCKS_EXCLUDED(control_mutex_);

  // Durable on return: the table is gone, its name free, its rows are removed
  // in the background. One with streams stays in the map as one that is gone,
  // and so do its partitions. `check` may refuse. Returns the table as it was.
  absl::StatusOr<TablePtr> DeleteTable(
      absl::string_view name,
      absl::FunctionRef<absl::Status(const storage::v1::TableRecord&)> check)
      ABSL_LOCKS_EXCLUDED(control_mutex_);

  // Nothing is kept of a table that is gone. Durable on return.
  // kResourceNotFound if there is no such table.
  absl::Status ForgetTable(TableId id) ABSL_LOCKS_EXCLUDED(control_mutex_);

  absl::StatusOr<TableCounts> CountsOf(const Table& table);
  // Of its items and of its entries in local indexes, by DynamoDB's measure.
  absl::StatusOr<uint64_t> BytesOf(const TablePartition& partition);

  // Of the rows of all partitions; has those that a start found.
  LockFilter& locks() { return locks_; }
  const LockFilter& locks() const { return locks_; }

  // For metrics, health and maintenance: not the way to a table's rows.
  uint32_t store_count() const { return stores_.size(); }
  storage::Store& store(StoreId id) { return *stores_[id.value()]; }

 private:
  struct ExpectedPartition {
    const storage::v1::PartitionRecord* record = nullptr;
    uint32_t index_count = 0;
  };
  using ExpectedPartitions = std::map<storage::PartitionId, ExpectedPartition>;

  explicit PartitionHost(PartitionHostOptions options);

  absl::Status OpenDirectory();
  absl::Status OpenStores();
  absl::Status CountLocks();
  absl::Status Reconcile() ABSL_LOCKS_EXCLUDED(control_mutex_);
  // Takes what the stores have out of `expected`; drops orphans.
  absl::Status MatchPartitions(ExpectedPartitions& expected);
  absl::Status DropOrphan(StoreId store, storage::PartitionId id);
  absl::StatusOr<TablePtr> FinishTable(CatalogTable entry,
                                       const ExpectedPartitions& missing);

  // Where the partitions of `count` new tables and indexes go.
  std::vector<Placements> Place(size_t count) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_mutex_);
  // Creates in their stores the partitions of a table, and of indexes, that are
  // not made yet, and notes in the catalog that they are.
  absl::StatusOr<CatalogTable> MakePartitions(CatalogTable entry);
  absl::Status MakeInStores(const PartitionRecords& partitions,
                            uint32_t index_count);
  void DropPartitions(const std::vector<TablePartition>& partitions);
  absl::Status UndoCreation(const CatalogTable& entry, absl::Status why);
  absl::Status UndoUpdate(const CatalogTable& before, absl::Status why);
  // Of an index.
  absl::StatusOr<storage::RowCounts> CountsOf(
      const std::vector<TablePartition>& partitions);
  absl::Status Retire(absl::string_view name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_mutex_);
  void Publish(absl::string_view name, TablePtr table)
      ABSL_LOCKS_EXCLUDED(map_mutex_);
  void Publish(std::shared_ptr<const PartitionMap> next)
      ABSL_LOCKS_EXCLUDED(map_mutex_);

  const PartitionHostOptions options_;
  // In the order they are made; the stores go before the lock on the directory.
  std::shared_ptr<NodeDirectory> directory_;
  std::shared_ptr<Catalog> catalog_;
  std::vector<std::unique_ptr<storage::Store>> stores_;

  LockFilter locks_;

  // Lock order: control_mutex_, then map_mutex_.
  absl::Mutex control_mutex_;  // one table operation at a time
  mutable absl::Mutex map_mutex_;
  // Shared because readers keep it while the next one is put in its place.
  std::shared_ptr<const PartitionMap> map_ ABSL_GUARDED_BY(map_mutex_);
};

}  // namespace pallet::cluster
