// SPDX-License-Identifier: Apache-2.0
//
// PeerTransport: Raft packets on their way to other nodes. One stream for each
// node, held open by a thread of its own; what waits goes as one frame, so the
// heartbeats of many groups are one message.
//
// A node that does not answer is tried again, less and less often; meanwhile its
// queue keeps the newest packets within a bound (Raft takes care of the rest).
// Send never blocks. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "cluster/raft/replica_doors.h"
#include "pallet/internal/v1/peer.pb.h"

namespace pallet::cluster {

struct PeerTransportOptions {
  Logger* logger = Logger::Real();
  std::string incarnation = {};  // of the cluster
  std::string self = {};         // this node's id
  // The node that has the replica; empty if nobody knows.
  std::function<std::string(storage::PartitionId, ReplicaId)> node_of = {};
  // Where it listens for its peers; empty if nobody knows.
  std::function<std::string(const std::string& node)> address_of = {};
  uint64_t queue_bytes = uint64_t{32} << 20;  // for each node
};

struct PeerMetrics {
  uint64_t packets_sent = 0, frames_sent = 0, packets_dropped = 0;
};

class PeerTransport final : public ReplicaTransport {
 public:
  explicit PeerTransport(PeerTransportOptions options);
  PeerTransport(const PeerTransport&) = delete;
  ~PeerTransport() override;

  void Send(Packet packet) override ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends all streams.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  PeerMetrics metrics() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Peer;

  const PeerTransportOptions options_;
  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::unique_ptr<Peer>> peers_ ABSL_GUARDED_BY(mutex_);
};

// What came in one frame. InvalidArgument if it is none of ours.
absl::Status DecodePackets(const internal::v1::PacketFrame& frame,
                           std::vector<Packet>* packets);

// OK if `hello` is meant for this node of this cluster.
absl::Status CheckHello(const internal::v1::Hello& hello,
                        const std::string& incarnation,
                        const std::string& self);

}  // namespace pallet::cluster
