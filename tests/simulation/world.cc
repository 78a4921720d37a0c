// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/world.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace pallet::simulation {
namespace {

using cluster::Packet;
using cluster::RaftEngine;

constexpr int kMachines = 5;
constexpr uint64_t kPartitions = 2;
constexpr size_t kClientsOfEach = 4;
constexpr uint64_t kKeys = 4;
constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr absl::Duration kPatience = absl::Seconds(3);

}  // namespace

void Counts::Add(const Counts& other) {
  writes += other.writes;
  reads += other.reads;
  unknown += other.unknown;
  applied += other.applied;
  terms += other.terms;
  crashes += other.crashes;
  snapshots += other.snapshots;
  changes += other.changes;
  wipes += other.wipes;
  transfers += other.transfers;
  skipped += other.skipped;
}

std::string Counts::Text() const {
  return absl::StrCat(writes, " writes, ", reads, " reads, ", unknown,
                      " unknown, ", applied, " applied, ", skipped,
                      " skipped, ", terms, " terms, ", crashes, " crashes, ",
                      snapshots, " snapshots, ", changes, " changes, ", wipes,
                      " wipes, ", transfers, " transfers");
}

World::World(const WorldOptions& options, const Faults& faults)
    : options_(options), faults_(faults), random_(options.seed) {
  RaftEngine::SeedElections(random_.Next());
  slowness_ = random_.OneIn(3) ? 100 : 15;
  haste_ = random_.OneIn(3) ? 60 : 300;
  if (random_.OneIn(3)) timing_.max_uncommitted_bytes = 150;
  for (int id = 0; id < kMachines; ++id) {
    machines_.push_back(std::make_unique<Machine>(id, faults_, this));
  }
  paused_until_.resize(kMachines);
}

void World::At(absl::Duration delay, std::function<void()> what) {
  events_.push({now_ + delay, ++events_made_, std::move(what)});
}

void World::On(Machine* machine, const std::function<void()>& what) {
  if (!machine->up()) return;
  const absl::Duration paused = paused_until_[machine->id()];
  if (paused > now_) {
    At(paused - now_, [this, machine, what] { On(machine, what); });
    return;
  }
  what();
  machine->Run();
  CheckLeases();
}

void World::Later(int machine, absl::Duration delay,
                  std::function<void()> what) {
  Machine* const on = machines_[machine].get();
  At(delay, [this, on, life = on->life(), what = std::move(what)] {
    On(on, [on, life, what] {
      if (on->life() == life) what();
    });
  });
}

void World::Send(int machine, Packet packet) {
  const auto home = homes_.find(packet.to);
  if (home == homes_.end()) return;
  if (packet.kind == cluster::PacketKind::kSnapshotChunk && packet.last) {
    ++counts_.snapshots;
  }
  if (cut_.count({machine, home->second.first}) > 0) return;
  for (int copies = random_.OneIn(40) ? 2 : 1; copies > 0; --copies) {
    if (random_.Below(1000) < loss_) continue;
    const uint64_t delay = random_.OneIn(40) && troubled_
                               ? random_.Below(3000)
                               : 1 + random_.Below(slowness_);
    At(absl::Milliseconds(delay), [this, packet] { Deliver(packet); });
  }
}

void World::Deliver(const Packet& packet) {
  Machine* const machine = machines_[homes_.at(packet.to).first].get();
  On(machine, [machine, packet] { machine->loop().Receive(packet); });
}

void World::Violation(const std::string& what) {
  if (!violation_.empty()) return;
  violation_ = absl::StrCat("seed ", options_.seed, " after ",
                            absl::FormatDuration(now_), ": ", what);
}

void World::Applied(int machine, PartitionId partition,
                    const cluster::AppliedEntry& entry, const State& after) {
  ++counts_.applied;
  Partition& known = partitions_[partition];
  const std::string text = absl::StrCat(
      entry.term, " ", entry.effects, " ",
      entry.members == nullptr ? "" : cluster::ToText(*entry.members));
  const auto [first, fresh] = known.entries.emplace(entry.index, text);
  if (fresh) {
    digest_ = digest_ * 1099511628211u + std::hash<std::string>()(text);
    if (entry.term > known.last_term) {
      known.last_term = entry.term;
      ++counts_.terms;
    }
    if (entry.members != nullptr) ++counts_.changes;
  }
  const std::string where =
      absl::StrCat("partition ", partition.value(), " index ", entry.index,
                   " machine ", machine);
  if (first->second != text) Violation("another entry was applied: " + where);
  if (entry.members != nullptr && entry.index > known.newest_index) {
    known.newest_index = entry.index;
    known.newest = *entry.members;
  }
  if (entry.index >= after.serves_from) {
    const auto state = known.states.emplace(entry.index, after.Text()).first;
    if (state->second != after.Text()) {
      Violation(absl::StrCat("states differ: ", where, ": ", state->second,
                             " | ", after.Text()));
    }
  }
}

