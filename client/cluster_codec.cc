// SPDX-License-Identifier: Apache-2.0
#include "client/codec.h"
#include "pallet/v1/cluster_service.pb.h"

namespace pallet::internal {
namespace {

ReplicaRole RoleOf(v1::ReplicaRole role) {
  switch (role) {
    case v1::REPLICA_ROLE_LEADER:
      return ReplicaRole::kLeader;
    case v1::REPLICA_ROLE_CANDIDATE:
      return ReplicaRole::kCandidate;
    default:
      return ReplicaRole::kFollower;
  }
}

}  // namespace

template <>
const Method& MethodOf<DescribeClusterRequest>() {
  static constexpr Method kMethod = {
      "/pallet.v1.ClusterService/DescribeCluster", Repeat::kSafe, 0};
  return kMethod;
}

std::string Encode(const DescribeClusterRequest&) {
  return v1::DescribeClusterRequest().SerializeAsString();
}

template <>
absl::StatusOr<DescribeClusterResponse> Decode<DescribeClusterRequest>(
    absl::string_view encoded) {
  v1::DescribeClusterResponse message;
  if (!message.ParseFromArray(encoded.data(),
                              static_cast<int>(encoded.size()))) {
    return UnreadableAnswer();
  }
  DescribeClusterResponse response;
  response.cluster = message.cluster_name();
  response.node = message.node_id();
  response.leader_node = message.leader_node_id();
  response.etcd_silence = absl::Seconds(message.etcd_silence().seconds()) +
                          absl::Nanoseconds(message.etcd_silence().nanos());
  for (const v1::Node& node : message.nodes()) {
    response.nodes.push_back({node.node_id(), node.alive(), node.member(),
                              node.grpc_address(), node.json_address(),
                              node.admin_address(), node.peer_address(),
                              node.version()});
  }
  for (const v1::Replica& replica : message.replicas()) {
    response.replicas.push_back({replica.partition_id(), replica.table_name(),
                                 replica.index_name(), RoleOf(replica.role()),
                                 replica.leader_node_id(), replica.term(),
                                 replica.applied_index(), replica.item_count(),
                                 replica.item_bytes(), replica.serving()});
  }
  return response;
}

}  // namespace pallet::internal
