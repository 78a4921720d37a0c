// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/engine_format.h"

#include "base/bytes.h"
#include "base/check.h"

namespace pallet::cluster {
namespace {

enum class Record : uint8_t { kReady = 1, kRefused = 2, kFailed = 3 };

bool ConsumeFlag(absl::string_view* in, bool* flag) {
  uint8_t byte = 0;
  if (!ConsumeU8(in, &byte) || byte > 1) return false;
  *flag = byte == 1;
  return true;
}

bool ConsumeReplica(absl::string_view* in, ReplicaId* replica) {
  uint64_t id = 0;
  if (!ConsumeU64(in, &id)) return false;
  *replica = ReplicaId(id);
  return true;
}

bool ConsumeString(absl::string_view* in, std::string* bytes) {
  uint32_t length = 0;
  if (!ConsumeU32(in, &length) || in->size() < length) return false;
  bytes->assign(in->data(), length);
  in->remove_prefix(length);
  return true;
}

// n u32 | thing{n}. Each takes a byte at least, so a damaged count asks for no
// more memory than there is input.
template <typename Thing, typename Consume>
bool ConsumeAll(absl::string_view* in, std::vector<Thing>* things,
                Consume consume) {
  uint32_t count = 0;
  if (!ConsumeU32(in, &count) || count > in->size()) return false;
  things->reserve(count);
  for (; count > 0; --count) {
    if (!consume(in, &things->emplace_back())) return false;
  }
  return true;
}

bool ConsumeMembers(absl::string_view* in, Members* members) {
  return ConsumeAll(in, &members->voters, ConsumeReplica) &&
         ConsumeAll(in, &members->learners, ConsumeReplica) &&
         ConsumeAll(in, &members->outgoing, ConsumeReplica) &&
         ConsumeAll(in, &members->learners_next, ConsumeReplica);
}

bool ConsumeKind(absl::string_view* in, EntryKind* kind) {
  uint8_t byte = 0;
  if (!ConsumeU8(in, &byte) || byte > static_cast<uint8_t>(EntryKind::kJoint)) {
    return false;
  }
  *kind = static_cast<EntryKind>(byte);
  return true;
}

bool ConsumeEntry(absl::string_view* in, RaftEntry* entry) {
  return ConsumeU64(in, &entry->index) && ConsumeU64(in, &entry->term) &&
         ConsumeKind(in, &entry->kind) && ConsumeString(in, &entry->data);
}

bool ConsumeMessage(absl::string_view* in, RaftMessage* message) {
  return ConsumeReplica(in, &message->to) && ConsumeU8(in, &message->type) &&
         ConsumeU64(in, &message->snapshot) &&
         ConsumeString(in, &message->bytes);
}

bool ConsumeCommitted(absl::string_view* in, CommittedEntry* entry) {
  if (!ConsumeU64(in, &entry->index) || !ConsumeU64(in, &entry->term) ||
      !ConsumeKind(in, &entry->kind) || !ConsumeString(in, &entry->data)) {
    return false;
  }
  return entry->kind == EntryKind::kEffects ||
         ConsumeMembers(in, &entry->members.emplace());
}

bool ConsumeRead(absl::string_view* in, ReadIndexAnswer* read) {
  return ConsumeU64(in, &read->index) && ConsumeString(in, &read->context);
}

bool ConsumeReady(absl::string_view* in, Ready* ready) {
  uint8_t role = 0;
  bool installed = false;
  if (!ConsumeU8(in, &role) ||
      role > static_cast<uint8_t>(Role::kPreCandidate) ||
      !ConsumeReplica(in, &ready->leader) ||
      !ConsumeU64(in, &ready->hard.term) ||
      !ConsumeReplica(in, &ready->hard.vote) ||
      !ConsumeU64(in, &ready->hard.commit) ||
      !ConsumeFlag(in, &ready->hard_changed) ||
      !ConsumeFlag(in, &ready->must_sync) || !ConsumeFlag(in, &installed)) {
    return false;
  }
  ready->role = static_cast<Role>(role);
  if (installed) {
    SnapshotPoint& point = ready->installed.emplace();
    if (!ConsumeU64(in, &point.index) || !ConsumeU64(in, &point.term) ||
        !ConsumeMembers(in, &point.members)) {
      return false;
    }
  }
  return ConsumeAll(in, &ready->entries, ConsumeEntry) &&
         ConsumeAll(in, &ready->messages, ConsumeMessage) &&
         ConsumeAll(in, &ready->committed, ConsumeCommitted) &&
         ConsumeAll(in, &ready->reads, ConsumeRead);
}

void AppendReplicas(const std::vector<ReplicaId>& replicas, std::string* out) {
  AppendU32(out, static_cast<uint32_t>(replicas.size()));
  for (const ReplicaId replica : replicas) AppendU64(out, replica.value());
}

}  // namespace

void AppendOperation(EngineOperation operation, storage::PartitionId partition,
                     std::string* out) {
  AppendU8(out, static_cast<uint8_t>(operation));
  AppendU64(out, partition.value());
}

void AppendString(absl::string_view bytes, std::string* out) {
  CHECK(bytes.size() <= UINT32_MAX) << bytes.size();
  AppendU32(out, static_cast<uint32_t>(bytes.size()));
  out->append(bytes.data(), bytes.size());
}

void AppendFlag(bool flag, std::string* out) { AppendU8(out, flag ? 1 : 0); }

void AppendMembers(const Members& members, std::string* out) {
  AppendReplicas(members.voters, out);
  AppendReplicas(members.learners, out);
  AppendReplicas(members.outgoing, out);
  AppendReplicas(members.learners_next, out);
}

void AppendEntry(const RaftEntry& entry, std::string* out) {
  AppendU64(out, entry.index);
  AppendU64(out, entry.term);
  AppendU8(out, static_cast<uint8_t>(entry.kind));
  AppendString(entry.data, out);
}

bool DecodeRecords(absl::string_view records, EngineOutput* output) {
  while (!records.empty()) {
    uint8_t code = 0;
    uint64_t group = 0;
    if (!ConsumeU8(&records, &code) || !ConsumeU64(&records, &group)) {
      return false;
    }
    const storage::PartitionId partition(group);
    switch (static_cast<Record>(code)) {
      case Record::kReady: {
        Ready& ready = output->ready.emplace_back();
        ready.partition = partition;
        if (!ConsumeReady(&records, &ready)) return false;
        break;
      }
      case Record::kRefused: {
        Refusal& refusal = output->refused.emplace_back();
        refusal.partition = partition;
        if (!ConsumeU64(&records, &refusal.number)) return false;
        break;
      }
      case Record::kFailed: {
        GroupFailure& failure = output->failed.emplace_back();
        failure.partition = partition;
        if (!ConsumeString(&records, &failure.reason)) return false;
        break;
      }
      default:
        return false;
    }
  }
  return true;
}

}  // namespace pallet::cluster
