// SPDX-License-Identifier: Apache-2.0
//
// Router: from a table's name and a key to the partition and row that hold the
// item. Thread-safe; a value.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_host.h"
#include "cluster/partition_map.h"
#include "model/key.h"
#include "service/index_keeper.h"

namespace pallet::service {

// A row of a table: where it lives and its whole key. Borrows the table.
struct Row {
  const cluster::TablePartition* partition = nullptr;
  std::string key;
};

// kResourceNotFound in these words, with the table's name as a detail.
absl::Status TableNotFound(absl::string_view name, absl::string_view message);

class Router {
 public:
  // Both outlive this; `indexes` may be null.
  explicit Router(cluster::PartitionHost* host, IndexKeeper* indexes = nullptr)
      : host_(host), indexes_(indexes) {}

  // kResourceNotFound if there is no such table. `name` is no ARN any more.
  absl::StatusOr<cluster::TablePtr> Find(absl::string_view name) const;

  // kResourceNotFound if the table has gone since it was found: the rows of a
  // table that goes vanish bit by bit, so a reader who missed some asks here
  // before he says that there are none.
  absl::Status CheckStillThere(const cluster::Table& table) const;

  // Of a canonical key item: exactly the table's key attributes.
  absl::StatusOr<Row> RowOfKey(const cluster::Table& table,
                               absl::string_view key_item) const;
  // Of a canonical whole item.
  absl::StatusOr<Row> RowOfItem(const cluster::Table& table,
                                absl::string_view item) const;

  // Whether the table's global indexes take further changes of the partition.
  absl::Status CheckRoom(const cluster::Table& table,
                         storage::PartitionId partition) const {
    if (indexes_ == nullptr || table.global_indexes.empty()) {
      return absl::OkStatus();
    }
    return indexes_->CheckRoom(table, partition);
  }

  uint64_t hash_seed() const { return host_->hash_seed(); }
  cluster::PartitionHost& host() const { return *host_; }

 private:
  Row RowOf(const cluster::Table& table, const model::Key& key) const;

  cluster::PartitionHost* host_;
  IndexKeeper* indexes_;
};

}  // namespace pallet::service
