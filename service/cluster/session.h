// SPDX-License-Identifier: Apache-2.0
//
// Session: the time in which a node leads all partitions of its cluster, and
// serves. It ends as soon as one of them is led by another, or was, if only for
// a moment: what is in memory then is not what is true any more, and the next
// session begins with what is.
//
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "cluster/catalog.h"
#include "cluster/node_directory.h"
#include "cluster/partition_host.h"
#include "cluster/replica/replica_store.h"
#include "service/call_gate.h"
#include "service/config.h"
#include "service/service_core.h"

namespace pallet::service {

struct SessionOptions {
  const ServerConfig* config = nullptr;
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  // All outlive the session.
  std::vector<cluster::ReplicaStore*> stores = {};
  std::shared_ptr<cluster::NodeDirectory> directory = {};
  std::shared_ptr<cluster::Catalog> catalog = {};
  Executor* read_pool = nullptr;
  Executor* control = nullptr;
  // Makes this node's replica of a partition that the catalog knows.
  std::function<absl::Status(storage::PartitionId)> make_replica = {};
  std::function<std::string()> endpoint = {};
};

class Session {
 public:
  // While one is alive, strong reads of this thread do not wait for the word of
  // other nodes, but fail as of a partition that is not led here. A thread that
  // carries the network's bytes must not wait for what these bytes say.
  class NoWaiting {
   public:
    NoWaiting();
    NoWaiting(const NoWaiting&) = delete;
    ~NoWaiting();

   private:
    const bool before_;
  };

  // REQUIRES: this node leads all partitions of the catalog, but for those that
  // are still to be made.
  static absl::StatusOr<std::shared_ptr<Session>> Open(SessionOptions options);
  Session(const Session&) = delete;
  // Ends it.
  ~Session();

  // False once it has ended. A call that entered leaves.
  [[nodiscard]] bool Enter() { return gate_.Enter(); }
  void Leave() { gate_.Leave(); }
  const OperationRegistry& operations() const { return core_->operations(); }
  ServiceCore& core() { return *core_; }
  cluster::PartitionHost& host() { return *host_; }

  // Whether this node leads still all that it led, without a break.
  bool IsWhole();

  // A source of this session's operations: it ends with an error when the
  // session does.
  std::unique_ptr<PageSource> Hold(const std::shared_ptr<Session>& self,
                                   std::unique_ptr<PageSource> source);

  // No new calls; streams end; waits for those under way.
  void End();

 private:
  class LeaderStore;
  class HeldSource;

  explicit Session(SessionOptions options) : options_(std::move(options)) {}
  absl::Status Start();
  // Waits until this node leads it.
  absl::Status AwaitLead(cluster::ReplicaStore* store,
                         storage::PartitionId partition);
  void NoteTerm(cluster::ReplicaStore* store, storage::PartitionId partition)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(storage::PartitionId partition) ABSL_LOCKS_EXCLUDED(mutex_);

  const SessionOptions options_;
  CallGate gate_;
  std::atomic<bool> ended_{false};
  std::unique_ptr<cluster::PartitionHost> host_;
  std::unique_ptr<ServiceCore> core_;

  absl::Mutex mutex_;
  struct Led {
    cluster::ReplicaStore* store = nullptr;
    uint64_t term = 0;
  };
  std::map<storage::PartitionId, Led> led_ ABSL_GUARDED_BY(mutex_);
  std::set<HeldSource*> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::service
