// SPDX-License-Identifier: Apache-2.0
//
// ClusterState: what the nodes of a cluster know in common, in etcd, and a
// node's own part of it.
//
//   /pallet/<name>/cluster           ClusterRecord, put once
//   /pallet/<name>/known/<node id>   NodeRecord, as it said last
//   /pallet/<name>/alive/<node id>   while the node keeps its lease
//   /pallet/<name>/leader            the node that serves, as a hint
//   /pallet/<name>/catalog/version   of the last change
//   /pallet/<name>/catalog/changes/<version, 16 hex digits>  CatalogChange
//
// Decided by transactions that compare, and by nothing else: a change of the
// catalog is number n because the version was n - 1. All nodes replay the
// changes in their order into a catalog of their own (cluster/catalog.h), so a
// node needs etcd neither to run nor to start; only changes do.
//
// A thread looks at etcd a few times a second and keeps the node's lease.
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/catalog.h"
#include "cluster/etcd/etcd_client.h"
#include "pallet/internal/v1/peer.pb.h"

namespace pallet::cluster {

struct ClusterStateOptions {
  std::string name = {};
  std::string endpoints = {};
  // Where the last records are kept, for a start without etcd.
  std::string directory = {};
  uint32_t initial_nodes = 3;
  absl::Duration look = absl::Milliseconds(200);
  absl::Duration lease = absl::Seconds(10);
  Clock* clock = Clock::Real();
  FileSystem* file_system = FileSystem::Real();
  Logger* logger = Logger::Real();
};

struct KnownNode {
  internal::v1::NodeRecord record;
  bool alive = false;
};
using KnownNodes = std::map<std::string, KnownNode>;  // by id

class ClusterState final : public CatalogDoor {
 public:
  // Reads what was kept and, if it answers, etcd.
  static absl::StatusOr<std::unique_ptr<ClusterState>> Open(
      const ClusterStateOptions& options);
  ClusterState(const ClusterState&) = delete;
  ~ClusterState() override;

  // Of the cluster; kNotFound as long as this node knows of none.
  absl::StatusOr<internal::v1::ClusterRecord> cluster() const
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const KnownNodes> nodes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Which node serves, as it told etcd last: a hint, for nodes without copies.
  std::string told_leader() const ABSL_LOCKS_EXCLUDED(mutex_);
  // This node does. Later, on the thread.
  void TellLeader(const std::string& self) ABSL_LOCKS_EXCLUDED(mutex_);
  // Since when etcd has not answered; zero if it does.
  absl::Duration silent_for() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Tells the others of this node, and goes on telling. `on_change` is called
  // on the thread after nodes have changed or the catalog has.
  void Announce(const internal::v1::NodeRecord& self,
                std::function<void()> on_change);
  // What it tells of itself has changed.
  void SetSelf(const internal::v1::NodeRecord& self)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop();

  // The cluster that is there or, if there is none, a new one made of those
  // alive, this node among them, as soon as they are enough. kUnavailable
  // meanwhile, with what it waits for. `dump` gives the rows that the catalog
  // begins with, for that incarnation and those members.
  using Founding = std::function<absl::StatusOr<std::vector<CatalogRow>>(
      const internal::v1::ClusterRecord& cluster)>;
  absl::Status FindOrFound(const Founding& dump);

  // Brings `catalog` up to what etcd has. Returns whether anything came.
  absl::StatusOr<bool> CatchUp(Catalog* catalog);

  // The nodes on which new partitions are placed; at first those that founded
  // the cluster.
  void SetMembers(std::vector<std::string> members) ABSL_LOCKS_EXCLUDED(mutex_);

  // CatalogDoor.
  absl::Status Commit(uint64_t version,
                      const std::vector<CatalogRow>& rows) override;
  std::vector<std::string> Place() override;

 private:
  ClusterState(const ClusterStateOptions& options,
               std::unique_ptr<EtcdClient> etcd)
      : options_(options), etcd_(std::move(etcd)) {}

  std::string Key(absl::string_view rest) const;
  std::string ChangeKey(uint64_t version) const;
  absl::Status ReadKept();
  absl::Status Keep(const std::string& file, const std::string& content);
  absl::Status Look() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status KeepLease() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status SetCluster(const std::string& bytes);
  void Work();

  const ClusterStateOptions options_;
  const std::unique_ptr<EtcdClient> etcd_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_cluster_ ABSL_GUARDED_BY(mutex_) = false;
  internal::v1::ClusterRecord cluster_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const KnownNodes> nodes_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<KnownNodes>();
  std::vector<std::string> members_ ABSL_GUARDED_BY(mutex_);
  uint64_t shared_version_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string told_leader_ ABSL_GUARDED_BY(mutex_);
  std::string to_tell_ ABSL_GUARDED_BY(mutex_);  // of the leader
  absl::Duration silent_since_ ABSL_GUARDED_BY(mutex_) =
      absl::InfiniteDuration();

  internal::v1::NodeRecord self_ ABSL_GUARDED_BY(mutex_);
  bool self_changed_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the thread.
  std::function<void()> on_change_;
  int64_t lease_ = 0;
  absl::Duration lease_kept_ = -absl::InfiniteDuration();
  Thread thread_;
};

}  // namespace pallet::cluster
