// SPDX-License-Identifier: Apache-2.0
//
// AdminServer: the operator's port, plain HTTP.
//
//   GET /metrics   Prometheus text
//   GET /health    200 while the process can do its work, else 503 and why
//   GET /ready     200 while it takes requests, else 503 and why
//   GET /cluster   how the cluster looks from here, as JSON
//
// One thread; at most `max_connections` (more are closed at once), small
// requests only, and a time limit on each, so that nothing a scraper does can
// hurt the service. The handlers run on that thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/log.h"

namespace pallet::service {

struct AdminOptions {
  std::string address;  // host:port; port 0 takes any free one
  uint32_t max_connections = 64;
  absl::Duration request_timeout = absl::Seconds(10);  // idle time too
  Logger* logger = Logger::Real();

  std::function<std::string()> metrics;
  std::function<absl::Status()> health;
  std::function<absl::Status()> ready;
  std::function<std::string()> cluster = {};  // JSON; null: no such page
};

class AdminServer {
 public:
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      AdminOptions options);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  // Closes every connection and joins the thread.
  ~AdminServer();

  // host:port with the port it got.
  const std::string& address() const;

 private:
  class Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace pallet::service
