// SPDX-License-Identifier: Apache-2.0
//
// Node: all of a running palletd in one object, so that a test can have several
// in one process: the partition host with its stores, the operations, the gRPC
// server, the JSON server and the admin server.
//
// Opened from the bottom up, closed from the top down: first no new calls, then
// the end of those under way, then the threads, then the stores. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/partition_host.h"
#include "service/admin_server.h"
#include "service/config.h"
#include "service/expiry/expiry_keeper.h"
#include "service/grpc_server.h"
#include "service/indexing.h"
#include "service/json/json_server.h"
#include "service/metrics.h"
#include "service/operation.h"
#include "service/streams/stream_keeper.h"
#include "service/streams/watch_hub.h"
#include "service/transactions/transactions.h"

namespace pallet::service {

struct NodeOptions {
  ServerConfig config;
  Clock* clock = Clock::Real();
  FileSystem* file_system = FileSystem::Real();
  Logger* logger = Logger::Real();
  cluster::StoreOpener open_store = storage::Store::Open;
};

class Node {
 public:
  // Recovers the data directory and serves. The addresses are those it got.
  static absl::StatusOr<std::unique_ptr<Node>> Open(NodeOptions options);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  // Shutdown without patience, then closes the stores.
  ~Node();

  const std::string& grpc_address() const { return grpc_->address(); }
  // Empty if there is none.
  std::string json_address() const;
  std::string admin_address() const;

  // OK, or which store refuses writes and why.
  absl::Status Health();
  // OK while it takes requests, else why not.
  absl::Status Ready() ABSL_LOCKS_EXCLUDED(mutex_);

  // Says that it is not ready, takes no new calls, lets those under way end and
  // cancels what is left after `patience`. No call is left when it returns.
  void Shutdown(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

  cluster::PartitionHost& host() { return *host_; }
  Metrics& metrics() { return metrics_; }

 private:
  explicit Node(NodeOptions options);

  absl::Status Start();
  absl::Status StartGrpc();
  absl::Status StartJson();
  absl::Status StartAdmin();
  // Keeps the health service in step with the stores.
  void WatchHealth();
  std::vector<StoreSample> SampleStores();
  std::vector<IndexSample> SampleIndexes();
  ExpirySample SampleExpiry();
  FeedSample SampleFeeds();

  const NodeOptions options_;
  Metrics metrics_;
  OperationRegistry operations_;
  // Dies behind the threads that reply to its calls.
  std::unique_ptr<json::JsonServer> json_;
  std::unique_ptr<cluster::PartitionHost> host_;
  // Its threads and those of the stores use each other.
  std::unique_ptr<Indexing> indexing_;
  std::unique_ptr<Transactions> transactions_;
  std::unique_ptr<StreamKeeper> stream_keeper_;
  std::unique_ptr<WatchHub> watches_;
  std::unique_ptr<ExpiryKeeper> expiry_keeper_;
  // Their tasks use the host and the operations.
  std::unique_ptr<Executor> control_;
  std::unique_ptr<Executor> read_pool_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<AdminServer> admin_;

  absl::Mutex endpoint_mutex_;
  // Where clients connect; empty until it listens.
  std::string endpoint_ ABSL_GUARDED_BY(endpoint_mutex_);

  absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Notification stop_watching_;
  Thread watcher_;
};

}  // namespace pallet::service
