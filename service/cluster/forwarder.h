// SPDX-License-Identifier: Apache-2.0
//
// Forwarder: runs operations on another node. One channel for each node.
//
// What comes back is what the other node answered, errors with all their
// details; or one of these:
//   * NotSent: the node cannot be reached or does not lead; nothing was done.
//   * kOutcomeUnknown: the connection broke while the request was there.
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "pallet/internal/v1/peer.grpc.pb.h"
#include "service/operation.h"

namespace pallet::service {

struct ForwarderOptions {
  Clock* clock = Clock::Real();
  std::string incarnation = {};  // of the cluster
  std::string self = {};         // this node
  // Where a node listens for its peers; empty if nobody knows.
  std::function<std::string(const std::string& node)> address_of = {};
};

// Nothing was done, and another attempt may fare better.
absl::Status NotSent(absl::string_view why);
bool IsNotSent(const absl::Status& status);

class Forwarder {
 public:
  explicit Forwarder(ForwarderOptions options);
  Forwarder(const Forwarder&) = delete;
  // REQUIRES: all calls have ended (Stop).
  ~Forwarder();

  // `reply` is called once, on a thread of gRPC's or this one.
  void Forward(const std::string& node, absl::string_view operation,
               absl::string_view request, const CallContext& context,
               Reply reply);
  absl::StatusOr<std::unique_ptr<PageSource>> ForwardStream(
      const std::string& node, absl::string_view operation,
      absl::string_view request, const CallContext& context);

  // Calls that are under way on other nodes end as if the connection had broken.
  void LeaveOthers(const std::string& node) ABSL_LOCKS_EXCLUDED(mutex_);

  // Cancels what is under way and waits for it.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Peer;
  struct Call;
  class Stream;

  std::shared_ptr<Peer> PeerOf(const std::string& node)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Fill(const std::string& node, absl::string_view operation,
            absl::string_view request, const CallContext& context,
            internal::v1::ForwardRequest* out) const;

  const ForwarderOptions options_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::shared_ptr<Peer>> peers_ ABSL_GUARDED_BY(mutex_);
  std::map<Call*, std::shared_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::service
