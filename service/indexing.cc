// SPDX-License-Identifier: Apache-2.0
#include "service/indexing.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "gsi/change_reader.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "service/handlers/table_description.h"
#include "service/operation.h"

namespace pallet::service {
namespace {

using storage::ChangeSeq;

// An index of an empty table is not waited for any longer.
constexpr absl::Duration kActivation = absl::Seconds(10);

gsi::Target TargetOf(cluster::PartitionHost& host,
                     const cluster::TablePartition& partition) {
  return {partition.id, partition.range, &host.store(partition.store)};
}

gsi::Source SourceOf(cluster::PartitionHost& host, const cluster::Table& table,
                     const cluster::TablePartition& partition) {
  return {partition.id, table.keyspace, partition.range,
          &host.store(partition.store)};
}

// But for those that have been told to wait.
bool AllActive(const cluster::Table& table) {
  return std::all_of(table.global_indexes.begin(), table.global_indexes.end(),
                     [](const cluster::GlobalIndex& index) {
                       return index.state == cluster::IndexState::kActive ||
                              index.paused ||
                              index.delay > absl::ZeroDuration();
                     });
}

}  // namespace

Indexing::Indexing(const IndexingOptions& options) : options_(options) {
  gsi::PropagatorOptions propagator;
  propagator.clock = options_.clock;
  propagator.logger = options_.logger;
  propagator.on_filled = [this](const gsi::TopologyPtr& table,
                                const std::vector<uint64_t>& indexes) {
    OnFilled(table, indexes);
  };
  propagator_ = std::make_unique<gsi::Propagator>(std::move(propagator));
  for (uint32_t i = 0; i < options_.host->store_count(); ++i) {
    options_.host->store(cluster::StoreId(i))
        .SetChangeListener(propagator_.get());
  }
  const auto map = options_.host->map();  // it may change meanwhile
  for (const cluster::TablePtr& table : map->tables()) {
    if (table->schema_version == 0) continue;
    const absl::Status set = Set(table->name);
    if (!set.ok()) {
      options_.logger->Warning("index.start_failed",
                               {{"table", table->name}, {"error", set}});
    }
  }
}

Indexing::~Indexing() {
  for (uint32_t i = 0; i < options_.host->store_count(); ++i) {
    options_.host->store(cluster::StoreId(i)).SetChangeListener(nullptr);
  }
  Stop();
}

void Indexing::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    activated_.SignalAll();
  }
  propagator_->Stop();
}

gsi::TopologyPtr Indexing::TopologyOf(const cluster::Table& table) const {
  cluster::PartitionHost& host = *options_.host;
  auto topology = std::make_shared<gsi::TableTopology>();
  topology->table = table.id.value();
  topology->name = table.name;
  topology->schema_version = table.schema_version;
  topology->hash_seed = host.hash_seed();
  for (const cluster::TablePartition& partition : table.partitions) {
    topology->sources.push_back(SourceOf(host, table, partition));
  }
  for (const cluster::GlobalIndex& index : table.global_indexes) {
    gsi::IndexTopology& to = topology->indexes.emplace_back();
    to.id = index.id.value();
    to.schema = index.schema;
    to.keyspace = index.keyspace;
    to.schema_version = index.schema_version;
    to.active = index.state == cluster::IndexState::kActive;
    to.propagation = {index.paused, index.delay};
    for (const cluster::TablePartition& partition : index.partitions) {
      to.targets.push_back(TargetOf(host, partition));
    }
  }
  return topology;
}

// --- Tables ---

absl::Status Indexing::Set(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const cluster::TablePtr table = options_.host->FindTable(name);
  if (table == nullptr) return absl::OkStatus();
  return propagator_->SetTable(TopologyOf(*table));
}

absl::Status Indexing::TableChanged(const cluster::TablePtr& table) {
  if (table->schema_version == 0) return absl::OkStatus();
  RETURN_IF_ERROR(Set(table->name));
  ASSIGN_OR_RETURN(const cluster::TableCounts counts,
                   options_.host->CountsOf(*table));
  if (counts.items > 0) return absl::OkStatus();
  // Nothing is to be filled: that is a matter of milliseconds.
  const absl::Duration deadline = options_.clock->Monotonic() + kActivation;
  absl::MutexLock lock(&mutex_);
  while (!stopped_) {
    const cluster::TablePtr now = options_.host->FindTable(table->name);
    if (now == nullptr || now->id != table->id || AllActive(*now)) break;
    const absl::Duration left = deadline - options_.clock->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    activated_.WaitWithTimeout(&mutex_, left);
  }
  return absl::OkStatus();
}

void Indexing::TableGone(const cluster::Table& table) {
  propagator_->RemoveTable(table.id.value());
}

