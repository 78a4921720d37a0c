// SPDX-License-Identifier: Apache-2.0
//
// Switchboard: the operations of a cluster's node. Each call is run here if this
// node has the session, else on the node that has it; while nobody has one, it
// waits, for a while. A call of which it is known that nothing was done is tried
// again by itself.
//
// Thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "service/cluster/forwarder.h"
#include "service/cluster/session.h"
#include "service/operation.h"

namespace pallet::service {

// True for the error of a call of which it is known that nothing was done, and
// that may fare better soon, here or elsewhere.
bool DidNothing(const absl::Status& status);

class Switchboard {
 public:
  // All outlive it.
  Switchboard(Clock* clock, Forwarder* forwarder, Executor* read_pool)
      : clock_(clock), forwarder_(forwarder), read_pool_(read_pool) {}

  // Every rpc of the public contract, but the Pipeline, which is made of them,
  // and those of ClusterService, which each node answers for itself.
  void Register(OperationRegistry* registry);

  // Null: this node has none.
  void SetSession(std::shared_ptr<Session> session) ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<Session> session() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The node that has it, as far as is known; empty: nobody, or this one.
  void SetLeader(const std::string& node) ABSL_LOCKS_EXCLUDED(mutex_);

  void Run(absl::string_view name, absl::string_view request,
           const CallContext& context, Reply reply);
  absl::StatusOr<std::unique_ptr<PageSource>> Open(absl::string_view name,
                                                   absl::string_view request,
                                                   const CallContext& context);
  // What came from another node: here or nowhere. Does not block; name and
  // request live until the reply.
  void RunHere(absl::string_view name, absl::string_view request,
               const CallContext& context, Reply reply);
  absl::StatusOr<std::unique_ptr<PageSource>> OpenHere(
      absl::string_view name, absl::string_view request,
      const CallContext& context);

  // Tries again what waits, and gives up on calls to a node that has led. To be
  // called often.
  void Pump() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many calls wait for a leader.
  size_t waiting() const ABSL_LOCKS_EXCLUDED(mutex_);
  // What waits is refused, and so is what comes.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Attempt;
  struct Waiting {
    std::string name, request;
    CallContext context;
    Reply reply;
    absl::Duration until;
  };

  void TryNow(std::shared_ptr<Waiting> call);
  // Runs the attempt in its session.
  static void Start(Attempt attempt);
  void WaitOrGiveUp(std::shared_ptr<Waiting> call, const absl::Status& why)
      ABSL_LOCKS_EXCLUDED(mutex_);

  Clock* const clock_;
  Forwarder* const forwarder_;
  Executor* const read_pool_;
  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Session> session_ ABSL_GUARDED_BY(mutex_);
  std::string leader_ ABSL_GUARDED_BY(mutex_);
  // When calls to those that led before are given up.
  absl::Duration leave_others_at_ ABSL_GUARDED_BY(mutex_) =
      absl::InfiniteDuration();
  std::deque<std::shared_ptr<Waiting>> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::service
