// SPDX-License-Identifier: Apache-2.0
//
// How a cluster looks from one of its nodes.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cluster/table_record.h"
#include "service/cluster/cluster_node.h"

namespace pallet::service {
namespace {

using cluster::CatalogTable;
using cluster::ReplicaInfo;
using storage::PartitionId;

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

std::string Hex(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}

absl::string_view NameOf(cluster::Role role) {
  switch (role) {
    case cluster::Role::kFollower:
      return "follower";
    case cluster::Role::kCandidate:
    case cluster::Role::kPreCandidate:
      return "candidate";
    case cluster::Role::kLeader:
      return "leader";
  }
  return "unknown";
}

v1::ReplicaRole RoleOf(cluster::Role role) {
  switch (role) {
    case cluster::Role::kFollower:
      return v1::REPLICA_ROLE_FOLLOWER;
    case cluster::Role::kCandidate:
    case cluster::Role::kPreCandidate:
      return v1::REPLICA_ROLE_CANDIDATE;
    case cluster::Role::kLeader:
      return v1::REPLICA_ROLE_LEADER;
  }
  return v1::REPLICA_ROLE_UNSPECIFIED;
}

}  // namespace

template <typename Response>
void ClusterNode::DescribeNodes(const Placements& placements,
                                Response* response) {
  const Placed* const own = Own(placements);
  for (const auto& [id, known] : *state_->nodes()) {
    const bool member =
        own != nullptr &&
        std::any_of(own->nodes.begin(), own->nodes.end(),
                    [&id](const auto& each) { return each.second == id; });
    if (!member && !known.alive) continue;  // it has nothing
    v1::Node* const node = response->add_nodes();
    node->set_member(member);
    node->set_node_id(Hex(id));
    node->set_alive(known.alive);
    node->set_grpc_address(known.record.grpc_address());
    node->set_json_address(known.record.json_address());
    node->set_admin_address(known.record.admin_address());
    node->set_peer_address(known.record.peer_address());
    node->set_version(known.record.version());
  }
}

void ClusterNode::DescribePartitions(
    const std::vector<storage::v1::PartitionRecord>& records,
    google::protobuf::RepeatedPtrField<v1::Partition>* out) {
  const auto placements = this->placements();
  const std::string leader = LeaderNode(*placements);
  for (const storage::v1::PartitionRecord& record : records) {
    v1::Partition* const partition = out->Add();
    partition->set_partition_id(record.id());
    const storage::HashRange range = cluster::RangeOf(record);
    partition->set_first_hash(range.first);
    partition->set_last_hash(range.last);
    partition->set_epoch(record.epoch());
    for (const storage::v1::ReplicaPlace& place : record.replicas()) {
      partition->add_replica_node_ids(Hex(place.node()));
    }
    if (!leader.empty()) partition->set_leader_node_id(Hex(leader));
  }
}

absl::StatusOr<v1::Topology> ClusterNode::Topology() {
  v1::Topology topology;
  topology.set_placement_hash(v1::PLACEMENT_HASH_XXH3_64);
  topology.set_hash_seed(catalog_->hash_seed());
  DescribeNodes(*placements(), &topology);
  const auto tables = this->tables();
  for (const CatalogTable& table : *tables) {
    if (cluster::IsSystemTable(table.table.name()) ||
        table.table.state() == storage::v1::TABLE_STATE_GONE) {
      continue;
    }
    v1::TableTopology* const out = topology.add_tables();
    DescribeTopologyOf(table.table, out);
    DescribePartitions(table.partitions, out->mutable_partitions());
    for (size_t i = 0; i < table.index_partitions.size(); ++i) {
      DescribePartitions(
          table.index_partitions[i],
          out->mutable_global_secondary_indexes(static_cast<int>(i))
              ->mutable_partitions());
    }
  }
  return topology;
}

absl::StatusOr<v1::DescribeClusterResponse> ClusterNode::Describe() {
  v1::DescribeClusterResponse response;
  response.set_cluster_name(options_.config.cluster.name);
  response.set_node_id(Hex(self_));
  const auto placements = this->placements();
  const std::string leader = LeaderNode(*placements);
  if (!leader.empty()) response.set_leader_node_id(Hex(leader));
  absl::Duration rest = state_->silent_for();
  auto* const silence = response.mutable_etcd_silence();
  silence->set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
  silence->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  DescribeNodes(*placements, &response);
  for (const auto& store : stores_) {
    for (const ReplicaInfo& info : store->Replicas()) {
      const PartitionId id = info.partition.id;
      v1::Replica* const replica = response.add_replicas();
      replica->set_partition_id(id.value());
      const auto placed = placements->find(id);
      if (placed != placements->end()) {
        replica->set_table_name(placed->second.table);
        if (!placed->second.index.empty()) {
          replica->set_index_name(placed->second.index);
        }
      }
      replica->set_role(RoleOf(info.status.role));
      const std::string led_by = NodeOf(id, info.status.leader);
      if (!led_by.empty()) replica->set_leader_node_id(Hex(led_by));
      replica->set_term(info.status.term);
      replica->set_applied_index(info.applied);
      replica->set_item_count(info.partition.item_count);
      replica->set_item_bytes(info.partition.item_bytes);
      replica->set_serving(info.serving);
    }
  }
  return response;
}

// --- Metrics ---

template <typename Sample>
Sample ClusterNode::OfSession(Sample (ServiceCore::*sample)()) {
  const std::shared_ptr<Session> session = switchboard_->session();
  Sample taken{};
  if (session == nullptr) return taken;
  if (session->Enter()) taken = (session->core().*sample)();
  session->Leave();
  return taken;
}

void ClusterNode::SetMetricSources() {
  metrics_.SetStoreSource([this] { return SampleStores(); });
  metrics_.SetClusterSource([this] { return SampleCluster(); });
  // Told by the node that runs the requests.
  metrics_.SetIndexSource(
      [this] { return OfSession(&ServiceCore::SampleIndexes); });
  metrics_.SetExpirySource(
      [this] { return OfSession(&ServiceCore::SampleExpiry); });
  metrics_.SetFeedSource(
      [this] { return OfSession(&ServiceCore::SampleFeeds); });
}

std::vector<StoreSample> ClusterNode::SampleStores() {
  std::vector<StoreSample> samples;
  for (size_t i = 0; i < stores_.size(); ++i) {
    samples.push_back({absl::StrCat(i), stores_[i]->Metrics()});
  }
  return samples;
}

ClusterSample ClusterNode::SampleCluster() {
  ClusterSample sample;
  const auto placements = this->placements();
  const auto nodes = state_->nodes();
  if (const Placed* const own = Own(*placements); own != nullptr) {
    for (const auto& [replica, node] : own->nodes) {
      const auto known = nodes->find(node);
      const bool alive = known != nodes->end() && known->second.alive;
      ++(alive ? sample.members_alive : sample.members_lost);
    }
  }
  sample.has_leader = !LeaderNode(*placements).empty();
  sample.leads = switchboard_->session() != nullptr;
  sample.sessions = sessions_.load();
  sample.calls_waiting = switchboard_->waiting();
  sample.etcd_silent_seconds = absl::ToDoubleSeconds(state_->silent_for());
  std::map<std::pair<std::string, std::string>, uint64_t> applied;
  for (const auto& store : stores_) {
    for (const ReplicaInfo& info : store->Replicas()) {
      switch (info.status.role) {
        case cluster::Role::kLeader:
          ++sample.leaders;
          break;
        case cluster::Role::kFollower:
          ++sample.followers;
          break;
        default:
          ++sample.candidates;
      }
      if (!info.serving) ++sample.not_serving;
      const auto placed = placements->find(info.partition.id);
      if (placed == placements->end()) continue;
      applied[{placed->second.table, placed->second.index}] += info.applied;
    }
  }
  for (const auto& [name, entries] : applied) {
    sample.tables.push_back({name.first, name.second, entries});
  }
  const cluster::PeerMetrics peers = transport_->metrics();
  sample.frames_sent = peers.frames_sent;
  sample.packets_sent = peers.packets_sent;
  sample.packets_dropped = peers.packets_dropped;
  return sample;
}

std::string ClusterNode::Page() {
  const auto placements = this->placements();
  const std::string leader = LeaderNode(*placements);
  std::vector<std::string> nodes, replicas;
  for (const auto& [id, node] : *state_->nodes()) {
    nodes.push_back(
        absl::StrCat("{\"id\":", Quoted(Hex(id)),
                     ",\"alive\":", node.alive ? "true" : "false",
                     ",\"leads\":", id == leader ? "true" : "false",
                     ",\"grpc\":", Quoted(node.record.grpc_address()),
                     ",\"json\":", Quoted(node.record.json_address()),
                     ",\"admin\":", Quoted(node.record.admin_address()),
                     ",\"peer\":", Quoted(node.record.peer_address()),
                     ",\"version\":", Quoted(node.record.version()), "}"));
  }
  uint64_t led = 0;
  for (const auto& store : stores_) {
    for (const ReplicaInfo& replica : store->Replicas()) {
      const PartitionId id = replica.partition.id;
      if (replica.status.role == cluster::Role::kLeader) ++led;
      replicas.push_back(absl::StrCat(
          "{\"partition\":", id.value(),
          ",\"replica\":", replica.status.replica.value(),
          ",\"role\":", Quoted(NameOf(replica.status.role)),
          ",\"leader_node\":", Quoted(Hex(NodeOf(id, replica.status.leader))),
          ",\"term\":", replica.status.term, ",\"applied\":", replica.applied,
          ",\"items\":", replica.partition.item_count,
          ",\"bytes\":", replica.partition.item_bytes,
          ",\"serving\":", replica.serving ? "true" : "false", "}"));
    }
  }
  return absl::StrCat(
      "{\"cluster\":", Quoted(options_.config.cluster.name),
      ",\"node\":", Quoted(Hex(self_)), ",\"leader\":", Quoted(Hex(leader)),
      ",\"serves\":", switchboard_->session() != nullptr ? "true" : "false",
      ",\"etcd_silent_seconds\":", absl::ToDoubleSeconds(state_->silent_for()),
      ",\"catalog_version\":", catalog_->version(), ",\"led\":", led,
      ",\"nodes\":[", absl::StrJoin(nodes, ","), "],\"replicas\":[",
      absl::StrJoin(replicas, ","), "]}\n");
}

}  // namespace pallet::service
