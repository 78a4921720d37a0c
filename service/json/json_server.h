// SPDX-License-Identifier: Apache-2.0
//
// JsonServer: the sockets of DynamoDB's JSON protocol (door.h). HTTP/1.1 with
// keep-alive and pipelining, in plain text.
//
// Invariants:
//   1. A connection has one request in work; the next is read when the answer
//      is written, so a client that does not read is not served further.
//   2. What a connection can hold is bounded: head, body (kMaxBodyBytes), and
//      all bodies together; more is refused, not queued.
//   3. Silence ends: a client that is idle, sends too slowly or does not read
//      its answer loses its connection.
//
// A connection stays on one of a few threads; what its operation waits for
// waits elsewhere. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/json/door.h"

namespace pallet::service::json {

struct JsonServerOptions {
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  std::string address;   // host:port; port 0 takes any free one
  uint32_t threads = 0;  // 0: one per core
  // More: the longest idle one is closed; if none is idle, the new one.
  uint32_t max_connections = 4096;
  absl::Duration idle_timeout = absl::Minutes(5);
  // For a request to arrive, and for its answer to be taken, each 64 KB anew.
  absl::Duration transfer_timeout = absl::Seconds(30);
  uint64_t max_body_bytes = uint64_t{256} << 20;  // of all connections
  DoorOptions door;
};

class JsonServer {
 public:
  // Listens and serves.
  static absl::StatusOr<std::unique_ptr<JsonServer>> Start(
      JsonServerOptions options);
  JsonServer(const JsonServer&) = delete;
  JsonServer& operator=(const JsonServer&) = delete;
  // Shutdown without patience. Whoever replies to operations must have ended
  // before: the reply of the last call may still be on its way out of here.
  ~JsonServer();

  // host:port with the port it got.
  const std::string& address() const;

  // Connections open now.
  uint32_t connections() const;

  // Takes no more connections, closes idle ones, refuses new requests on the
  // others, waits for those in work, cuts off what is left after `patience`,
  // and returns when no operation is under way.
  void Shutdown(absl::Duration patience);

 private:
  class Impl;
  explicit JsonServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace pallet::service::json
