// SPDX-License-Identifier: Apache-2.0
//
// Doors: the servers of a node, over one registry of operations: gRPC, DynamoDB's
// JSON if it is wanted, and the admin server. Thread-safe.
#pragma once

#include <functional>
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
#include "base/log.h"
#include "base/thread.h"
#include "service/admin_server.h"
#include "service/config.h"
#include "service/grpc_server.h"
#include "service/json/json_server.h"
#include "service/metrics.h"
#include "service/operation.h"

namespace pallet::service {

struct DoorsOptions {
  const ServerConfig* config = nullptr;
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  // All outlive the doors.
  const OperationRegistry* operations = nullptr;
  Executor* read_pool = nullptr;
  Metrics* metrics = nullptr;
  // OK, or what is wrong with the stores; the health service follows it.
  std::function<absl::Status()> health = {};
  // What /cluster of the admin server says; null: there is no such page.
  std::function<std::string()> cluster_page = {};
};

class Doors {
 public:
  static absl::StatusOr<std::unique_ptr<Doors>> Open(DoorsOptions options);
  Doors(const Doors&) = delete;
  ~Doors();

  const std::string& grpc_address() const { return grpc_->address(); }
  // Empty if there is none.
  std::string json_address() const;
  std::string admin_address() const;
  // Where clients connect; empty until it listens.
  std::string endpoint() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Health, and that it is not being shut.
  absl::Status Ready() ABSL_LOCKS_EXCLUDED(mutex_);

  // No new calls; those under way end, or are cancelled after `patience`. No
  // call is left on return. The admin server stays: an operator wants to see a
  // node drain.
  void Shut(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);
  // After that: nobody asks health any more.
  void CloseAdmin() { admin_.reset(); }
  // Says so before that.
  void SayDraining() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit Doors(DoorsOptions options) : options_(std::move(options)) {}

  absl::Status OpenGrpc();
  absl::Status OpenJson();
  absl::Status OpenAdmin();
  // Keeps the health service in step with the stores.
  void WatchHealth();

  const DoorsOptions options_;
  // Dies behind the threads that reply to its calls.
  std::unique_ptr<json::JsonServer> json_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<AdminServer> admin_;

  mutable absl::Mutex mutex_;
  std::string endpoint_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Notification stop_watching_;
  Thread watcher_;
};

}  // namespace pallet::service
