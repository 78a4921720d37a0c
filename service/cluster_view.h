// SPDX-License-Identifier: Apache-2.0
//
// ClusterView: how the cluster looks from a node, and the operations that tell
// of it: GetTopology and DescribeCluster. A node alone is a cluster of one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "cluster/partition_host.h"
#include "pallet/v1/cluster_service.pb.h"
#include "service/operation.h"

namespace pallet::storage::v1 {
class TableRecord;
}

namespace pallet::service {

// Thread-safe; must not block.
class ClusterView {
 public:
  virtual ~ClusterView() = default;
  // All but map_version.
  virtual absl::StatusOr<v1::Topology> Topology() = 0;
  virtual absl::StatusOr<v1::DescribeClusterResponse> Describe() = 0;
};

// Of one node, with the tables of `host`. `self` is the node, but for its id and
// version. Both outlive the view.
std::unique_ptr<ClusterView> ViewOfOneNode(cluster::PartitionHost* host,
                                           std::function<v1::Node()> self);

// Name, id and keys of the table, and of its global indexes, in their order.
void DescribeTopologyOf(const storage::v1::TableRecord& record,
                        v1::TableTopology* out);

// `view` and `clock` outlive the registry.
void RegisterClusterOperations(ClusterView* view, Clock* clock,
                               OperationRegistry* registry);

}  // namespace pallet::service
