// SPDX-License-Identifier: Apache-2.0
//
// Who breaks the world, and who mends it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "tests/simulation/world.h"

namespace pallet::simulation {
namespace {

using cluster::ChangeKind;
using cluster::Packet;
using cluster::PacketKind;

constexpr absl::Duration kOrphanAge = absl::Seconds(6);

// raftpb.Message: an order to campaign at once (type = 1, to = 2, from = 3,
// term = 4).
std::string TimeoutNow(ReplicaId to, ReplicaId from, uint64_t term) {
  std::string bytes;
  const auto field = [&bytes](char tag, uint64_t value) {
    bytes.push_back(tag);
    for (; value >= 0x80; value >>= 7) {
      bytes.push_back(static_cast<char>(value | 0x80));
    }
    bytes.push_back(static_cast<char>(value));
  };
  field(0x08, 14);
  field(0x10, to.value());
  field(0x18, from.value());
  field(0x20, term);
  return bytes;
}

}  // namespace

Machine* World::Find(ReplicaId replica) {
  const auto home = homes_.find(replica);
  if (home == homes_.end() || gone_.count(replica) > 0) return nullptr;
  Machine* const machine = machines_[home->second.first].get();
  return machine->up() ? machine : nullptr;
}

// Of the highest term, if there are several who believe it.
Machine* World::Leader(PartitionId partition) {
  Machine* leader = nullptr;
  uint64_t highest = 0;
  for (const auto& machine : machines_) {
    if (!machine->Hosts(partition)) continue;
    const uint64_t term = machine->loop().LeaderTerm(partition);
    if (term <= highest) continue;
    highest = term;
    leader = machine.get();
  }
  return leader;
}

bool World::MajorityKnowsMembers(PartitionId partition) {
  const Partition& known = partitions_.at(partition);
  const Members& newest = known.newest;
  size_t knowing = 0;
  for (const ReplicaId voter : newest.voters) {
    const Machine* const machine = Find(voter);
    if (machine != nullptr && machine->Hosts(partition) &&
        machine->StateOf(partition).applied >= known.newest_index) {
      ++knowing;
    }
  }
  return knowing > newest.voters.size() / 2;
}

// Three voters, none of them lost, and nothing else on its way.
bool World::IsWhole(PartitionId partition) {
  const Members& members = partitions_.at(partition).newest;
  return members.voters.size() == 3 && members.learners.empty() &&
         !members.joint() && MajorityKnowsMembers(partition) &&
         std::none_of(members.voters.begin(), members.voters.end(),
                      [this](ReplicaId r) { return gone_.count(r) > 0; });
}

void World::Break() {
  if (!troubled_) return;
  At(absl::Milliseconds(100 + random_.Below(1500)), [this] { Break(); });
  Machine* const machine = machines_[random_.Below(machines_.size())].get();
  const PartitionId partition(1 + random_.Below(partitions_.size()));
  switch (random_.Below(10)) {
    case 0:
    case 1: {
      const uint64_t away = random_.OneIn(2) ? 100 : 3000;
      return CrashOne(machine, absl::Milliseconds(random_.Below(away)));
    }
    case 2:
    case 3:
      return CutSome();
    case 4:
      cut_.clear();
      loss_ = random_.OneIn(2) ? 0 : random_.Below(150);
      return;
    case 5:
      // What waits for its end keeps its order, so it is not moved.
      if (paused_until_[machine->id()] > now_) return;
      paused_until_[machine->id()] =
          now_ + absl::Milliseconds(random_.Below(2500));
      return;
    case 6:
    case 7:
      return Transfer(partition);
    case 8:
      return WipeOne(machine);
    case 9:
      return RestartTheThird(partition);
  }
}

void World::CrashOne(Machine* machine, absl::Duration away) {
  if (!machine->up()) return;
  ++counts_.crashes;
  machine->Crash();
  At(away, [machine] {
    if (!machine->up()) machine->Start();
  });
}

// A leader and a voter lose sight of each other; the one who hears both, and
// keeps the voter from being elected, starts anew again and again.
void World::RestartTheThird(PartitionId partition) {
  Machine* const leader = Leader(partition);
  if (leader == nullptr) return;
  std::vector<Machine*> others;
  for (const ReplicaId voter : leader->StateOf(partition).members.voters) {
    Machine* const machine = Find(voter);
    if (machine != nullptr && machine != leader) others.push_back(machine);
  }
  if (others.size() != 2) return;
  if (random_.OneIn(2)) std::swap(others[0], others[1]);
  // It is elected only if it lacks nothing.
  partitions_.at(partition).quiet_until = now_ + absl::Seconds(4);
  At(absl::Milliseconds(500),
     [this, one = leader->id(), two = others[0]->id()] {
       if (troubled_) cut_ = {{one, two}, {two, one}};
     });
  for (int i = 0; i < 15; ++i) {
    At(absl::Milliseconds(1500 + 150 * i), [this, third = others[1]] {
      if (troubled_) CrashOne(third, absl::Milliseconds(20));
    });
  }
}

// One from all others, from some, or two from each other; to it, from it, or
// both.
void World::CutSome() {
  if (random_.OneIn(2)) cut_.clear();
  const int count = static_cast<int>(machines_.size());
  const int one = static_cast<int>(random_.Below(count));
  const int only = static_cast<int>(random_.Below(count));
  const uint64_t way = random_.Below(3), kind = random_.Below(3);
  for (int other = 0; other < count; ++other) {
    if (other == one || (kind == 1 && random_.OneIn(2)) ||
        (kind == 2 && other != only)) {
      continue;
    }
    if (way != 1) cut_.insert({one, other});
    if (way != 0) cut_.insert({other, one});
  }
}

void World::Transfer(PartitionId partition) {
  Machine* const leader = Leader(partition);
  if (leader == nullptr) return;
  const cluster::ReplicaStatus status = leader->loop().Status(partition);
  const auto& voters = status.members.voters;
  const ReplicaId to = voters[random_.Below(voters.size())];
  ++counts_.transfers;
  if (faults_.transfer_keeps_lease) {
    Packet order;
    order.kind = PacketKind::kMessage;
    order.partition = partition;
    order.from = status.replica;
    order.to = to;
    order.bytes = TimeoutNow(to, status.replica, status.term);
    return Send(leader->id(), order);
  }
  On(leader, [leader, partition, to] {
    if (leader->Hosts(partition)) {
      leader->loop().TransferLeadership(partition, to).IgnoreError();
    }
  });
}

void World::WipeOne(Machine* machine) {
  for (const auto& [partition, group] : machine->disk().groups()) {
    if (!IsWhole(partition)) return;
  }
  if (machine->disk().groups().empty()) return;
  if (machine->up()) machine->Crash();
  ++counts_.wipes;
  machine->Wipe();
  At(absl::Milliseconds(random_.Below(1000)), [machine] {
    if (!machine->up()) machine->Start();
  });
}

void World::Coordinate(PartitionId partition) {
  At(absl::Milliseconds(200 + random_.Below(800)),
     [this, partition] { Coordinate(partition); });
  Sweep(partition);
  Machine* const leader = Leader(partition);
  if (leader == nullptr || paused_until_[leader->id()] > now_) return;
  const Members members = leader->loop().Status(partition).members;
  if (members.joint()) return;
  if (!members.learners.empty()) {
    return Promote(partition, leader, members.learners[0]);
  }
  const bool lost =
      std::any_of(members.voters.begin(), members.voters.end(),
                  [this](ReplicaId r) { return gone_.count(r) > 0; });
  if (lost || (troubled_ && random_.OneIn(6))) Replace(partition, leader);
}

// Begins with a learner on a machine that has no replica of the partition.
void World::Replace(PartitionId partition, Machine* leader) {
  std::vector<Machine*> free;
  for (const auto& machine : machines_) {
    if (machine->up() && paused_until_[machine->id()] <= now_ &&
        machine->disk().groups().count(partition) == 0) {
      free.push_back(machine.get());
    }
  }
  if (free.empty()) return;
  Machine* const home = free[random_.Below(free.size())];
  cluster::ReplicaStart start;
  start.replica = ReplicaId(++last_replica_);
  homes_[start.replica] = {home->id(), now_};
  On(home, [home, partition, start] { home->Create(partition, start); });
  On(leader, [leader, partition, start] {
    if (!leader->Hosts(partition)) return;
    leader->loop()
        .ChangeMembers(partition, {{ChangeKind::kAddLearner, start.replica}})
        .IgnoreError();
  });
}

void World::Promote(PartitionId partition, Machine* leader, ReplicaId learner) {
  const State& state = leader->StateOf(partition);
  std::vector<cluster::MemberChange> changes;
  Machine* const home = Find(learner);
  if (gone_.count(learner) > 0) {
    changes = {{ChangeKind::kRemove, learner}};
  } else if (home != nullptr && home->Hosts(partition) &&
             home->StateOf(partition).applied > 0 &&
             home->StateOf(partition).applied + 20 > state.applied) {
    const ReplicaId self = leader->ReplicaOf(partition);
    ReplicaId victim;
    for (const ReplicaId voter : state.members.voters) {
      if (voter == self) continue;
      if (victim == ReplicaId() || gone_.count(voter) > 0) victim = voter;
    }
    changes = {{ChangeKind::kAddVoter, learner}, {ChangeKind::kRemove, victim}};
  } else {
    return;
  }
  On(leader, [leader, partition, changes] {
    if (!leader->Hosts(partition)) return;
    leader->loop().ChangeMembers(partition, changes).IgnoreError();
  });
}

// Replicas that are no members, and have had the time to become some, go; but
// not before a majority of the voters knows: until then a single loss more would
// leave a joint configuration without one of its majorities.
void World::Sweep(PartitionId partition) {
  if (!MajorityKnowsMembers(partition)) return;
  const Members& newest = partitions_.at(partition).newest;
  for (const auto& machine : machines_) {
    if (!machine->Hosts(partition) || paused_until_[machine->id()] > now_) {
      continue;
    }
    const ReplicaId replica = machine->ReplicaOf(partition);
    if (newest.Has(replica) || homes_.at(replica).second + kOrphanAge > now_) {
      continue;
    }
    On(machine.get(),
       [machine = machine.get(), partition] { machine->Drop(partition); });
  }
}

void World::Heal() {
  troubled_ = false;
  cut_.clear();
  loss_ = 0;
  for (const auto& machine : machines_) {
    if (!machine->up()) machine->Start();
  }
}

}  // namespace pallet::simulation
