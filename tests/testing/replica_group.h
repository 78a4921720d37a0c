// SPDX-License-Identifier: Apache-2.0
//
// Nodes that replicate, in one process: a store each, and a network between
// them that can be cut. Time is real but faster: a tick is 10 ms.
//
//   ReplicaGroup group(3);
//   group.Found(kPartition, kKeyspace, {0, 1, 2});
//   const int leader = group.AwaitLeader(kPartition);
//   EXPECT_OK(PutAndWait(group.store(leader), kPartition, key, "item"));
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/thread.h"
#include "cluster/replica/replica_store.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {

class ReplicaGroup {
 public:
  struct Options {
    uint64_t kept_entries = 4096;
    storage::StoreOptions store = {};
  };
  explicit ReplicaGroup(int nodes) : ReplicaGroup(nodes, Options()) {}
  ReplicaGroup(int nodes, Options options);
  ReplicaGroup(const ReplicaGroup&) = delete;
  ~ReplicaGroup();

  cluster::ReplicaStore& store(int node) { return *nodes_[node]->store; }
  bool up(int node) const { return nodes_[node]->store != nullptr; }
  const std::string& directory(int node) const {
    return nodes_[node]->directory.path();
  }
  // Closes the store of a node; opens it again.
  void Stop(int node);
  void Start(int node);
  // As Stop, and its disk is empty.
  void Wipe(int node);
  // Nobody hears it, and it hears nobody.
  void CutOff(int node);
  void Heal();

  // The replica of the partition on `node` gets the id 10 * n + node + 1, n
  // from 0 with each time it comes.
  void Found(storage::PartitionId partition, storage::KeyspaceId keyspace,
             const std::vector<int>& nodes, uint32_t index_count = 0);
  cluster::ReplicaId Join(storage::PartitionId partition,
                          storage::KeyspaceId keyspace, int node, int time);
  static cluster::ReplicaId IdOn(int node, int time = 0) {
    return cluster::ReplicaId(10 * time + node + 1);
  }

  // A node that takes writes of the partition.
  int AwaitLeader(storage::PartitionId partition);
  // Until `what` holds; fails the test after a minute.
  void Await(const std::string& what, const std::function<bool()>& holds);

  // Tries, on whatever node leads, until it is acknowledged. True if an attempt
  // before the last was told that nobody knows.
  bool Put(storage::PartitionId partition, const std::string& key,
           const std::string& item);
  // Of a strong read somewhere.
  std::string Get(storage::PartitionId partition, const std::string& key);

  // Waits until all of them have applied the same, and compares their rows.
  void ExpectEqual(storage::PartitionId partition,
                   const std::vector<int>& nodes);

 private:
  struct Node {
    TemporaryDirectory directory;
    std::unique_ptr<cluster::ReplicaTransport> transport;
    std::unique_ptr<cluster::ReplicaStore> store;
  };
  class Transport;

  void Deliver();
  bool HasPackets() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ending_ || !packets_.empty();
  }

  const Options options_;
  std::vector<std::unique_ptr<Node>> nodes_;

  absl::Mutex mutex_;
  std::deque<std::pair<int, cluster::Packet>> packets_ ABSL_GUARDED_BY(mutex_);
  std::set<int> cut_off_ ABSL_GUARDED_BY(mutex_);
  uint64_t delivered_ ABSL_GUARDED_BY(mutex_) = 0;  // how often
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  // A store is not closed while something is delivered to it.
  absl::Mutex delivering_;
  Thread network_;
};

}  // namespace pallet::testing
