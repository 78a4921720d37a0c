// SPDX-License-Identifier: Apache-2.0
//
// IndexKeeper: who brings global indexes to their tables and keeps them in
// step. Table operations tell him what became of a table, in the order in which
// it changed.
//
// Called on the control path, by one thread at a time.
#pragma once

#include "absl/status/status.h"
#include "cluster/partition_map.h"

namespace pallet::service {

class IndexKeeper {
 public:
  virtual ~IndexKeeper() = default;

  // The table was made or changed, and has or had global indexes: the catalog
  // has it and the indexes' partitions are in their stores. Idempotent: the
  // indexes may be what they were. On OK its partitions keep
  // changes for each of its indexes, and what need not be filled is ACTIVE. An
  // error does not undo the change: the next start goes on with it.
  virtual absl::Status TableChanged(const cluster::TablePtr& table) = 0;

  // The table is gone from the map, and its partitions from their stores.
  virtual void TableGone(const cluster::Table& table) = 0;
};

}  // namespace pallet::service
