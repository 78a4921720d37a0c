// SPDX-License-Identifier: Apache-2.0
//
// ServiceCore: what serves the tables of a partition host: indexes,
// transactions, streams, times to live, and the operations over them. Opened
// over a host whose partitions take writes; finishes first what a crash has
// left.
//
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "cluster/partition_host.h"
#include "service/cluster_view.h"
#include "service/config.h"
#include "service/expiry/expiry_keeper.h"
#include "service/indexing.h"
#include "service/metrics.h"
#include "service/operation.h"
#include "service/streams/stream_keeper.h"
#include "service/streams/watch_hub.h"
#include "service/transactions/transactions.h"

namespace pallet::service {

// All that is borrowed outlives the core; the executors' tasks use it.
struct ServiceCoreOptions {
  const ServerConfig* config = nullptr;
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  cluster::PartitionHost* host = nullptr;
  Executor* read_pool = nullptr;
  Executor* control = nullptr;
  std::function<std::string()> endpoint = {};  // HandlerOptions
  // Null: the operations are without those of ClusterService.
  ClusterView* view = nullptr;
};

class ServiceCore {
 public:
  static absl::StatusOr<std::unique_ptr<ServiceCore>> Open(
      const ServiceCoreOptions& options);
  ServiceCore(const ServiceCore&) = delete;
  // REQUIRES: no call is under way.
  ~ServiceCore();

  const OperationRegistry& operations() const { return operations_; }

  // Ends the background work, and what waits for it.
  void Stop();

  std::vector<IndexSample> SampleIndexes();
  ExpirySample SampleExpiry();
  FeedSample SampleFeeds();

 private:
  explicit ServiceCore(const ServiceCoreOptions& options) : options_(options) {}
  absl::Status Start();

  const ServiceCoreOptions options_;
  OperationRegistry operations_;
  // Its threads and those of the stores use each other.
  std::unique_ptr<Indexing> indexing_;
  std::unique_ptr<Transactions> transactions_;
  std::unique_ptr<StreamKeeper> stream_keeper_;
  std::unique_ptr<WatchHub> watches_;
  std::unique_ptr<ExpiryKeeper> expiry_keeper_;
};

}  // namespace pallet::service
