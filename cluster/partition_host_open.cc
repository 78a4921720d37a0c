// SPDX-License-Identifier: Apache-2.0
//
// How a partition host opens and closes: the stores side by side, and what a
// start makes of the state that the last process left behind.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "cluster/catalog.h"
#include "cluster/node_directory.h"
#include "cluster/partition_host.h"
#include "cluster/table_record.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "storage/side_rows.h"

namespace pallet::cluster {

using model::Reason;
using storage::PartitionId;
using storage::PartitionInfo;
using storage::v1::PartitionRecord;

namespace {

absl::Status DataLoss(absl::string_view message) {
  return model::MakeError(Reason::kDataLoss, message);
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

absl::StatusOr<std::unique_ptr<PartitionHost>> PartitionHost::Open(
    PartitionHostOptions options) {
  CHECK(options.open_store != nullptr);
  std::unique_ptr<PartitionHost> host(new PartitionHost(std::move(options)));
  RETURN_IF_ERROR(host->OpenDirectory());
  RETURN_IF_ERROR(host->OpenStores());
  RETURN_IF_ERROR(host->Reconcile());
  RETURN_IF_ERROR(host->CountLocks());
  RETURN_IF_ERROR(host->directory_->MarkFounded());
  return host;
}

PartitionHost::~PartitionHost() {
  SideBySide("close", stores_.size(), [this](size_t i) { stores_[i].reset(); });
}

absl::Status PartitionHost::OpenDirectory() {
  if (options_.catalog != nullptr) {
    directory_ = options_.directory;
    catalog_ = options_.catalog;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(directory_,
                   NodeDirectory::Open({.path = options_.data_directory,
                                        .store_count = options_.store_count,
                                        .file_system = options_.file_system,
                                        .clock = options_.clock}));
  if (directory_->replicated()) {
    return absl::FailedPreconditionError(absl::StrCat(
        options_.data_directory,
        " belongs to a cluster: start it with the cluster's settings"));
  }
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
    for (const PartitionRecords& index : entry.index_partitions) {
      for (const PartitionRecord& partition : index) {
        missing[PartitionId(partition.id())] = {&partition, 0};
      }
    }
  }
  RETURN_IF_ERROR(MatchPartitions(missing));
  std::vector<TablePtr> tables, gone;
  for (CatalogTable& entry : entries) {
    ASSIGN_OR_RETURN(TablePtr table, FinishTable(std::move(entry), missing));
    const bool is_gone =
        table->record->state() == storage::v1::TABLE_STATE_GONE;
    (is_gone ? gone : tables).push_back(std::move(table));
  }
  options_.logger->Info("node.opened", {{"data", options_.data_directory},
                                        {"stores", stores_.size()},
                                        {"tables", tables.size()}});
  absl::MutexLock lock(&map_mutex_);
  map_ = std::make_shared<PartitionMap>(std::move(tables), 1, std::move(gone));
  return absl::OkStatus();
}

absl::Status PartitionHost::CountLocks() {
  const storage::SideRange all = storage::AllLocks();
  for (const std::unique_ptr<storage::Store>& store : stores_) {
    RETURN_IF_ERROR(
        store->Read([&](storage::ReadTransaction& rows) -> absl::Status {
          const auto cursor = rows.Cursor(all.begin, all.end);
          RETURN_IF_ERROR(cursor->SeekAtOrAfter(all.begin));
          while (cursor->Valid()) {
            locks_.Add(storage::RowOfLockKey(cursor->key()));
            RETURN_IF_ERROR(cursor->Next());
          }
          return absl::OkStatus();
        }));
  }
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

// Tables and indexes that were being created when the process ended; others
// must be whole.
absl::StatusOr<TablePtr> PartitionHost::FinishTable(
    CatalogTable entry, const ExpectedPartitions& missing) {
  const auto check = [&](const PartitionRecords& partitions) -> absl::Status {
    for (const PartitionRecord& partition : partitions) {
      if (!missing.contains(PartitionId(partition.id()))) continue;
      return DataLoss(absl::StrCat("partition ", partition.id(), " of table ",
                                   entry.table.name(), " is not in store ",
                                   partition.store()));
    }
    return absl::OkStatus();
  };
  const bool is_new = entry.table.state() == storage::v1::TABLE_STATE_CREATING;
  if (is_new) {
    options_.logger->Info("table.creation_finished",
                          {{"table", entry.table.name()}});
  } else {
    RETURN_IF_ERROR(check(entry.partitions));
  }
  for (int i = 0; i < entry.table.global_indexes_size(); ++i) {
    const auto& index = entry.table.global_indexes(i);
    if (index.state() == storage::v1::GLOBAL_INDEX_STATE_NEW) {
      if (is_new) continue;
      options_.logger->Info(
          "index.creation_finished",
          {{"table", entry.table.name()}, {"index", index.name()}});
    } else {
      RETURN_IF_ERROR(check(entry.index_partitions[i]));
    }
  }
  ASSIGN_OR_RETURN(entry, MakePartitions(std::move(entry)));
  return MakeTable(entry, nullptr, options_.clock);
}

}  // namespace pallet::cluster
