// SPDX-License-Identifier: Apache-2.0
//
// Request and response about the cluster; otherwise as requests.h. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace pallet {

// How the cluster looks from the node that is asked, and what it has itself. A
// node alone is a cluster of one.
struct DescribeClusterRequest {};

struct ClusterNode {
  std::string id = {};  // 32 hexadecimal digits
  bool alive = false;   // heard of in the last seconds
  bool member = false;  // has copies, or is given some
  // "host:port"; empty if unknown.
  std::string grpc_address = {};
  std::string json_address = {};
  std::string admin_address = {};
  std::string peer_address = {};
  std::string version = {};  // of palletd

  friend bool operator==(const ClusterNode&, const ClusterNode&) = default;
};

enum class ReplicaRole { kFollower, kCandidate, kLeader };

// A node's copy of a partition.
struct Replica {
  uint64_t partition = 0;
  std::string table = {};
  std::string index = {};  // empty: a partition of the table itself
  ReplicaRole role = ReplicaRole::kFollower;
  std::string leader_node = {};  // empty if unknown
  uint64_t term = 0;             // of Raft
  uint64_t applied_index = 0;    // the last entry that is visible there
  uint64_t items = 0;
  uint64_t bytes = 0;
  bool serving = false;  // its copy is whole

  friend bool operator==(const Replica&, const Replica&) = default;
};

struct DescribeClusterResponse {
  std::string cluster = {};          // empty: one node alone
  std::string node = {};             // that answers
  std::string leader_node = {};      // that runs the requests; empty if unknown
  absl::Duration etcd_silence = {};  // zero: etcd answers that node
  std::vector<ClusterNode> nodes = {};
  std::vector<Replica> replicas = {};  // of the node that answers
};

}  // namespace pallet
