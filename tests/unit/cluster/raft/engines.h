// SPDX-License-Identifier: Apache-2.0
//
// Engines of one group that talk to each other at once and lose nothing but what
// goes to or from those that are cut off. Whatever is asked for is durable.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/raft/engine.h"
#include "gtest/gtest.h"

namespace pallet::cluster {

class Engines {
 public:
  static constexpr storage::PartitionId kGroup{7};

  // Replicas 1..n found the group.
  explicit Engines(uint64_t n, EngineTiming timing = {}) : timing_(timing) {
    std::vector<ReplicaId> voters;
    for (uint64_t id = 1; id <= n; ++id) voters.emplace_back(id);
    for (uint64_t id = 1; id <= n; ++id) {
      Start(FoundingStart(ReplicaId(id), voters));
    }
  }

  struct Node {
    RaftEngine engine;
    Role role = Role::kFollower;
    HardState hard;
    Members members;
    std::vector<RaftEntry> log;
    std::vector<std::string> applied;  // what is not empty
    std::vector<SnapshotPoint> sent, installed;
    std::vector<Refusal> refused;
    std::vector<GroupFailure> failed;
    std::vector<ReadIndexAnswer> reads;
    bool cut = false;
  };

  Node& operator[](uint64_t id) { return *nodes_.at(id); }

  void Start(const ReplicaStart& start, bool silent = false) {
    auto& node = nodes_[start.replica.value()] = std::make_unique<Node>();
    node->members = start.members;
    node->engine.Create(kGroup, start, timing_, silent);
  }

  // Until nobody has anything to say.
  void Settle() {
    bool busy = true;
    while (busy) {
      busy = false;
      for (auto& [id, node] : nodes_) {
        while (!node->engine.idle()) {
          busy = true;
          Take(id, node->engine.Run());
        }
      }
      for (; !network_.empty(); network_.pop_front()) {
        const auto& [to, bytes] = network_.front();
        const auto it = nodes_.find(to);
        if (it == nodes_.end() || it->second->cut) continue;
        it->second->engine.Step(kGroup, bytes);
        busy = true;
      }
    }
  }

  void Tick(int times) {
    for (; times > 0; --times) {
      for (auto& [id, node] : nodes_) node->engine.Tick(kGroup);
      Settle();
    }
  }

  void Elect(uint64_t id) {
    nodes_.at(id)->engine.Campaign(kGroup);
    Settle();
    ASSERT_EQ(nodes_.at(id)->role, Role::kLeader);
  }

  void Propose(uint64_t id, const std::string& data) {
    nodes_.at(id)->engine.Propose(kGroup, ++number_, data);
    Settle();
  }

  void Change(uint64_t id, const std::vector<MemberChange>& changes) {
    nodes_.at(id)->engine.Change(kGroup, ++number_, changes, "");
    Settle();
  }

  // Handles one engine's output as a node would.
  void Take(uint64_t id, EngineOutput output) {
    Node& node = *nodes_.at(id);
    for (Refusal& refusal : output.refused) node.refused.push_back(refusal);
    for (GroupFailure& failure : output.failed) node.failed.push_back(failure);
    for (Ready& ready : output.ready) {
      node.role = ready.role;
      node.hard = ready.hard;
      if (ready.installed) {
        node.installed.push_back(*ready.installed);
        node.members = ready.installed->members;
      }
      for (RaftEntry& entry : ready.entries) node.log.push_back(entry);
      for (RaftMessage& message : ready.messages) {
        if (message.snapshot > 0) {
          node.sent.push_back({message.snapshot, 0, node.members});
        }
        if (!node.cut) network_.emplace_back(message.to.value(), message.bytes);
      }
      for (CommittedEntry& entry : ready.committed) {
        if (entry.members) node.members = *entry.members;
        if (entry.kind == EntryKind::kEffects && !entry.data.empty()) {
          node.applied.push_back(entry.data);
        }
      }
      for (ReadIndexAnswer& read : ready.reads) node.reads.push_back(read);
      node.engine.Advance(kGroup);
    }
  }

 private:
  EngineTiming timing_;
  std::map<uint64_t, std::unique_ptr<Node>> nodes_;
  std::deque<std::pair<uint64_t, std::string>> network_;
  uint64_t number_ = 0;
};

}  // namespace pallet::cluster
