// SPDX-License-Identifier: Apache-2.0
#include "service/service_core.h"

#include <utility>

#include "base/status_macros.h"
#include "service/expiry/expiry_backlog.h"
#include "service/handlers/handlers.h"
#include "service/streams/stream_usage.h"

namespace pallet::service {

absl::StatusOr<std::unique_ptr<ServiceCore>> ServiceCore::Open(
    const ServiceCoreOptions& options) {
  std::unique_ptr<ServiceCore> core(new ServiceCore(options));
  RETURN_IF_ERROR(core->Start());
  return core;
}

ServiceCore::~ServiceCore() {
  Stop();
  for (uint32_t i = 0; watches_ != nullptr && i < options_.host->store_count();
       ++i) {
    options_.host->store(cluster::StoreId(i)).SetStreamListener(nullptr);
  }
}

absl::Status ServiceCore::Start() {
  cluster::PartitionHost* const host = options_.host;
  const ServerConfig& config = *options_.config;
  indexing_ = std::make_unique<Indexing>(IndexingOptions{
      host, options_.clock, options_.logger, config.index.max_backlog});
  ASSIGN_OR_RETURN(transactions_, Transactions::Open({host, options_.logger}));
  stream_keeper_ = std::make_unique<StreamKeeper>(StreamKeeperOptions{
      host, options_.clock, options_.logger, config.stream.retention});
  stream_keeper_->Start();
  watches_ =
      std::make_unique<WatchHub>(options_.clock, config.stream.max_watches);
  for (uint32_t i = 0; i < host->store_count(); ++i) {
    host->store(cluster::StoreId(i)).SetStreamListener(watches_.get());
  }
  expiry_keeper_ = std::make_unique<ExpiryKeeper>(
      ExpiryKeeperOptions{host, options_.clock, options_.logger});
  expiry_keeper_->Start();
  RegisterHandlers({.clock = options_.clock,
                    .host = host,
                    .read_pool = options_.read_pool,
                    .control = options_.control,
                    .index_keeper = indexing_.get(),
                    .transactions = transactions_.get(),
                    .max_global_indexes = config.max_global_indexes,
                    .watches = watches_.get(),
                    .stream_retention = config.stream.retention,
                    .endpoint = options_.endpoint},
                   &operations_);
  if (options_.view != nullptr) {
    RegisterClusterOperations(options_.view, options_.clock, &operations_);
  }
  return absl::OkStatus();
}

void ServiceCore::Stop() {
  // A read that waits for an index would be waited for.
  if (indexing_ != nullptr) indexing_->Stop();
  // And a transaction that waits for room in a store.
  if (transactions_ != nullptr) transactions_->Stop();
  if (stream_keeper_ != nullptr) stream_keeper_->Stop();
  if (expiry_keeper_ != nullptr) expiry_keeper_->Stop();
}

std::vector<IndexSample> ServiceCore::SampleIndexes() {
  std::vector<IndexSample> samples;
  cluster::PartitionHost* const host = options_.host;
  const auto map = host->map();
  for (const cluster::TablePtr& table : map->tables()) {
    if (table->global_indexes.empty()) continue;
    const absl::StatusOr<cluster::TableCounts> counts = host->CountsOf(*table);
    if (!counts.ok()) continue;  // it has just gone
    for (size_t i = 0; i < table->global_indexes.size(); ++i) {
      const cluster::GlobalIndex& index = table->global_indexes[i];
      const absl::StatusOr<gsi::IndexProgress> progress =
          indexing_->ProgressOf(*table, index);
      if (!progress.ok()) continue;
      samples.push_back({table->name, index.schema->name(),
                         index.state == cluster::IndexState::kActive,
                         counts->global_indexes[i].rows,
                         counts->global_indexes[i].bytes,
                         progress->changes_behind,
                         absl::ToDoubleSeconds(progress->time_behind)});
    }
  }
  return samples;
}

ExpirySample ServiceCore::SampleExpiry() {
  const ExpiryKeeper::Metrics metrics = expiry_keeper_->metrics();
  ExpirySample sample = {metrics.deleted, absl::ToDoubleSeconds(metrics.late),
                         metrics.clock_in_doubt};
  for (const ExpiryBacklog& backlog :
       ExpiryBacklogs(*options_.host, options_.clock->Now())) {
    sample.tables.push_back(
        {backlog.table, backlog.due, absl::ToDoubleSeconds(backlog.oldest)});
  }
  return sample;
}

FeedSample ServiceCore::SampleFeeds() {
  FeedSample sample = {stream_keeper_->trimmed(), watches_->watches(),
                       watches_->seats()};
  for (const StreamUsage& usage :
       StreamUsages(*options_.host, options_.clock->Now())) {
    sample.tables.push_back(
        {usage.table, usage.records, absl::ToDoubleSeconds(usage.oldest)});
  }
  return sample;
}

}  // namespace pallet::service