void Indexing::OnFilled(const gsi::TopologyPtr& table,
                        const std::vector<uint64_t>& indexes) {
  std::vector<cluster::IndexId> ids;
  for (const uint64_t index : indexes) ids.emplace_back(index);
  const absl::StatusOr<cluster::TablePtr> active =
      options_.host->ActivateIndexes(table->name, ids);
  absl::Status status = active.status();
  if (status.ok()) status = Set(table->name);
  if (!status.ok() &&
      model::ReasonOf(status) != model::Reason::kResourceNotFound) {
    options_.logger->Error("index.activation_failed",
                           {{"table", table->name}, {"error", status}});
  }
  absl::MutexLock lock(&mutex_);
  activated_.SignalAll();
}

// --- Freshness ---

absl::StatusOr<ChangeSeq> Indexing::SeqOf(const cluster::Table& table,
                                          const cluster::GlobalIndex& index,
                                          const cluster::TablePartition& source,
                                          const FreshnessGoal& goal) {
  ChangeSeq seq;
  for (const Position& position : goal.positions) {
    if (position.table == table.id && position.lineage == source.id) {
      seq = std::max(seq, position.seq);
    }
  }
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   options_.host->store(source.store).Partition(source.id));
  if (goal.strong) return std::max(seq, info.change_seq);
  if (goal.max_staleness == absl::InfiniteDuration()) return seq;
  // The head is more than it takes, and known without looking further.
  const absl::Time since = options_.clock->Now() - goal.max_staleness;
  for (const cluster::TablePartition& target : index.partitions) {
    const auto cursor = propagator_->CursorOf(source.id, target.id);
    if (!cursor.has_value()) return std::max(seq, info.change_seq);
    ASSIGN_OR_RETURN(const std::optional<absl::Time> oldest,
                     gsi::TimeOfNextChange(
                         SourceOf(*options_.host, table, source), *cursor));
    if (oldest.has_value() && *oldest < since) {
      return std::max(seq, info.change_seq);
    }
  }
  return seq;
}

absl::StatusOr<std::vector<gsi::Propagator::Goal>> Indexing::GoalsOf(
    const cluster::Table& table, const cluster::GlobalIndex& index,
    const FreshnessGoal& goal) {
  std::vector<gsi::Propagator::Goal> goals;
  for (const cluster::TablePartition& source : table.partitions) {
    ASSIGN_OR_RETURN(const ChangeSeq seq, SeqOf(table, index, source, goal));
    if (seq == ChangeSeq(0)) continue;
    for (const cluster::TablePartition& target : index.partitions) {
      goals.push_back({target.id, source.id, seq, goal.strong});
    }
  }
  return goals;
}

absl::Status Indexing::TooLate(const cluster::Table& table,
                               const cluster::GlobalIndex& index) {
  const absl::StatusOr<gsi::IndexProgress> progress = ProgressOf(table, index);
  RETURN_IF_ERROR(progress.status());
  absl::Status status = model::MakeError(
      model::Reason::kDeadlineExceeded,
      absl::StrCat("Index ", index.schema->name(), " of table ", table.name,
                   " is ", progress->changes_behind,
                   " changes behind; it was not as fresh as asked for in "
                   "time"));
  v1::IndexLag lag;
  lag.set_table_name(table.name);
  lag.set_index_name(index.schema->name());
  lag.set_changes_behind(static_cast<int64_t>(progress->changes_behind));
  *lag.mutable_time_behind() = ToProto(progress->time_behind);
  AddDetail(lag, &status);
  return status;
}

void Indexing::AwaitFresh(const cluster::TablePtr& table,
                          const cluster::GlobalIndex& index,
                          const FreshnessGoal& goal, absl::Duration deadline,
                          absl::AnyInvocable<void(absl::Status)> done) {
  auto goals = GoalsOf(*table, index, goal);
  if (!goals.ok()) return done(goals.status());
  // `index` is the table's, which is kept.
  propagator_->Await(
      *std::move(goals), deadline,
      [this, table, &index,
       done = std::move(done)](const absl::Status& status) mutable {
        done(absl::IsDeadlineExceeded(status) ? TooLate(*table, index)
                                              : status);
      });
}

absl::StatusOr<gsi::IndexProgress> Indexing::ProgressOf(
    const cluster::Table& table, const cluster::GlobalIndex& index) {
  return propagator_->ProgressOf(table.id.value(), index.id.value());
}

absl::Status Indexing::CheckRoom(const cluster::Table& table,
                                 storage::PartitionId partition) {
  if (table.global_indexes.empty()) return absl::OkStatus();
  const gsi::Follower::Backlog backlog = propagator_->BacklogOf(partition);
  if (backlog.changes < options_.max_backlog) return absl::OkStatus();
  const cluster::GlobalIndex* index =
      table.FindGlobalIndex(cluster::IndexId(backlog.index));
  if (index == nullptr) return absl::OkStatus();
  return model::MakeError(
      model::Reason::kThrottling,
      absl::StrCat("Index ", index->schema->name(), " of table ", table.name,
                   " is ", backlog.changes,
                   " changes behind: writes wait until it has taken some"));
}

}  // namespace pallet::service