void World::CheckLeases() {
  for (const auto& [partition, known] : partitions_) {
    int holders = 0;
    for (const auto& machine : machines_) {
      if (!machine->Hosts(partition)) continue;
      auto& loop = machine->loop();
      if (loop.HasLease(partition, loop.LeaderTerm(partition))) ++holders;
    }
    if (holders > 1) {
      Violation(absl::StrCat("two leases of partition ", partition.value()));
    }
  }
}

void World::Found() {
  for (uint64_t number = 1; number <= kPartitions; ++number) {
    const PartitionId partition(number);
    Partition& known = partitions_[partition];
    for (int i = 0; i < 3; ++i)
      known.newest.voters.emplace_back(++last_replica_);
    for (int i = 0; i < 3; ++i) {
      const int machine = static_cast<int>(number + i) % kMachines;
      const ReplicaId replica = known.newest.voters[i];
      homes_[replica] = {machine, now_};
      machines_[machine]->Create(
          partition, cluster::FoundingStart(replica, known.newest.voters));
    }
    for (size_t i = 0; i < kClientsOfEach; ++i) {
      clients_.push_back({partition, 0});
    }
  }
}

void World::TickMachine(int machine) {
  Machine* const on = machines_[machine].get();
  // Never sooner than a tick after the last one, on the machine's own clock.
  At(kTick * 1.05, [this, machine] { TickMachine(machine); });
  if (paused_until_[machine] > now_) return;
  On(on, [on] { on->Tick(); });
  if (!on->up() || !random_.OneIn(5)) return;
  for (const auto& [partition, known] : partitions_) {
    if (!on->Hosts(partition) || !random_.OneIn(3)) continue;
    On(on, [this, on, partition = partition] {
      on->Checkpoint(partition, random_.Below(20));
    });
  }
}

void World::ActClient(size_t number) {
  Client& client = clients_[number];
  At(absl::Milliseconds(20 + random_.Below(haste_)),
     [this, number] { ActClient(number); });
  if (client.operation != 0 || !clients_act_) return;
  std::vector<Machine*> leaders, hosts;
  for (const auto& machine : machines_) {
    if (!machine->Hosts(client.partition)) continue;
    hosts.push_back(machine.get());
    if (machine->loop().Status(client.partition).role ==
        cluster::Role::kLeader) {
      leaders.push_back(machine.get());
    }
  }
  if (!leaders.empty() && !random_.OneIn(5)) hosts = leaders;
  if (hosts.empty()) return;
  Machine* const machine = hosts[random_.Below(hosts.size())];
  Begin(number, machine);
}

