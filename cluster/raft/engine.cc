// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/engine.h"

#include <cstdlib>

#include "base/bytes.h"
#include "base/check.h"
#include "cluster/raft/shim/shim.h"

namespace pallet::cluster {

RaftEngine::RaftEngine() : engine_(pallet_raft_open()) {}

RaftEngine::~RaftEngine() { pallet_raft_close(engine_); }

void RaftEngine::Begin(EngineOperation operation,
                       storage::PartitionId partition) {
  CHECK(Has(partition)) << "partition " << partition;
  AppendOperation(operation, partition, &operations_);
}

void RaftEngine::Create(storage::PartitionId partition,
                        const ReplicaStart& start, const EngineTiming& timing,
                        bool silent) {
  CHECK(groups_.insert(partition).second) << "partition " << partition;
  CHECK_NE(start.replica.value(), 0u);
  CHECK_LE(start.compacted, start.applied);
  CHECK_LE(start.applied, start.hard.commit);
  Begin(EngineOperation::kCreate, partition);
  AppendU64(&operations_, start.replica.value());
  AppendU64(&operations_, start.compacted);
  AppendU64(&operations_, start.compacted_term);
  AppendU64(&operations_, start.applied);
  AppendU64(&operations_, start.hard.term);
  AppendU64(&operations_, start.hard.vote.value());
  AppendU64(&operations_, start.hard.commit);
  AppendMembers(start.members, &operations_);
  AppendFlag(silent, &operations_);
  AppendU32(&operations_, timing.election_ticks);
  AppendU32(&operations_, timing.heartbeat_ticks);
  AppendU64(&operations_, timing.max_uncommitted_bytes);
  AppendU32(&operations_, static_cast<uint32_t>(start.entries.size()));
  for (const RaftEntry& entry : start.entries) {
    AppendEntry(entry, &operations_);
  }
}

void RaftEngine::Drop(storage::PartitionId partition) {
  Begin(EngineOperation::kDrop, partition);
  groups_.erase(partition);
}

void RaftEngine::Tick(storage::PartitionId partition) {
  Begin(EngineOperation::kTick, partition);
}

void RaftEngine::Speak(storage::PartitionId partition) {
  Begin(EngineOperation::kSpeak, partition);
}

void RaftEngine::Campaign(storage::PartitionId partition) {
  Begin(EngineOperation::kCampaign, partition);
}

void RaftEngine::Step(storage::PartitionId partition,
                      absl::string_view message) {
  Begin(EngineOperation::kStep, partition);
  AppendString(message, &operations_);
}

void RaftEngine::Propose(storage::PartitionId partition, uint64_t number,
                         absl::string_view data) {
  Begin(EngineOperation::kPropose, partition);
  AppendU64(&operations_, number);
  AppendString(data, &operations_);
}

void RaftEngine::Change(storage::PartitionId partition, uint64_t number,
                        const std::vector<MemberChange>& changes,
                        absl::string_view context) {
  Begin(EngineOperation::kChange, partition);
  AppendU64(&operations_, number);
  AppendFlag(changes.size() > 1, &operations_);
  AppendU32(&operations_, static_cast<uint32_t>(changes.size()));
  for (const MemberChange& change : changes) {
    AppendU8(&operations_, static_cast<uint8_t>(change.kind));
    AppendU64(&operations_, change.replica.value());
  }
  AppendString(context, &operations_);
}

void RaftEngine::ReadIndex(storage::PartitionId partition,
                           absl::string_view context) {
  Begin(EngineOperation::kReadIndex, partition);
  AppendString(context, &operations_);
}

void RaftEngine::Transfer(storage::PartitionId partition, ReplicaId to) {
  Begin(EngineOperation::kTransfer, partition);
  AppendU64(&operations_, to.value());
}

void RaftEngine::Advance(storage::PartitionId partition) {
  Begin(EngineOperation::kAdvance, partition);
}

void RaftEngine::Compact(storage::PartitionId partition, uint64_t index) {
  Begin(EngineOperation::kCompact, partition);
  AppendU64(&operations_, index);
}

void RaftEngine::SnapshotSent(storage::PartitionId partition, ReplicaId to,
                              bool whole) {
  Begin(EngineOperation::kSnapshotSent, partition);
  AppendU64(&operations_, to.value());
  AppendFlag(whole, &operations_);
}

void RaftEngine::Unreachable(storage::PartitionId partition, ReplicaId to) {
  Begin(EngineOperation::kUnreachable, partition);
  AppendU64(&operations_, to.value());
}

EngineOutput RaftEngine::Run() {
  pallet_raft_buffer records = {};
  const int32_t result = pallet_raft_run(engine_, operations_.data(),
                                         operations_.size(), &records);
  CHECK_EQ(result, 0) << "the engine does not understand its operations";
  operations_.clear();
  EngineOutput output;
  CHECK(DecodeRecords(absl::string_view(records.data, records.size), &output))
      << records.size << " bytes of records";
  std::free(records.data);
  return output;
}

void RaftEngine::SeedElections(uint64_t seed) { pallet_raft_seed(seed); }

}  // namespace pallet::cluster
