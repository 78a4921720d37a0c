// SPDX-License-Identifier: Apache-2.0
//
// Indexing: the global indexes of a node. Wires the propagator (gsi/) to the
// tables and stores of the partition host.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/log.h"
#include "cluster/partition_host.h"
#include "gsi/propagator.h"
#include "service/index_keeper.h"

namespace pallet::service {

struct IndexingOptions {
  cluster::PartitionHost* host = nullptr;  // outlives this
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  // Changes of a partition of a table that an index may lack before writes are
  // refused.
  uint64_t max_backlog = 10'000'000;
};

class Indexing final : public IndexKeeper {
 public:
  // Goes on with the indexes of all tables.
  explicit Indexing(const IndexingOptions& options);
  Indexing(const Indexing&) = delete;
  // REQUIRES: nobody writes any more.
  ~Indexing() override;

  absl::Status TableChanged(const cluster::TablePtr& table) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void TableGone(const cluster::Table& table) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void AwaitFresh(const cluster::TablePtr& table,
                  const cluster::GlobalIndex& index, const FreshnessGoal& goal,
                  absl::Duration deadline,
                  absl::AnyInvocable<void(absl::Status)> done) override;
  absl::StatusOr<gsi::IndexProgress> ProgressOf(
      const cluster::Table& table, const cluster::GlobalIndex& index) override;
  absl::Status CheckRoom(const cluster::Table& table,
                         storage::PartitionId partition) override;

  // Ends propagation and tells those who wait.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  gsi::Propagator& propagator() { return *propagator_; }

  // What the propagator knows of the table.
  gsi::TopologyPtr TopologyOf(const cluster::Table& table) const;

 private:
  // Brings the table as it is now to the propagator; nothing if it is gone.
  absl::Status Set(absl::string_view table) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnFilled(const gsi::TopologyPtr& table,
                const std::vector<uint64_t>& indexes)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<gsi::Propagator::Goal>> GoalsOf(
      const cluster::Table& table, const cluster::GlobalIndex& index,
      const FreshnessGoal& goal);
  // Of one lineage; 0: whatever the index has is fresh enough.
  absl::StatusOr<storage::ChangeSeq> SeqOf(
      const cluster::Table& table, const cluster::GlobalIndex& index,
      const cluster::TablePartition& source, const FreshnessGoal& goal);
  absl::Status TooLate(const cluster::Table& table,
                       const cluster::GlobalIndex& index);

  const IndexingOptions options_;

  absl::Mutex mutex_;  // one state of a table after the other
  absl::CondVar activated_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<gsi::Propagator> propagator_;
};

}  // namespace pallet::service
