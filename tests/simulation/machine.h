// SPDX-License-Identifier: Apache-2.0
//
// A machine of the simulated world: clock, disk and, while it is up, a loop with
// the state of its replicas. What a store does around the loop is done here in
// its simplest form: evaluate over an overlay, propose effects, apply them if
// the change seq is still theirs, answer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cluster/raft/replica_loop.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/sim_disk.h"

namespace pallet::simulation {

// What the machine needs of its world.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  virtual absl::Duration Now() const = 0;
  virtual Random* random() = 0;
  virtual cluster::EngineTiming Timing() const = 0;
  // Later, unless the machine's life is over by then.
  virtual void Later(int machine, absl::Duration delay,
                     std::function<void()> what) = 0;
  virtual void Send(int machine, cluster::Packet packet) = 0;
  virtual void Applied(int machine, PartitionId partition,
                       const cluster::AppliedEntry& entry,
                       const State& after) = 0;
  virtual void Dropped(ReplicaId replica) = 0;
  virtual void Violation(const std::string& what) = 0;
};

enum class OperationKind { kGet, kPut, kCompare };

struct Operation {
  OperationKind kind = OperationKind::kGet;
  std::string key, value, expected;
};

struct Outcome {
  enum Kind {
    kDone,    // with what was read, or what a condition met
    kFailed,  // the condition
    kDidNotHappen,
    kUnknown,
  };
  Kind kind = kUnknown;
  std::string found;
};
using Done = std::function<void(const Outcome&)>;

class Machine final : public cluster::RaftLog,
                      public cluster::ReplicaState,
                      public cluster::ReplicaTransport,
                      public Clock {
 public:
  Machine(int id, const Faults& faults, Surroundings* world);

  int id() const { return id_; }
  bool up() const { return loop_ != nullptr; }
  uint64_t life() const { return life_; }

  void Start();
  // Its operations are unknown; the disk forgets.
  void Crash();
  void Wipe();

  // A replica that founds, or joins with nothing.
  void Create(PartitionId partition, const ReplicaStart& start);
  void Drop(PartitionId partition);
  bool Hosts(PartitionId partition) const {
    return up() && loop_->Has(partition);
  }
  ReplicaId ReplicaOf(PartitionId partition);
  const State& StateOf(PartitionId partition) const {
    return states_.at(partition).state;
  }
  SimDisk& disk() { return disk_; }
  cluster::ReplicaLoop& loop() { return *loop_; }

  // After anything that happened to it.
  void Run() { loop_->Run(); }
  void Tick() { loop_->Tick(); }
  // Makes the state durable, keeps so many entries before it.
  void Checkpoint(PartitionId partition, uint64_t keep);

  // REQUIRES: Hosts(partition).
  void Execute(PartitionId partition, const Operation& operation, Done done);

  // The doors.
  void Append(PartitionId partition,
              const cluster::RaftRecord& record) override;
  void Sync(uint64_t batch) override;
  void Compact(PartitionId partition, uint64_t index) override;
  void Apply(PartitionId partition,
             const cluster::AppliedEntry& entry) override;
  void ProposalsLost(PartitionId partition, uint64_t number) override;
  void ProposalRefused(PartitionId partition, uint64_t number) override;
  void ReadReady(PartitionId partition, uint64_t read) override;
  std::unique_ptr<cluster::SnapshotReader> OpenSnapshot(
      PartitionId partition) override;
  void BeginStaging(PartitionId partition) override;
  void Stage(PartitionId partition, absl::string_view chunk) override;
  void InstallStaged(PartitionId partition,
                     const SnapshotPoint& point) override;
  void ReplicaRemoved(PartitionId) override {}  // the coordinator sweeps
  void ReplicaFailed(PartitionId partition, const std::string& reason) override;
  void Send(cluster::Packet packet) override;
  absl::Time Now() override { return absl::UnixEpoch() + Monotonic(); }
  absl::Duration Monotonic() override;

 private:
  class Reader;
  struct Pending {
    std::string key, value;
    Done done;
    std::vector<std::function<void(bool)>> followers;  // whether it happened
  };
  struct Hosted {
    State state;
    std::map<std::string, std::string> overlay;
    uint64_t overlay_seq = 0;  // 0: there is none
    // A proposal was refused, and others wait: nothing is evaluated until they
    // are done. Change seqs would not tell: they count, and two histories may
    // have the same count.
    bool draining = false;
    std::map<uint64_t, Pending> pending;
    std::map<uint64_t, Done> reads;
    std::map<uint64_t, std::string> read_keys;
  };

  void Open(PartitionId partition);
  void Get(PartitionId partition, const std::string& key, const Done& done);
  void ReadByIndex(PartitionId partition, const std::string& key,
                   const Done& done);
  void Write(PartitionId partition, const Operation& operation, Done done);
  std::string RowOf(const State& state, const std::string& key) const;
  void Answer(Hosted* hosted, uint64_t number, Outcome::Kind outcome);

  const int id_;
  const Faults& faults_;
  Surroundings* const world_;
  const double clock_rate_;
  SimDisk disk_;

  uint64_t life_ = 0;
  absl::Duration synced_at_;  // the last sync that was asked for
  std::map<PartitionId, Hosted> states_;
  std::unique_ptr<cluster::ReplicaLoop> loop_;
};

}  // namespace pallet::simulation
