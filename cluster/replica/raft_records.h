// SPDX-License-Identifier: Apache-2.0
//
// What a replica leaves in its store's log and in its partition's row.
//
//   record kind        index         term      payload
//   kEntries           of the entry  likewise  kind u8 | data
//   kHardState         commit        term      vote u64
//   kReplicaCreate     applied       its term  bytes (GroupCreate) | replica
//   kSnapshotInstalled of the point  likewise  members
//   kGroupDrop         0             0         replica id u64
//
//   replica  := format u8 = 1 | id u64 | applied term u64 | serves from u64 |
//               chain u64 | link u64 | members  -- PartitionState::replica
//   members  := ids{4}      -- voters, learners, outgoing, learners next
//   ids      := varint | u64{n}
//   effects  := format u8 = 1 | range epoch u64 | change seq u64 | chain u64 |
//               link u64 | entry
//
// The effects are what a leader proposes (inside a Proposal): the entry of
// storage/entry.h, and upon which state it was evaluated. A leader begins a
// chain, of a higher number than any before, with what it sees applied; each
// link was evaluated upon those before it, so it happens only if all of them
// did. The change seq alone does not tell: two histories may have the same
// count. Integers are big endian. On disk since format 6. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/raft/types.h"
#include "storage/log_format.h"
#include "storage/partition_state.h"

namespace pallet::cluster {

struct ReplicaRecord {
  ReplicaId replica;
  uint64_t applied_term = 0;  // of PartitionState::index
  // Rows may be newer than the state says until this index is applied: nothing
  // is read and nothing evaluated before.
  uint64_t serves_from = 0;
  // Of the last effects that happened.
  uint64_t chain = 0, link = 0;
  Members members;

  friend bool operator==(const ReplicaRecord&, const ReplicaRecord&) = default;
};

std::string EncodeReplica(const ReplicaRecord& replica);
absl::StatusOr<ReplicaRecord> DecodeReplica(absl::string_view bytes);

struct ReplicaCreate {
  storage::GroupCreate group;
  ReplicaRecord replica;
};
std::string EncodeReplicaCreate(const ReplicaCreate& create);
absl::StatusOr<ReplicaCreate> DecodeReplicaCreate(absl::string_view payload);

std::string EncodeMembers(const Members& members);
absl::StatusOr<Members> DecodeMembers(absl::string_view payload);

std::string EncodeLogEntry(const RaftEntry& entry);
absl::StatusOr<RaftEntry> DecodeLogEntry(const storage::RecordView& record);

std::string EncodeVote(ReplicaId vote);
absl::StatusOr<HardState> DecodeHardState(const storage::RecordView& record);

std::string EncodeDrop(ReplicaId replica);
absl::StatusOr<ReplicaId> DecodeDrop(absl::string_view payload);

// A group's hard state never goes back: the later of two.
HardState Later(const HardState& a, const HardState& b);

struct EffectsView {
  uint64_t epoch = 0;
  storage::ChangeSeq change_seq;
  uint64_t chain = 0, link = 0;  // links count from 1
  absl::string_view entry = {};  // borrowed
};
std::string EncodeEffects(const EffectsView& effects);
absl::StatusOr<EffectsView> DecodeEffects(absl::string_view bytes);

}  // namespace pallet::cluster
