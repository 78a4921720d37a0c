// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/raft_records.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::cluster {
namespace {

constexpr uint8_t kReplicaFormat = 1;
constexpr uint8_t kEffectsFormat = 1;

absl::Status Damaged(absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat(what, " of a replica is malformed"));
}

void AppendIds(const std::vector<ReplicaId>& ids, std::string* out) {
  AppendVarint(out, ids.size());
  for (const ReplicaId id : ids) AppendU64(out, id.value());
}

bool ConsumeIds(absl::string_view* in, std::vector<ReplicaId>* ids) {
  uint64_t count = 0;
  if (!ConsumeVarint(in, &count) || count > in->size() / 8) return false;
  for (; count > 0; --count) {
    uint64_t id = 0;
    if (!ConsumeU64(in, &id)) return false;
    ids->push_back(ReplicaId(id));
  }
  return true;
}

void AppendAll(const Members& members, std::string* out) {
  for (const auto* ids : {&members.voters, &members.learners, &members.outgoing,
                          &members.learners_next}) {
    AppendIds(*ids, out);
  }
}

bool ConsumeAll(absl::string_view* in, Members* members) {
  return ConsumeIds(in, &members->voters) &&
         ConsumeIds(in, &members->learners) &&
         ConsumeIds(in, &members->outgoing) &&
         ConsumeIds(in, &members->learners_next);
}

}  // namespace

std::string EncodeReplica(const ReplicaRecord& replica) {
  std::string bytes;
  AppendU8(&bytes, kReplicaFormat);
  AppendU64(&bytes, replica.replica.value());
  AppendU64(&bytes, replica.applied_term);
  AppendU64(&bytes, replica.serves_from);
  AppendU64(&bytes, replica.chain);
  AppendU64(&bytes, replica.link);
  AppendAll(replica.members, &bytes);
  return bytes;
}

absl::StatusOr<ReplicaRecord> DecodeReplica(absl::string_view bytes) {
  ReplicaRecord replica;
  uint8_t format = 0;
  uint64_t id = 0;
  if (!ConsumeU8(&bytes, &format) || format != kReplicaFormat ||
      !ConsumeU64(&bytes, &id) || id == 0 ||
      !ConsumeU64(&bytes, &replica.applied_term) ||
      !ConsumeU64(&bytes, &replica.serves_from) ||
      !ConsumeU64(&bytes, &replica.chain) ||
      !ConsumeU64(&bytes, &replica.link) ||
      !ConsumeAll(&bytes, &replica.members) || !bytes.empty()) {
    return Damaged("the record");
  }
  replica.replica = ReplicaId(id);
  return replica;
}

std::string EncodeReplicaCreate(const ReplicaCreate& create) {
  std::string payload;
  AppendBytes(&payload, storage::EncodeGroupCreate(create.group));
  payload += EncodeReplica(create.replica);
  return payload;
}

absl::StatusOr<ReplicaCreate> DecodeReplicaCreate(absl::string_view payload) {
  absl::string_view group;
  if (!ConsumeBytes(&payload, &group)) return Damaged("the creation");
  ReplicaCreate create;
  ASSIGN_OR_RETURN(create.group, storage::DecodeGroupCreate(group));
  ASSIGN_OR_RETURN(create.replica, DecodeReplica(payload));
  return create;
}

std::string EncodeMembers(const Members& members) {
  std::string payload;
  AppendAll(members, &payload);
  return payload;
}

absl::StatusOr<Members> DecodeMembers(absl::string_view payload) {
  Members members;
  if (!ConsumeAll(&payload, &members) || !payload.empty()) {
    return Damaged("the list of members");
  }
  return members;
}

std::string EncodeLogEntry(const RaftEntry& entry) {
  std::string payload;
  payload.reserve(1 + entry.data.size());
  AppendU8(&payload, static_cast<uint8_t>(entry.kind));
  payload += entry.data;
  return payload;
}

absl::StatusOr<RaftEntry> DecodeLogEntry(const storage::RecordView& record) {
  absl::string_view payload = record.payload;
  uint8_t kind = 0;
  if (!ConsumeU8(&payload, &kind) ||
      kind > static_cast<uint8_t>(EntryKind::kJoint)) {
    return Damaged("a log entry");
  }
  return RaftEntry{.index = record.index,
                   .term = record.term,
                   .kind = static_cast<EntryKind>(kind),
                   .data = std::string(payload)};
}

std::string EncodeVote(ReplicaId vote) {
  std::string payload;
  AppendU64(&payload, vote.value());
  return payload;
}

absl::StatusOr<HardState> DecodeHardState(const storage::RecordView& record) {
  absl::string_view payload = record.payload;
  uint64_t vote = 0;
  if (!ConsumeU64(&payload, &vote) || !payload.empty()) {
    return Damaged("the hard state");
  }
  return HardState{
      .term = record.term, .vote = ReplicaId(vote), .commit = record.index};
}

std::string EncodeDrop(ReplicaId replica) {
  std::string payload;
  AppendU64(&payload, replica.value());
  return payload;
}

absl::StatusOr<ReplicaId> DecodeDrop(absl::string_view payload) {
  uint64_t id = 0;
  if (!ConsumeU64(&payload, &id) || !payload.empty()) {
    return Damaged("the end");
  }
  return ReplicaId(id);
}

HardState Later(const HardState& a, const HardState& b) {
  HardState later = std::tie(a.term, a.vote) < std::tie(b.term, b.vote) ? b : a;
  later.commit = std::max(a.commit, b.commit);
  return later;
}

std::string EncodeEffects(const EffectsView& effects) {
  std::string bytes;
  bytes.reserve(33 + effects.entry.size());
  AppendU8(&bytes, kEffectsFormat);
  AppendU64(&bytes, effects.epoch);
  AppendU64(&bytes, effects.change_seq.value());
  AppendU64(&bytes, effects.chain);
  AppendU64(&bytes, effects.link);
  bytes.append(effects.entry.data(), effects.entry.size());
  return bytes;
}

absl::StatusOr<EffectsView> DecodeEffects(absl::string_view bytes) {
  EffectsView effects;
  uint8_t format = 0;
  uint64_t seq = 0;
  if (!ConsumeU8(&bytes, &format) || format != kEffectsFormat ||
      !ConsumeU64(&bytes, &effects.epoch) || !ConsumeU64(&bytes, &seq) ||
      !ConsumeU64(&bytes, &effects.chain) ||
      !ConsumeU64(&bytes, &effects.link)) {
    return Damaged("an entry's effects");
  }
  effects.change_seq = storage::ChangeSeq(seq);
  effects.entry = bytes;
  return effects;
}

}  // namespace pallet::cluster
