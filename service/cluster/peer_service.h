// SPDX-License-Identifier: Apache-2.0
//
// PeerService: what a node does for the other nodes of its cluster: takes their
// Raft packets, and runs what they forward. On a port of its own.
//
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "cluster/raft/replica_doors.h"
#include "service/cluster/switchboard.h"

namespace pallet::service {

struct PeerServiceOptions {
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  std::string address = {};      // host:port
  std::string incarnation = {};  // of the cluster
  std::string self = {};         // this node's id
  // Both outlive the service.
  Switchboard* switchboard = nullptr;
  Executor* read_pool = nullptr;
  // Must not block.
  std::function<void(std::vector<cluster::Packet>)> on_packets = {};
};

class PeerService {
 public:
  // Listens at once, so that the address is known; answers nobody until Serve.
  static absl::StatusOr<std::unique_ptr<PeerService>> Listen(
      const std::string& address);
  PeerService(const PeerService&) = delete;
  ~PeerService();

  // host:port with the port it got.
  const std::string& address() const;
  void Serve(const PeerServiceOptions& options);
  // No call is left on return.
  void Shut(absl::Duration patience);

 private:
  class Impl;
  explicit PeerService(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pallet::service
