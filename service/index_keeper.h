// SPDX-License-Identifier: Apache-2.0
//
// IndexKeeper: who brings global indexes to their tables and keeps them in
// step. Table operations tell him what became of a table, in the order in which
// it changed; reads ask him to wait until an index is as fresh as they need.
#pragma once

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cluster/partition_map.h"
#include "gsi/propagator.h"
#include "service/position.h"

namespace pallet::service {

// What a read of an index must see. All must hold.
struct FreshnessGoal {
  bool strong = false;                   // every write that was answered before
  std::vector<Position> positions = {};  // those of other tables do not matter
  absl::Duration max_staleness = absl::InfiniteDuration();
};

class IndexKeeper {
 public:
  virtual ~IndexKeeper() = default;

  // The table was made or changed, and has or had global indexes: the catalog
  // has it and the indexes' partitions are in their stores. Idempotent: the
  // indexes may be what they were. On OK its partitions keep
  // changes for each of its indexes, and what need not be filled is ACTIVE. An
  // error does not undo the change: the next start goes on with it.
  // On the control path, by one thread at a time.
  virtual absl::Status TableChanged(const cluster::TablePtr& table) = 0;

  // The table is gone from the map, and its partitions from their stores.
  // On the control path, by one thread at a time.
  virtual void TableGone(const cluster::Table& table) = 0;

  // Calls `done` once, when a read of the index that begins then sees what is
  // asked for, or with kDeadlineExceeded and how far the index is behind
  // (pallet.v1.IndexLag) when `deadline` (on the monotonic clock) has passed. On
  // this thread or another: it must not block. Thread-safe.
  virtual void AwaitFresh(const cluster::TablePtr& table,
                          const cluster::GlobalIndex& index,
                          const FreshnessGoal& goal, absl::Duration deadline,
                          absl::AnyInvocable<void(absl::Status)> done) = 0;

  // Thread-safe.
  virtual absl::StatusOr<gsi::IndexProgress> ProgressOf(
      const cluster::Table& table, const cluster::GlobalIndex& index) = 0;

  // OK, or kThrottling with the index that is too far behind to take further
  // changes from that partition. Thread-safe.
  virtual absl::Status CheckRoom(const cluster::Table& table,
                                 storage::PartitionId partition) = 0;
};

}  // namespace pallet::service
