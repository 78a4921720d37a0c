// SPDX-License-Identifier: Apache-2.0
//
// The world around ReplicaLoop: the log that makes things durable, the replicas'
// state, the network. All calls come from the loop's thread; none may call the
// loop back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "cluster/raft/engine_format.h"
#include "cluster/raft/types.h"

namespace pallet::cluster {

// What one Ready leaves in the log of its group. A later entry voids those with
// the same or a higher index.
struct RaftRecord {
  const SnapshotPoint* installed = nullptr;  // voids all entries
  const std::vector<RaftEntry>* entries = nullptr;
  const HardState* hard = nullptr;  // null: as before
};

class RaftLog {
 public:
  virtual ~RaftLog() = default;

  virtual void Append(storage::PartitionId partition,
                      const RaftRecord& record) = 0;
  // Once all that was appended before is durable, the owner calls
  // ReplicaLoop::Synced(batch); for batches in their order. Never if that
  // fails: the store takes nothing more.
  virtual void Sync(uint64_t batch) = 0;
  // Entries up to the index are not asked for again.
  virtual void Compact(storage::PartitionId partition, uint64_t index) = 0;
};

struct AppliedEntry {
  uint64_t index = 0;
  uint64_t term = 0;
  uint64_t number = 0;               // of our own proposal; 0: of another's
  absl::string_view effects = {};    // empty: nothing but the index moves
  const Members* members = nullptr;  // as a change leaves them
};

// A replica's state, read in chunks while it goes on changing. What the first
// chunk says of the partition is that of the snapshot's index; rows may be newer.
class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;
  // The last chunk says through which index rows can be newer: the receiver
  // serves nothing before it has applied that.
  virtual std::string Next(bool* last) = 0;
};

class ReplicaState {
 public:
  virtual ~ReplicaState() = default;

  // Entries of a partition in their order, without a gap; those of others may
  // come between.
  virtual void Apply(storage::PartitionId partition,
                     const AppliedEntry& entry) = 0;
  // Proposals up to this number that were not applied: nobody knows whether
  // they will be. What was evaluated upon them is void.
  virtual void ProposalsLost(storage::PartitionId partition,
                             uint64_t number) = 0;
  // Will never happen.
  virtual void ProposalRefused(storage::PartitionId partition,
                               uint64_t number) = 0;
  // What was acknowledged before the call of Read is applied now.
  virtual void ReadReady(storage::PartitionId partition, uint64_t read) = 0;

  // At the state that is applied now. The reader dies with the replica, or
  // earlier.
  virtual std::unique_ptr<SnapshotReader> OpenSnapshot(
      storage::PartitionId partition) = 0;
  // A snapshot comes in beside the state; Begin wipes what came before, and so
  // does a start of the node.
  virtual void BeginStaging(storage::PartitionId partition) = 0;
  virtual void Stage(storage::PartitionId partition,
                     absl::string_view chunk) = 0;
  // The last step: what was staged is the state, at this point.
  virtual void InstallStaged(storage::PartitionId partition,
                             const SnapshotPoint& point) = 0;

  // It is no member any more. To be dropped, but not before a majority of the
  // voters has applied that too: those who have not may need its vote.
  virtual void ReplicaRemoved(storage::PartitionId partition) = 0;
  // Its group broke an invariant: fence it, keep the evidence.
  virtual void ReplicaFailed(storage::PartitionId partition,
                             const std::string& reason) = 0;
};

enum class PacketKind : uint8_t {
  kMessage = 0,        // of the library
  kSnapshotChunk = 1,  // of `snapshot`, `sequence` from 0
  kSnapshotTaken = 2,  // the answer to a chunk
};

// What goes from replica to replica. May be lost, doubled, late, out of order.
struct Packet {
  PacketKind kind = PacketKind::kMessage;
  storage::PartitionId partition;
  ReplicaId from, to;
  std::string bytes;
  uint64_t snapshot = 0;
  uint64_t sequence = 0;
  bool last = false;
  std::string message;  // of the last chunk: of the library, goes behind it
};

class ReplicaTransport {
 public:
  virtual ~ReplicaTransport() = default;
  virtual void Send(Packet packet) = 0;
};

}  // namespace pallet::cluster
