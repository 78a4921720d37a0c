// SPDX-License-Identifier: Apache-2.0
//
// The bytes between RaftEngine and the Go archive in shim/: operations in,
// records out. Both sides are built from one tree, so there is one version; each
// checks what it reads, and a mistake is a bug of ours.
//
//   operations := operation*
//   operation  := code u8 | group u64 | body
//     1 create   replica u64 | compacted u64 | its term u64 | applied u64
//                | term u64 | vote u64 | commit u64 | members | silent flag
//                | election ticks u32 | heartbeat ticks u32
//                | max uncommitted u64 | n u32 | entry{n}
//     2 drop     3 tick
//     4 step            message bytes
//     5 propose         number u64 | data bytes
//     6 read index      context bytes
//     7 campaign
//     8 transfer        to u64
//     9 change          number u64 | joint flag | n u32
//                       | (kind u8: 0 voter, 1 remove, 3 learner | replica u64)
//                         {n} | context bytes         -- n = 0: leave the joint
//    10 advance
//    11 compact         index u64
//    12 snapshot sent   to u64 | whole flag
//    13 unreachable     to u64
//    14 speak
//
//   records    := record*
//   record     := code u8 | group u64 | body
//     1 ready    role u8 | leader u64 | term u64 | vote u64 | commit u64
//                | hard state changed flag | must sync flag | installed flag
//                | (index u64 | term u64 | members)?       -- if installed
//                | n u32 | entry{n}
//                | n u32 | (to u64 | type u8 | snapshot u64 | bytes){n}
//                | n u32 | (index u64 | term u64 | kind u8 | bytes
//                           | members?){n}              -- unless of effects
//                | n u32 | (index u64 | context bytes){n}
//     2 refused  number u64
//     3 failed   reason bytes
//
//   members    := replicas{4}     -- voters, learners, outgoing, learners next
//   replicas   := n u32 | u64{n}
//   entry      := index u64 | term u64 | kind u8 | data bytes
//   bytes      := length u32, then that many      flag := 0 | 1, one byte
//
// Integers are big endian. An operation on a group that is not there, and
// creating one that is, is malformed. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cluster/raft/types.h"

namespace pallet::cluster {

enum class EngineOperation : uint8_t {
  kCreate = 1,
  kDrop = 2,
  kTick = 3,
  kStep = 4,
  kPropose = 5,
  kReadIndex = 6,
  kCampaign = 7,
  kTransfer = 8,
  kChange = 9,
  kAdvance = 10,
  kCompact = 11,
  kSnapshotSent = 12,
  kUnreachable = 13,
  kSpeak = 14,
};

struct EngineTiming {
  uint32_t election_ticks = 10;
  uint32_t heartbeat_ticks = 1;
  uint64_t max_uncommitted_bytes = uint64_t{64} << 20;
};

enum class ChangeKind : uint8_t {
  kAddVoter = 0,
  kRemove = 1,
  kAddLearner = 3,
};

struct MemberChange {
  ChangeKind kind = ChangeKind::kAddVoter;
  ReplicaId replica;
};

// A message of the library to another replica. Whoever sends looks only at
// `snapshot`: not 0, the message goes behind a snapshot at that index.
struct RaftMessage {
  ReplicaId to;
  uint8_t type = 0;
  uint64_t snapshot = 0;
  std::string bytes;
};

struct CommittedEntry {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryKind kind = EntryKind::kEffects;
  std::string data;                // of a change of members: its context
  std::optional<Members> members;  // as it leaves them
};

struct ReadIndexAnswer {
  uint64_t index = 0;
  std::string context;
};

// What one group asks for. Entries, snapshot and hard state are written and, if
// it must be, synced; then messages leave, what is committed is applied; then
// the group is advanced.
struct Ready {
  storage::PartitionId partition;
  Role role = Role::kFollower;
  ReplicaId leader;
  HardState hard;  // of now
  bool hard_changed = false;
  bool must_sync = false;
  std::optional<SnapshotPoint> installed;
  std::vector<RaftEntry> entries;
  std::vector<RaftMessage> messages;
  std::vector<CommittedEntry> committed;
  std::vector<ReadIndexAnswer> reads;
};

// The library did not take a proposal or a change: it will never happen.
struct Refusal {
  storage::PartitionId partition;
  uint64_t number = 0;
};

// The library found its invariants broken. The group does nothing any more.
struct GroupFailure {
  storage::PartitionId partition;
  std::string reason;
};

struct EngineOutput {
  std::vector<Refusal> refused;
  std::vector<GroupFailure> failed;
  std::vector<Ready> ready;
};

void AppendOperation(EngineOperation operation, storage::PartitionId partition,
                     std::string* out);
void AppendString(absl::string_view bytes, std::string* out);
void AppendFlag(bool flag, std::string* out);
void AppendMembers(const Members& members, std::string* out);
void AppendEntry(const RaftEntry& entry, std::string* out);

// False if these are not whole records.
[[nodiscard]] bool DecodeRecords(absl::string_view records,
                                 EngineOutput* output);

}  // namespace pallet::cluster