void World::Begin(size_t number, Machine* machine) {
  Client& client = clients_[number];
  const PartitionId partition = client.partition;
  Operation operation;
  operation.key = absl::StrCat("k", random_.Below(kKeys));
  const uint64_t kind = random_.Below(10);
  operation.kind = kind < 5   ? OperationKind::kGet
                   : kind < 8 ? OperationKind::kPut
                              : OperationKind::kCompare;
  const uint64_t id = ++last_operation_;
  operation.value = absl::StrCat("v", id);
  // Where there is little room a long one is refused, the next is not.
  if (random_.OneIn(4)) operation.value.append(100, '+');
  if (partitions_[partition].quiet_until > now_) {
    operation.kind = OperationKind::kGet;
  }
  operation.expected = partitions_[partition].seen[operation.key];
  client.operation = id;
  const int64_t called = ++moment_;
  const auto over = [this, number, id] {
    if (clients_[number].operation == id) clients_[number].operation = 0;
  };
  const auto record = [this, partition, operation, called](
                          int64_t answered, const std::string& text,
                          testing::HistoryOperation::Step step) {
    partitions_[partition].history[operation.key].push_back(
        {called, answered, absl::StrCat(operation.key, " ", text),
         std::move(step)});
  };
  // Whether its answer came, or its client gave up.
  const auto answered = std::make_shared<bool>(false);
  const testing::HistoryOperation::Step effect =
      [operation](const std::string& state) -> std::optional<std::string> {
    if (operation.kind == OperationKind::kCompare &&
        state != operation.expected) {
      return std::nullopt;
    }
    return operation.value;
  };
  const Done done = [=, this](const Outcome& outcome) {
    if (*answered) return;
    *answered = true;
    over();
    const auto saw = [found = outcome.found](const std::string& state) {
      return state == found ? std::optional<std::string>(state) : std::nullopt;
    };
    switch (outcome.kind) {
      case Outcome::kDone:
        if (!troubled_) ++late_successes_;
        if (operation.kind == OperationKind::kGet) {
          ++counts_.reads;
          record(++moment_, "get " + outcome.found, saw);
          partitions_[partition].seen[operation.key] = outcome.found;
        } else {
          ++counts_.writes;
          record(++moment_, "put " + operation.value, effect);
          partitions_[partition].seen[operation.key] = operation.value;
        }
        break;
      case Outcome::kFailed:
        record(++moment_, "found " + outcome.found, saw);
        partitions_[partition].seen[operation.key] = outcome.found;
        break;
      case Outcome::kDidNotHappen:
        ++counts_.skipped;
        break;
      case Outcome::kUnknown:
        ++counts_.unknown;
        // A condition that was not met changed nothing.
        record(std::numeric_limits<int64_t>::max(), "lost " + operation.value,
               [effect](const std::string& state) {
                 return effect(state).value_or(state);
               });
        break;
    }
  };
  At(kPatience, [operation, done] {
    done({operation.kind == OperationKind::kGet ? Outcome::kDidNotHappen
                                                : Outcome::kUnknown,
          ""});
  });
  At(absl::Milliseconds(random_.Below(10)),
     [this, machine, partition, operation, done] {
       if (!machine->Hosts(partition) || paused_until_[machine->id()] > now_) {
         return;
       }
       // Several may wait for the next run.
       machine->Execute(partition, operation, done);
       At(absl::Milliseconds(random_.Below(20)),
          [this, machine] { On(machine, [] {}); });
     });
}

std::string World::Run() {
  Found();
  for (const auto& machine : machines_) {
    machine->Start();
    At(absl::Milliseconds(random_.Below(100)),
       [this, id = machine->id()] { TickMachine(id); });
  }
  for (size_t i = 0; i < clients_.size(); ++i) ActClient(i);
  Break();
  for (const auto& [partition, known] : partitions_) Coordinate(partition);
  At(options_.trouble, [this] { Heal(); });
  At(options_.trouble + options_.rest * 0.7, [this] { clients_act_ = false; });
  while (!events_.empty() && violation_.empty() &&
         events_.top().when < options_.trouble + options_.rest) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.when;
    event.what();
  }
  if (violation_.empty()) CheckRest();
  if (violation_.empty()) CheckHistories();
  return violation_;
}

std::string World::Describe(PartitionId partition) {
  std::string text;
  for (const auto& machine : machines_) {
    if (!machine->Hosts(partition)) continue;
    const cluster::ReplicaStatus status = machine->loop().Status(partition);
    absl::StrAppend(&text, "\n  machine ", machine->id(), " replica ",
                    status.replica.value(), " role ",
                    static_cast<int>(status.role), " term ", status.term,
                    " applied ", status.applied, " ",
                    cluster::ToText(status.members));
  }
  return text;
}

void World::CheckRest() {
  for (auto& [partition, known] : partitions_) {
    Machine* const leader = Leader(partition);
    if (leader == nullptr) {
      return Violation(absl::StrCat("partition ", partition.value(),
                                    " has no leader: ", Describe(partition)));
    }
    const State& state = leader->StateOf(partition);
    for (const ReplicaId voter : state.members.voters) {
      if (gone_.count(voter) > 0) continue;
      const Machine* const machine = Find(voter);
      if (machine == nullptr ||
          machine->StateOf(partition).applied != state.applied ||
          machine->StateOf(partition).Text() != state.Text()) {
        return Violation(
            absl::StrCat("replica ", voter.value(), " is not like its leader"));
      }
    }
  }
  if (late_successes_ == 0) Violation("nothing succeeds after all was healed");
}

void World::CheckHistories() {
  for (auto& [partition, known] : partitions_) {
    for (auto& [key, history] : known.history) {
      const std::string found = testing::FindViolation("", history);
      if (!found.empty()) {
        return Violation(
            absl::StrCat("partition ", partition.value(), ":\n", found));
      }
    }
  }
}

std::string RunWorld(const WorldOptions& options, const Faults& faults,
                     Counts* counts) {
  World world(options, faults);
  const std::string violation = world.Run();
  *counts = world.counts();
  return violation;
}

}  // namespace pallet::simulation
