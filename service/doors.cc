// SPDX-License-Identifier: Apache-2.0
#include "service/doors.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace pallet::service {
namespace {

constexpr absl::Duration kHealthInterval = absl::Milliseconds(500);

}  // namespace

absl::StatusOr<std::unique_ptr<Doors>> Doors::Open(DoorsOptions options) {
  std::unique_ptr<Doors> doors(new Doors(std::move(options)));
  RETURN_IF_ERROR(doors->OpenGrpc());
  RETURN_IF_ERROR(doors->OpenJson());
  RETURN_IF_ERROR(doors->OpenAdmin());
  doors->watcher_ =
      Thread("health", [doors = doors.get()] { doors->WatchHealth(); });
  return doors;
}

Doors::~Doors() { Shut(absl::ZeroDuration()); }

absl::Status Doors::OpenGrpc() {
  GrpcServerOptions grpc;
  grpc.clock = options_.clock;
  grpc.logger = options_.logger;
  grpc.grpc = options_.config->grpc;
  grpc.pipeline = options_.config->pipeline;
  grpc.operations = options_.operations;
  grpc.read_pool = options_.read_pool;
  grpc.metrics = options_.metrics;
  ASSIGN_OR_RETURN(grpc_, GrpcServer::Start(grpc));
  {
    absl::MutexLock lock(&mutex_);
    endpoint_ = grpc_->address();
  }
  grpc_->SetServing(options_.health().ok());
  return absl::OkStatus();
}

absl::Status Doors::OpenJson() {
  const JsonConfig& config = options_.config->json;
  if (config.address == "none") return absl::OkStatus();
  json::JsonServerOptions json;
  json.clock = options_.clock;
  json.logger = options_.logger;
  json.address = config.address;
  json.threads = config.threads;
  json.max_connections = config.max_connections;
  json.idle_timeout = config.idle_timeout;
  json.transfer_timeout = config.transfer_timeout;
  json.max_body_bytes = config.max_body_bytes;
  json.door.clock = options_.clock;
  json.door.operations = options_.operations;
  json.door.metrics = options_.metrics;
  json.door.access_keys = config.access_keys;
  json.door.max_deadline = options_.config->grpc.max_deadline;
  json.door.health = [this] { return Ready(); };
  ASSIGN_OR_RETURN(json_, json::JsonServer::Start(std::move(json)));
  if (config.access_keys.empty()) {
    options_.logger->Warning(
        "json.open", {{"json_address", json_->address()},
                      {"why", "no access key: signatures are not checked"}});
  }
  options_.metrics->SetConnectionSource(
      [this] { return json_->connections(); });
  return absl::OkStatus();
}

absl::Status Doors::OpenAdmin() {
  if (options_.config->admin_address == "none") return absl::OkStatus();
  AdminOptions admin;
  admin.address = options_.config->admin_address;
  admin.logger = options_.logger;
  admin.metrics = [this] { return options_.metrics->Text(); };
  admin.health = options_.health;
  admin.ready = [this] { return Ready(); };
  admin.cluster = options_.cluster_page;
  ASSIGN_OR_RETURN(admin_, AdminServer::Start(std::move(admin)));
  return absl::OkStatus();
}

std::string Doors::json_address() const {
  return json_ == nullptr ? "" : json_->address();
}

std::string Doors::admin_address() const {
  return admin_ == nullptr ? "" : admin_->address();
}

std::string Doors::endpoint() const {
  absl::MutexLock lock(&mutex_);
  return endpoint_;
}

absl::Status Doors::Ready() {
  {
    absl::MutexLock lock(&mutex_);
    if (draining_) return absl::UnavailableError("the node is shutting down");
  }
  return options_.health();
}

void Doors::WatchHealth() {
  bool was_healthy = true;
  while (!stop_watching_.WaitForNotificationWithTimeout(kHealthInterval)) {
    const absl::Status health = options_.health();
    if (health.ok() == was_healthy) continue;
    was_healthy = health.ok();
    grpc_->SetServing(was_healthy);
    if (was_healthy) {
      options_.logger->Info("node.healthy");
    } else {
      options_.logger->Error("node.unhealthy", {{"status", health}});
    }
  }
}

void Doors::SayDraining() {
  absl::MutexLock lock(&mutex_);
  draining_ = true;
}

void Doors::Shut(absl::Duration patience) {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    if (shut_) return;
    shut_ = true;
  }
  stop_watching_.Notify();
  watcher_.Join();
  const absl::Duration start = options_.clock->Monotonic();
  if (grpc_ != nullptr) grpc_->Shutdown(patience);
  const absl::Duration left = patience - (options_.clock->Monotonic() - start);
  if (json_ != nullptr) json_->Shutdown(std::max(left, absl::ZeroDuration()));
}

}  // namespace pallet::service
