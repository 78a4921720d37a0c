// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/raft_replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cluster/raft/proposal.h"
#include "cluster/replica/committed_entry.h"
#include "model/errors.h"
#include "storage/batch_records.h"
#include "storage/side_rows.h"

namespace pallet::cluster {
namespace {

using storage::PartitionPhase;
using storage::PartitionState;
using storage::RecordKind;
using storage::RecordView;

// As for one copy (storage/replay.cc).
constexpr uint64_t kWriteBytes = uint64_t{16} << 20;
constexpr uint64_t kBytesPerRecord = 256;

absl::Status Damaged(const RecordView& record, absl::string_view what) {
  return model::MakeError(
      model::Reason::kDataLoss,
      absl::StrCat("log record ", record.index, " of partition ",
                   record.partition.value(), " ", what));
}

}  // namespace

absl::Status WipeRows(const storage::PartitionInfo& partition,
                      storage::ImageWrite& image) {
  for (uint32_t i = 0; i <= partition.index_count; ++i) {
    RETURN_IF_ERROR(image.DeleteRange(storage::DatabaseId::kItems,
                                      storage::FirstRowKey(partition, i),
                                      storage::EndRowKey(partition, i)));
  }
  for (const storage::SideRange& range : storage::SideRangesOf(partition.id)) {
    RETURN_IF_ERROR(
        image.DeleteRange(storage::DatabaseId::kItems, range.begin, range.end));
  }
  return absl::OkStatus();
}

ReplicaStart RecoveredReplica::Start() const {
  ReplicaStart start;
  start.replica = record.replica;
  start.compacted = start.applied = state.index;
  start.compacted_term = record.applied_term;
  start.hard = hard;
  start.hard.commit = std::max(hard.commit, state.index);
  start.hard.term = std::max(hard.term, record.applied_term);
  start.members = record.members;
  start.entries = tail;
  return start;
}

absl::StatusOr<RaftReplay> RaftReplay::Begin(
    storage::Image* image, const storage::CheckpointContents& contents,
    Install install) {
  RaftReplay replay(image, std::move(install));
  for (const storage::CheckpointGroup& group : contents.groups) {
    replay.hard_[group.partition] = {.term = group.term,
                                     .vote = ReplicaId(group.vote),
                                     .commit = group.commit};
  }
  ASSIGN_OR_RETURN(storage::ImageRead read, image->Read());
  ASSIGN_OR_RETURN(storage::ImageCursor cursor,
                   read.OpenCursor(storage::DatabaseId::kPartitions, "", ""));
  RETURN_IF_ERROR(cursor.SeekAtOrAfter(""));
  while (cursor.Valid()) {
    ASSIGN_OR_RETURN(const storage::PartitionId id,
                     storage::DecodePartitionKey(cursor.key()));
    Group& group = replay.groups_[id];
    ASSIGN_OR_RETURN(group.state,
                     storage::DecodePartitionState(id, cursor.value()));
    ASSIGN_OR_RETURN(group.record, DecodeReplica(group.state.replica));
    group.hard = replay.hard_[id];
    RETURN_IF_ERROR(cursor.Next());
  }
  return replay;
}

absl::Status RaftReplay::OpenWrite() {
  if (write_.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(storage::ImageWrite write, image_->Write());
  write_.emplace(std::move(write));
  return absl::OkStatus();
}

absl::Status RaftReplay::Deliver(const storage::FrameView& frame) {
  if (frame.records.empty()) return absl::OkStatus();
  ++frames_;
  RETURN_IF_ERROR(OpenWrite());
  for (const RecordView& record : frame.records) {
    RETURN_IF_ERROR(DeliverRecord(record));
    bytes_in_write_ += record.payload.size() + kBytesPerRecord;
  }
  return bytes_in_write_ < kWriteBytes ? absl::OkStatus() : Finish();
}

absl::Status RaftReplay::Finish() {
  if (!write_.has_value()) return absl::OkStatus();
  for (auto& [id, group] : groups_) {
    if (!group.changed) continue;
    group.changed = false;
    group.state.replica = EncodeReplica(group.record);
    RETURN_IF_ERROR(storage::PutState(group.state, *write_));
  }
  const absl::Status committed = write_->Commit();
  write_.reset();
  bytes_in_write_ = 0;
  return committed;
}

absl::Status RaftReplay::DeliverRecord(const RecordView& record) {
  if (record.kind == RecordKind::kReplicaCreate) return Create(record);
  if (record.kind == RecordKind::kGroupDrop) return Drop(record);
  const auto found = groups_.find(record.partition);
  // Of a partition that is gone in the image, and will go in the log.
  if (found == groups_.end() ||
      found->second.state.phase == PartitionPhase::kDropped) {
    return absl::OkStatus();
  }
  Group* const group = &found->second;
  switch (record.kind) {
    case RecordKind::kEntries:
      return TakeEntry(record, group);
    case RecordKind::kHardState: {
      ASSIGN_OR_RETURN(const HardState hard, DecodeHardState(record));
      group->hard = Later(group->hard, hard);
      return ApplyCommitted(group);
    }
    case RecordKind::kSnapshotInstalled:
      return TakeSnapshot(record, group);
    default:
      return Damaged(record, "is of a kind that replicas do not write");
  }
}

// A partition's copies have rising ids: one that is not newer than what is here
// was here before.
absl::Status RaftReplay::Create(const RecordView& record) {
  ASSIGN_OR_RETURN(const ReplicaCreate create,
                   DecodeReplicaCreate(record.payload));
  const auto found = groups_.find(record.partition);
  if (found != groups_.end() &&
      found->second.record.replica >= create.replica.replica) {
    return absl::OkStatus();
  }
  Group group;
  storage::PartitionInfo& info = group.state.info;
  info.id = record.partition;
  info.keyspace = create.group.keyspace;
  info.range = create.group.range;
  info.epoch = create.group.epoch;
  info.index_count = create.group.index_count;
  group.state.index = record.index;
  group.state.phase =
      record.index == 0 ? PartitionPhase::kStaging : PartitionPhase::kServing;
  group.record = create.replica;
  group.changed = true;
  // What an older one left may have come back with the checkpoint.
  RETURN_IF_ERROR(WipeRows(info, *write_));
  groups_[record.partition] = std::move(group);
  return absl::OkStatus();
}

absl::Status RaftReplay::Drop(const RecordView& record) {
  ASSIGN_OR_RETURN(const ReplicaId replica, DecodeDrop(record.payload));
  const auto found = groups_.find(record.partition);
  if (found == groups_.end() || found->second.record.replica != replica) {
    return absl::OkStatus();
  }
  found->second.state.phase = PartitionPhase::kDropped;
  found->second.tail.clear();
  found->second.changed = true;
  return absl::OkStatus();
}

absl::Status RaftReplay::TakeSnapshot(const RecordView& record, Group* group) {
  SnapshotPoint point;
  point.index = record.index;
  point.term = record.term;
  ASSIGN_OR_RETURN(point.members, DecodeMembers(record.payload));
  group->tail.clear();
  if (point.index <= group->state.index &&
      group->state.phase == PartitionPhase::kServing) {
    return absl::OkStatus();
  }
  // In transactions of its own.
  group->changed = true;
  RETURN_IF_ERROR(Finish());
  ASSIGN_OR_RETURN(group->state, install_(group->state, point, image_));
  ASSIGN_OR_RETURN(group->record, DecodeReplica(group->state.replica));
  return OpenWrite();
}

absl::Status RaftReplay::TakeEntry(const RecordView& record, Group* group) {
  if (record.index <= group->state.index) return absl::OkStatus();
  std::deque<RaftEntry>& tail = group->tail;
  while (!tail.empty() && tail.back().index >= record.index) tail.pop_back();
  const uint64_t last = tail.empty() ? group->state.index : tail.back().index;
  if (record.index != last + 1) {
    return Damaged(record, absl::StrCat("follows entry ", last, ": a gap"));
  }
  ASSIGN_OR_RETURN(RaftEntry entry, DecodeLogEntry(record));
  tail.push_back(std::move(entry));
  return ApplyCommitted(group);
}

absl::Status RaftReplay::ApplyCommitted(Group* group) {
  while (!group->tail.empty() &&
         group->tail.front().index <= group->hard.commit &&
         group->tail.front().kind == EntryKind::kEffects) {
    RETURN_IF_ERROR(ApplyEntry(group->tail.front(), group));
    group->tail.pop_front();
  }
  return absl::OkStatus();
}

absl::Status RaftReplay::ApplyEntry(const RaftEntry& entry, Group* group) {
  Proposal proposal;
  if (!entry.data.empty()) {
    if (!DecodeProposal(entry.data, &proposal)) {
      return model::MakeError(
          model::Reason::kDataLoss,
          absl::StrCat("entry ", entry.index, " of partition ",
                       group->state.info.id.value(), " is no proposal"));
    }
    if (proposal.term == entry.term) {
      batch_->Reset(0);
      storage::PartitionBatch& partition = batch_->Add(group->state);
      RETURN_IF_ERROR(
          AddEffects(proposal.effects, &group->record, &partition, batch_.get())
              .status());
      for (const storage::RowEffect& effect : partition.effects) {
        RETURN_IF_ERROR(
            effect.is_delete()
                ? write_->Delete(storage::DatabaseId::kItems, effect.row_key)
                : write_->Put(storage::DatabaseId::kItems, effect.row_key,
                              effect.row));
      }
      group->state = partition.after;
    }
  }
  group->state.index = entry.index;
  group->record.applied_term = entry.term;
  group->changed = true;
  return absl::OkStatus();
}

std::vector<RecoveredReplica> RaftReplay::replicas() const {
  std::vector<RecoveredReplica> replicas;
  for (const auto& [id, group] : groups_) {
    replicas.push_back({group.state,
                        group.record,
                        group.hard,
                        {group.tail.begin(), group.tail.end()}});
  }
  return replicas;
}

}  // namespace pallet::cluster
