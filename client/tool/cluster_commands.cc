// SPDX-License-Identifier: Apache-2.0
//
// The cluster at a glance: its nodes, and the copies of its tables. Each node is
// asked for what it has itself.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/tool/commands.h"
#include "client/tool/text_table.h"

namespace pallet::tool {
namespace {

// What a program takes for a node that does not answer.
constexpr absl::Duration kPatience = absl::Seconds(2);

struct NodeStatus {
  ClusterNode node;
  absl::StatusOr<DescribeClusterResponse> answer;
};

// What is known of a partition from all nodes.
struct Copies {
  std::string table, index;
  uint64_t newest = 0;  // the highest applied index
  uint64_t items = 0, bytes = 0;
  size_t serving = 0;
  uint64_t behind = 0;  // of the copy that is furthest behind, in entries
  std::string leader;
};

std::string Short(const std::string& id) { return id.substr(0, 8); }

std::map<uint64_t, Copies> CopiesOf(const std::vector<NodeStatus>& nodes) {
  std::map<uint64_t, Copies> partitions;
  const auto each_replica = [&](auto use) {
    for (const NodeStatus& node : nodes) {
      if (!node.answer.ok()) continue;
      for (const Replica& replica : node.answer->replicas) {
        use(replica, partitions[replica.partition], node.node);
      }
    }
  };
  each_replica(
      [](const Replica& replica, Copies& copies, const ClusterNode& node) {
        copies.table = replica.table;
        copies.index = replica.index;
        copies.serving += replica.serving ? 1 : 0;
        copies.newest = std::max(copies.newest, replica.applied_index);
        if (replica.role == ReplicaRole::kLeader) {
          copies.leader = node.id;
          copies.items = replica.items;
          copies.bytes = replica.bytes;
        }
      });
  each_replica([](const Replica& replica, Copies& copies, const ClusterNode&) {
    copies.behind =
        std::max(copies.behind, copies.newest - replica.applied_index);
  });
  return partitions;
}

void PrintNodes(const std::vector<NodeStatus>& nodes, const std::string& leader,
                const std::map<uint64_t, Copies>& partitions, Output& output) {
  output.BeginItems(
      {"node", "state", "address", "version", "leads", "copies", "behind"});
  for (const NodeStatus& node : nodes) {
    const bool answers = node.answer.ok();
    int64_t leads = 0, copies = 0, behind = 0, incomplete = 0;
    if (answers) {
      for (const Replica& replica : node.answer->replicas) {
        ++copies;
        leads += replica.role == ReplicaRole::kLeader ? 1 : 0;
        incomplete += replica.serving ? 0 : 1;
        behind = std::max(behind, static_cast<int64_t>(
                                      partitions.at(replica.partition).newest -
                                      replica.applied_index));
      }
    }
    std::string state = answers ? "up" : node.node.alive ? "silent" : "gone";
    if (answers && !node.node.member) state = "spare";
    if (answers && incomplete > 0) state = "catching up";
    if (answers && node.node.id == leader) state = "leader";
    Item item{{"node", Short(node.node.id)},
              {"id", node.node.id},
              {"state", state},
              {"address", node.node.grpc_address},
              {"admin", node.node.admin_address},
              {"version", node.node.version}};
    if (answers) {
      item.Set("leads", leads).Set("copies", copies).Set("behind", behind);
      item.Set("etcd_silent_seconds",
               absl::ToInt64Seconds(node.answer->etcd_silence));
    }
    output.AddItem(item);
  }
  output.EndItems();
}

int PrintTables(Session& session,
                const std::map<uint64_t, Copies>& partitions) {
  struct Sum {
    int64_t partitions = 0, items = 0, bytes = 0, behind = 0, led = 0;
    size_t copies = SIZE_MAX;
  };
  std::map<std::pair<std::string, std::string>, Sum> tables;
  for (const auto& [id, copies] : partitions) {
    if (copies.table.empty() || copies.table.front() == '~') continue;
    Sum& sum = tables[{copies.table, copies.index}];
    ++sum.partitions;
    sum.led += copies.leader.empty() ? 0 : 1;
    sum.items += static_cast<int64_t>(copies.items);
    sum.bytes += static_cast<int64_t>(copies.bytes);
    sum.behind = std::max(sum.behind, static_cast<int64_t>(copies.behind));
    sum.copies = std::min(sum.copies, copies.serving);
  }
  if (tables.empty()) return kDone;
  session.output.BeginItems({"table", "index", "partitions", "led", "copies",
                             "items", "bytes", "behind"});
  std::string described;
  absl::StatusOr<TableDescription> description;
  for (const auto& [name, sum] : tables) {
    Item item{
        {"table", name.first}, {"partitions", sum.partitions},
        {"led", sum.led},      {"copies", static_cast<int64_t>(sum.copies)},
        {"items", sum.items},  {"bytes", sum.bytes},
        {"behind", sum.behind}};
    if (!name.second.empty()) {
      item.Set("index", name.second);
      if (described != name.first) {
        described = name.first;
        description = session.client.DescribeTable({.table = described},
                                                   {.timeout = kPatience});
      }
      if (description.ok()) {
        for (const auto& index : description->global_indexes) {
          if (index.index.name != name.second || !index.progress) continue;
          const IndexProgress& progress = *index.progress;
          item.Set("lag_changes", progress.changes_behind)
              .Set("lag_ms", absl::ToInt64Milliseconds(progress.time_behind));
        }
      }
    }
    session.output.AddItem(item);
  }
  session.output.EndItems();
  return kDone;
}

}  // namespace

int ClusterStatus(Session& session, NodeConnector connect) {
  const auto cluster = session.client.DescribeCluster();
  if (!cluster.ok()) return session.output.Fail(cluster.status());
  std::vector<NodeStatus> nodes;
  for (const ClusterNode& node : cluster->nodes) {
    NodeStatus& status = nodes.emplace_back();
    status.node = node;
    if (node.id == cluster->node) {
      status.answer = *cluster;
      continue;
    }
    status.answer = absl::UnavailableError("it is gone");
    if (!node.alive || node.grpc_address.empty()) continue;
    absl::StatusOr<Client> client = connect(node.grpc_address);
    if (client.ok()) {
      status.answer = client->DescribeCluster({}, {.timeout = kPatience});
    } else {
      status.answer = client.status();
    }
  }
  const std::map<uint64_t, Copies> partitions = CopiesOf(nodes);
  if (cluster->cluster.empty()) {
    session.output.Say("one node alone: nothing is replicated");
  } else if (cluster->leader_node.empty()) {
    session.output.Say("no node leads the cluster at the moment");
  }
  PrintNodes(nodes, cluster->leader_node, partitions, session.output);
  return PrintTables(session, partitions);
}

}  // namespace pallet::tool
