// SPDX-License-Identifier: Apache-2.0
//
// GrpcServer: the gRPC front door. Serves every rpc of pallet.v1 from the
// registry (what is not registered answers UNIMPLEMENTED by name), the health
// service and, if configured, reflection.
//
// Calls run on gRPC's threads; what blocks goes to the read pool. See
// unary_call.h, page_stream.h and pipeline_stream.h for the three kinds.
// Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "service/config.h"
#include "service/metrics.h"
#include "service/operation.h"

namespace pallet::service {

struct GrpcServerOptions {
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  GrpcConfig grpc;
  PipelineConfig pipeline;
  // All outlive the server.
  const OperationRegistry* operations = nullptr;
  Executor* read_pool = nullptr;
  Metrics* metrics = nullptr;
};

class GrpcServer {
 public:
  // Listens and serves; the health service says NOT_SERVING until SetServing.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const GrpcServerOptions& options);
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;
  // Shutdown without patience.
  ~GrpcServer();

  // What a client connects to: host:port with the port it got, or unix:path.
  const std::string& address() const;

  // What the health service says of "" and of every service.
  void SetServing(bool serving);

  // Says NOT_SERVING, refuses new calls with SHUTTING_DOWN, asks streams to
  // end, waits for the calls under way, cancels what is left after `patience`,
  // and returns when no call is left: nothing uses the registry any more.
  void Shutdown(absl::Duration patience);

 private:
  class Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace pallet::service
