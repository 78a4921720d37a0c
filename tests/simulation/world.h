// SPDX-License-Identifier: Apache-2.0
//
// A world made from a seed: machines, a network that loses, doubles, delays and
// cuts one way, disks, clients, and somebody who breaks things. Partitions have
// three voters; members come and go. After a while all is healed and has to come
// to rest.
//
//   EXPECT_EQ(RunWorld({.seed = 7}, {}, &counts), "");
//
// What is looked at, at every step: that replicas apply the same entries and
// come to the same states; that no two replicas of a partition have a lease at
// once; that no replica fails. At the end: that clients' histories are
// linearizable, and that all replicas are alike.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/simulation/machine.h"
#include "tests/testing/linearizability.h"

namespace pallet::simulation {

struct WorldOptions {
  uint64_t seed = 1;
  absl::Duration trouble = absl::Seconds(40);
  absl::Duration rest = absl::Seconds(20);
};

// What happened in worlds, so that nobody trusts one in which nothing did.
struct Counts {
  uint64_t writes = 0, reads = 0, unknown = 0;
  uint64_t applied = 0, terms = 0, crashes = 0, snapshots = 0;
  uint64_t changes = 0, wipes = 0, transfers = 0, skipped = 0;

  void Add(const Counts& other);
  std::string Text() const;
};

class World final : public Surroundings {
 public:
  World(const WorldOptions& options, const Faults& faults);

  // Empty, or what was wrong first.
  std::string Run();
  const Counts& counts() const { return counts_; }
  // Of all that was applied, in order: equal for equal seeds.
  uint64_t digest() const { return digest_; }

  absl::Duration Now() const override { return now_; }
  Random* random() override { return &random_; }
  cluster::EngineTiming Timing() const override { return timing_; }
  void Later(int machine, absl::Duration delay,
             std::function<void()> what) override;
  void Send(int machine, cluster::Packet packet) override;
  void Applied(int machine, PartitionId partition,
               const cluster::AppliedEntry& entry, const State& after) override;
  void Dropped(ReplicaId replica) override { gone_.insert(replica); }
  void Violation(const std::string& what) override;

 private:
  struct Event {
    absl::Duration when;
    uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::tie(other.when, other.number) < std::tie(when, number);
    }
  };
  struct Partition {
    uint64_t newest_index = 0;  // at which somebody's members were applied
    Members newest;
    std::map<uint64_t, std::string> entries, states;  // by index
    std::map<std::string, std::vector<testing::HistoryOperation>> history;
    std::map<std::string, std::string> seen;  // what clients last heard of
    uint64_t last_term = 0;
    absl::Duration quiet_until;  // no writes
  };
  struct Client {
    PartitionId partition;
    uint64_t operation = 0;  // of which an answer is waited for
  };

  void At(absl::Duration delay, std::function<void()> what);
  // On a machine, now or when it goes on; dropped if it is down.
  void On(Machine* machine, const std::function<void()>& what);
  void Deliver(const cluster::Packet& packet);
  void CheckLeases();
  void CheckRest();
  std::string Describe(PartitionId partition);
  void CheckHistories();

  void Found();
  void TickMachine(int machine);
  void ActClient(size_t client);
  void Begin(size_t client, Machine* machine);

  // Trouble.
  void Break();
  void CrashOne(Machine* machine, absl::Duration away);
  void RestartTheThird(PartitionId partition);
  void CutSome();
  void Transfer(PartitionId partition);
  void OrderToTakeOver(Machine* machine, PartitionId partition, ReplicaId to);
  void WipeOne(Machine* machine);
  // Membership: what a coordinator would do.
  void Coordinate(PartitionId partition);
  void Replace(PartitionId partition, Machine* leader);
  void Promote(PartitionId partition, Machine* leader, ReplicaId learner);
  void Sweep(PartitionId partition);
  Machine* Leader(PartitionId partition);
  Machine* Find(ReplicaId replica);
  bool IsWhole(PartitionId partition);
  bool MajorityKnowsMembers(PartitionId partition);
  void Heal();

  const WorldOptions options_;
  const Faults faults_;
  Random random_;
  // How this world is: fast or slow, with room for proposals or without.
  uint64_t slowness_ = 0;  // of packets, in milliseconds
  uint64_t haste_ = 0;     // of clients
  cluster::EngineTiming timing_;
  Counts counts_;
  absl::Duration now_ = absl::ZeroDuration();
  uint64_t events_made_ = 0;
  std::priority_queue<Event> events_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<absl::Duration> paused_until_;
  std::set<std::pair<int, int>> cut_;
  uint64_t loss_ = 0;  // of a thousand packets
  bool troubled_ = true;
  bool clients_act_ = true;
  uint64_t late_successes_ = 0;

  std::map<PartitionId, Partition> partitions_;
  std::map<ReplicaId, std::pair<int, absl::Duration>> homes_;  // and since when
  std::set<ReplicaId> gone_;
  uint64_t last_replica_ = 0;
  std::vector<Client> clients_;
  uint64_t last_operation_ = 0;
  int64_t moment_ = 0;  // for histories
  uint64_t digest_ = 0;
  std::string violation_;
};

// Runs one and prints its seed if something is wrong.
std::string RunWorld(const WorldOptions& options, const Faults& faults,
                     Counts* counts);

}  // namespace pallet::simulation
