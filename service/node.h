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
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/file.h"
#include "base/log.h"
#include "cluster/partition_host.h"
#include "service/cluster_view.h"
#include "service/config.h"
#include "service/doors.h"
#include "service/metrics.h"
#include "service/service_core.h"

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

  const std::string& grpc_address() const { return doors_->grpc_address(); }
  // Empty if there is none.
  std::string json_address() const { return doors_->json_address(); }
  std::string admin_address() const { return doors_->admin_address(); }

  // OK, or which store refuses writes and why.
  absl::Status Health();
  // OK while it takes requests, else why not.
  absl::Status Ready() { return doors_->Ready(); }

  // Says that it is not ready, takes no new calls, lets those under way end and
  // cancels what is left after `patience`. No call is left when it returns.
  void Shutdown(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

  cluster::PartitionHost& host() { return *host_; }
  Metrics& metrics() { return metrics_; }

 private:
  explicit Node(NodeOptions options);

  absl::Status Start();
  std::vector<StoreSample> SampleStores();
  v1::Node Self() ABSL_LOCKS_EXCLUDED(mutex_);

  const NodeOptions options_;
  Metrics metrics_;
  // Dies behind the threads that reply to its calls.
  std::unique_ptr<Doors> doors_;
  std::unique_ptr<cluster::PartitionHost> host_;
  std::unique_ptr<ClusterView> view_;
  std::unique_ptr<ServiceCore> core_;
  // Their tasks use the host and the operations.
  std::unique_ptr<Executor> control_;
  std::unique_ptr<Executor> read_pool_;

  absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pallet::service
