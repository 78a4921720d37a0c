// SPDX-License-Identifier: Apache-2.0
//
// ClusterNode: all of a node of a cluster in one object.
//
// Each node has a copy of every partition. One of them, the one that leads the
// cluster's own partition, is brought to lead all others too, and then opens a
// session: it runs the requests. The other nodes send theirs to it. When it is
// gone, the groups elect others, these hand over to one of them, and that opens
// the next session.
//
//   etcd --> ClusterState --> Catalog (a copy on each node)
//                                |
//   keeper thread: makes and drops replicas, hands leadership over, opens and
//   ends the session
//
// Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/catalog.h"
#include "cluster/etcd/cluster_state.h"
#include "cluster/node_directory.h"
#include "cluster/peer/peer_transport.h"
#include "cluster/replica/replica_store.h"
#include "service/cluster/forwarder.h"
#include "service/cluster/peer_service.h"
#include "service/cluster/session.h"
#include "service/cluster/switchboard.h"
#include "service/cluster_view.h"
#include "service/config.h"
#include "service/doors.h"
#include "service/metrics.h"

namespace pallet::service {

struct ClusterNodeOptions {
  ServerConfig config;
  Clock* clock = Clock::Real();
  FileSystem* file_system = FileSystem::Real();
  Logger* logger = Logger::Real();
  cluster::ReplicaLoopOptions loop = {};
};

class ClusterNode : public ClusterView {
 public:
  // Joins the cluster, or founds it with the others: that may take until enough
  // of them are there. Serves from then on. `give_up` ends the waiting.
  static absl::StatusOr<std::unique_ptr<ClusterNode>> Open(
      ClusterNodeOptions options, const std::atomic<bool>* give_up = nullptr);
  ClusterNode(const ClusterNode&) = delete;
  ~ClusterNode() override;

  const std::string& grpc_address() const { return doors_->grpc_address(); }
  std::string json_address() const { return doors_->json_address(); }
  std::string admin_address() const { return doors_->admin_address(); }
  std::string peer_address() const { return peers_->address(); }

  absl::Status Health();
  // Hands its leadership over, then as Node::Shutdown.
  void Shutdown(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

  // How the cluster looks from here (cluster_node_view.cc).
  absl::StatusOr<v1::Topology> Topology() override;
  absl::StatusOr<v1::DescribeClusterResponse> Describe() override;
  std::string Page();  // as JSON

 private:
  struct Placed {
    storage::PartitionId id;
    uint32_t store = 0;
    bool made = true;          // false: its table or index is being made
    std::string table, index;  // names; no index: the table's own
    cluster::ReplicaStore::NewReplica replica;  // this node's
    std::map<cluster::ReplicaId, std::string> nodes;
  };
  using Placements = std::map<storage::PartitionId, Placed>;
  using Tables = std::vector<cluster::CatalogTable>;

  explicit ClusterNode(ClusterNodeOptions options);

  absl::Status Start(const std::atomic<bool>* give_up);
  absl::Status OpenDirectory();
  absl::Status Join(const std::atomic<bool>* give_up);
  absl::StatusOr<std::vector<cluster::CatalogRow>> FirstRows(
      const internal::v1::ClusterRecord& cluster);
  absl::Status OpenStores();
  absl::Status OpenDoors();

  // The keeper's.
  void Keep();
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);
  // Placements as the catalog has them.
  absl::Status ReadCatalog() ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const Placements> placements() const
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const Tables> tables() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status MakeReplica(storage::PartitionId partition);
  absl::Status MakeMissing();
  void DropOrphans();
  // The partition whose leader leads all.
  const Placed* Own(const Placements& placements) const;
  std::string NodeOf(storage::PartitionId partition,
                     cluster::ReplicaId replica) const;
  // The node that leads the cluster, as far as this one knows; or empty.
  std::string LeaderNode(const Placements& placements);
  void HandOver(const std::string& to);
  bool LeadsAll(const Placements& placements);
  void LookAfterSession();
  // Nodes that are gone for long give their places to others.
  void ReplaceLost();
  // The node that takes the place of `lost`; empty: there is none.
  std::string SpareFor(const std::string& lost, const Placements& placements,
                       const cluster::KnownNodes& nodes, size_t copies) const;
  // Moves the partition's replica on `lost` to `spare`, a step at a time. True
  // once that is done.
  absl::StatusOr<bool> Replace(const Placed& placed, const std::string& lost,
                               const std::string& spare);
  void EndSession();
  // Its nodes, those with copies marked.
  template <typename Response>
  void DescribeNodes(const Placements& placements, Response* response);
  void DescribePartitions(
      const std::vector<storage::v1::PartitionRecord>& records,
      google::protobuf::RepeatedPtrField<v1::Partition>* out);
  void SetMetricSources();
  std::vector<StoreSample> SampleStores();
  ClusterSample SampleCluster();
  // What the session's core says; an empty sample without a session.
  template <typename Sample>
  Sample OfSession(Sample (ServiceCore::*sample)());
  cluster::ReplicaStore& StoreOf(const Placed& placed) {
    return *stores_[placed.store % stores_.size()];
  }

  const ClusterNodeOptions options_;
  Metrics metrics_;
  // Dies behind the threads that reply to its calls.
  std::unique_ptr<Doors> doors_;
  std::shared_ptr<cluster::NodeDirectory> directory_;
  std::unique_ptr<cluster::ClusterState> state_;
  std::shared_ptr<cluster::Catalog> catalog_;
  std::string self_;         // this node's id
  std::string incarnation_;  // of the cluster
  std::unique_ptr<PeerService> peers_;
  std::unique_ptr<cluster::PeerTransport> transport_;
  std::vector<std::unique_ptr<cluster::ReplicaStore>> stores_;
  std::unique_ptr<Executor> control_;
  std::unique_ptr<Executor> read_pool_;
  std::unique_ptr<Forwarder> forwarder_;
  std::unique_ptr<Switchboard> switchboard_;
  OperationRegistry operations_;

  std::atomic<uint64_t> sessions_{0};

  mutable absl::Mutex mutex_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const Placements> placements_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<Placements>();
  std::shared_ptr<const Tables> tables_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<Tables>();
  uint64_t read_version_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Mutex making_;  // one replica is made at a time

  // Of the keeper.
  uint64_t session_version_ = 0;  // the catalog's, as the session knows it
  absl::Duration last_transfer_ = -absl::InfiniteDuration();
  absl::Duration last_replacing_ = -absl::InfiniteDuration();
  std::map<std::string, absl::Duration> lost_since_;  // nodes
  bool told_ = false;
  Thread keeper_;
};

}  // namespace pallet::service
