// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/replica_applier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "cluster/replica/committed_entry.h"
#include "model/errors.h"
#include "storage/batch_records.h"

namespace pallet::cluster {
namespace {

using storage::PartitionBatch;
using storage::PartitionId;
using storage::PartitionPhase;
using storage::PartitionState;

// The loop waits when so much is queued.
constexpr uint64_t kQueueBytes = uint64_t{64} << 20;
// A batch takes no more.
constexpr uint64_t kBatchBytes = uint64_t{4} << 20;
// A chunk of rows that go (storage/evaluator.cc).
constexpr uint64_t kChunkRows = 2000;
// Rows of a snapshot, and rows wiped, in one transaction of a start.
constexpr uint64_t kInstallBytes = uint64_t{16} << 20;

// The state that a snapshot comes to.
absl::StatusOr<PartitionState> StateOfSnapshot(const PartitionState& before,
                                               const SnapshotPoint& point,
                                               absl::string_view state,
                                               uint64_t newer_through) {
  ASSIGN_OR_RETURN(ReplicaRecord record, DecodeReplica(before.replica));
  ASSIGN_OR_RETURN(PartitionState after,
                   storage::DecodePartitionState(before.info.id, state));
  if (after.info.keyspace != before.info.keyspace ||
      after.info.index_count != before.info.index_count) {
    return model::MakeError(model::Reason::kDataLoss,
                            "a snapshot is of another partition");
  }
  record.applied_term = point.term;
  record.serves_from = newer_through;
  ASSIGN_OR_RETURN(const ReplicaRecord sender, DecodeReplica(after.replica));
  record.chain = sender.chain;
  record.link = sender.link;
  record.members = point.members;
  after.index = point.index;
  after.phase = PartitionPhase::kServing;
  after.replica = EncodeReplica(record);
  return after;
}

}  // namespace

void ReplicaApplier::Adopt(const RecoveredReplica& replica) {
  groups_[replica.state.info.id] = {replica.state, replica.record};
}

void ReplicaApplier::Start() {
  thread_ = Thread("replica-applier", [this] { Work(); });
}

void ReplicaApplier::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.Join();
}

// --- Queueing ---

bool ReplicaApplier::HasRoom() const { return queued_bytes_ < kQueueBytes; }

void ReplicaApplier::Push(Event event) {
  absl::MutexLock lock(&mutex_);
  queued_bytes_ += event.effects.size();
  events_.push_back(std::move(event));
}

void ReplicaApplier::Entry(PartitionId partition, const AppliedEntry& entry,
                           Concluded concluded) {
  Event event;
  event.partition = partition;
  event.index = entry.index;
  event.term = entry.term;
  event.effects = std::string(entry.effects);
  if (entry.members != nullptr) event.members = *entry.members;
  event.concluded = std::move(concluded);
  Push(std::move(event));
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ReplicaApplier::HasRoom));
}

void ReplicaApplier::Install(PartitionId partition,
                             const SnapshotPoint& point) {
  Event event;
  event.partition = partition;
  event.install = point;
  Push(std::move(event));
}

void ReplicaApplier::Call(absl::AnyInvocable<void()> what) {
  Event event;
  event.call = std::move(what);
  Push(std::move(event));
}

void ReplicaApplier::Drain() {
  absl::Notification done;
  Call([&done] { done.Notify(); });
  done.WaitForNotification();
}

// --- Applying ---

void ReplicaApplier::Work() {
  batch_.Reset(++number_);
  while (true) {
    std::deque<Event> events;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ReplicaApplier::HasWork));
      if (events_.empty()) return;  // stopping
      events.swap(events_);
      queued_bytes_ = 0;
    }
    for (Event& event : events) Apply(event);
    Publish();
  }
}

void ReplicaApplier::Apply(Event& event) {
  if (event.call != nullptr) {
    Publish();
    return event.call();
  }
  const auto found = groups_.find(event.partition);
  if (found == groups_.end() || failed_) {
    if (event.concluded != nullptr) event.concluded(false);
    return;
  }
  if (event.install.has_value()) {
    Publish();
    if (const absl::Status status = InstallNow(event.partition, *event.install);
        !status.ok()) {
      Fail(status);
    }
    return;
  }
  Group& group = found->second;
  PartitionBatch* const record = RecordIn(&batch_, group.state);
  bool happened = false;
  if (!event.effects.empty()) {
    const absl::StatusOr<bool> added =
        AddEffects(event.effects, &group.record, record, &batch_);
    if (!added.ok()) {
      if (event.concluded != nullptr) event.concluded(false);
      return Fail(added.status());
    }
    happened = *added;
  }
  if (event.members.has_value()) group.record.members = *event.members;
  group.record.applied_term = event.term;
  record->after.index = event.index;
  group.state = record->after;
  if (event.concluded != nullptr) {
    concluded_.emplace_back(std::move(event.concluded), happened);
  }
  if (batch_.arena.used_bytes() >= kBatchBytes) Publish();
}

void ReplicaApplier::Publish() {
  if (batch_.has_effects() && !failed_) {
    for (PartitionBatch& partition : batch_.partitions()) {
      const PartitionId id = partition.after.info.id;
      Group& group = groups_.at(id);
      partition.after.replica = EncodeReplica(group.record);
      group.state.replica = partition.after.replica;
      parts_.log->Applied(id, partition.after.index);
    }
    batch_.frame = parts_.log->safe_frame();
    parts_.applier->Publish(batch_);
    parts_.partitions->Update(batch_);
    absl::MutexLock lock(&listeners_);
    for (const PartitionBatch& partition : batch_.partitions()) {
      const PartitionId id = partition.after.info.id;
      if (partition.has_changes && listener_ != nullptr) {
        listener_->OnChanges(id);
      }
      if (partition.has_stream_records && stream_listener_ != nullptr) {
        stream_listener_->OnStreamRecords(id);
      }
    }
  }
  for (auto& [concluded, happened] : concluded_) concluded(happened);
  concluded_.clear();
  batch_.Reset(++number_);
}

void ReplicaApplier::Fail(const absl::Status& status) {
  failed_ = true;
  for (auto& [concluded, happened] : concluded_) concluded(false);
  concluded_.clear();
  parts_.fence(status);
}

void ReplicaApplier::SetChangeListener(storage::ChangeListener* listener) {
  absl::MutexLock lock(&listeners_);
  listener_ = listener;
}

void ReplicaApplier::SetStreamListener(storage::StreamListener* listener) {
  absl::MutexLock lock(&listeners_);
  stream_listener_ = listener;
}

// --- What changes more than rows ---

absl::Status ReplicaApplier::ApplyNow(const PartitionState& after,
                                      PartitionBatch::Kind kind) {
  batch_.Reset(++number_);
  PartitionBatch& record = batch_.Add(after);
  record.kind = kind;
  batch_.frame = parts_.log->safe_frame();
  const absl::Status applied = parts_.applier->ApplyNow(batch_);
  if (applied.ok()) parts_.partitions->Update(batch_);
  batch_.Reset(++number_);
  return applied;
}

absl::Status ReplicaApplier::Create(const PartitionState& state,
                                    const ReplicaRecord& record) {
  CHECK(!groups_.contains(state.info.id)) << state.info.id;
  Group group = {state, record};
  group.state.replica = EncodeReplica(record);
  RETURN_IF_ERROR(ApplyNow(group.state, PartitionBatch::Kind::kRows));
  groups_[state.info.id] = std::move(group);
  return absl::OkStatus();
}

absl::Status ReplicaApplier::MarkDropped(PartitionId partition) {
  Group& group = groups_.at(partition);
  group.state.phase = PartitionPhase::kDropped;
  return ApplyNow(group.state, PartitionBatch::Kind::kDrop);
}

absl::Status ReplicaApplier::Reclaim(PartitionId partition) {
  Group& group = groups_.at(partition);
  bool more = false;
  RETURN_IF_ERROR(WipeSome(group.state.info, &more));
  if (more) return absl::OkStatus();
  RETURN_IF_ERROR(ApplyNow(group.state, PartitionBatch::Kind::kForget));
  groups_.erase(partition);
  return absl::OkStatus();
}

absl::Status ReplicaApplier::WipeSome(const storage::PartitionInfo& partition,
                                      bool* more) {
  std::string begin, end;
  *more = false;
  for (const auto& [first, last] : RowRangesOf(partition)) {
    RETURN_IF_ERROR(parts_.applier->Read(
        [&, &first = first,
         &last = last](storage::ReadTransaction& read) -> absl::Status {
          const auto cursor = read.Cursor(first, last);
          RETURN_IF_ERROR(cursor->SeekAtOrAfter(first));
          if (!cursor->Valid()) return absl::OkStatus();
          *more = true;
          begin = first;
          end = last;
          for (uint64_t i = 0; i < kChunkRows && cursor->Valid(); ++i) {
            RETURN_IF_ERROR(cursor->Next());
          }
          if (cursor->Valid()) end = std::string(cursor->key());
          return absl::OkStatus();
        }));
    if (*more) break;
  }
  if (!*more) return absl::OkStatus();
  batch_.Reset(++number_);
  PartitionBatch& record = batch_.Add(groups_.at(partition.id).state);
  record.kind = PartitionBatch::Kind::kDeleteRange;
  record.begin = batch_.arena.Copy(begin);
  record.end = batch_.arena.Copy(end);
  batch_.frame = parts_.log->safe_frame();
  const absl::Status applied = parts_.applier->ApplyNow(batch_);
  batch_.Reset(++number_);
  return applied;
}

absl::Status ReplicaApplier::InstallNow(PartitionId partition,
                                        const SnapshotPoint& point) {
  Group& group = groups_.at(partition);
  group.state.phase = PartitionPhase::kStaging;
  RETURN_IF_ERROR(ApplyNow(group.state, PartitionBatch::Kind::kRows));
  for (bool more = true; more;) {
    RETURN_IF_ERROR(WipeSome(group.state.info, &more));
  }
  std::string state;
  uint64_t newer_through = 0;
  RETURN_IF_ERROR(parts_.staged->Read(
      partition, point.index, [&](const SnapshotChunk& chunk) {
        if (chunk.first) state = std::string(chunk.state);
        if (chunk.last) newer_through = chunk.newer_through;
        PartitionBatch* const record = RecordIn(&batch_, group.state);
        for (const auto& [key, row] : chunk.rows) {
          record->effects.push_back(
              {batch_.arena.Copy(key), batch_.arena.Copy(row)});
        }
        batch_.frame = parts_.log->safe_frame();
        parts_.applier->Publish(batch_);
        batch_.Reset(++number_);
        return absl::OkStatus();
      }));
  ASSIGN_OR_RETURN(PartitionState after,
                   StateOfSnapshot(group.state, point, state, newer_through));
  RETURN_IF_ERROR(ApplyNow(after, PartitionBatch::Kind::kRows));
  ASSIGN_OR_RETURN(group.record, DecodeReplica(after.replica));
  group.state = std::move(after);
  parts_.log->Applied(partition, point.index);
  return absl::OkStatus();
}

absl::StatusOr<PartitionState> InstallIntoImage(const StagedSnapshots& staged,
                                                const PartitionState& before,
                                                const SnapshotPoint& point,
                                                storage::Image* image) {
  {
    ASSIGN_OR_RETURN(storage::ImageWrite wipe, image->Write());
    RETURN_IF_ERROR(WipeRows(before.info, wipe));
    RETURN_IF_ERROR(wipe.Commit());
  }
  std::string state;
  uint64_t newer_through = 0, bytes = 0;
  std::optional<storage::ImageWrite> write;
  RETURN_IF_ERROR(staged.Read(
      before.info.id, point.index,
      [&](const SnapshotChunk& chunk) -> absl::Status {
        if (chunk.first) state = std::string(chunk.state);
        if (chunk.last) newer_through = chunk.newer_through;
        if (!write.has_value()) {
          ASSIGN_OR_RETURN(storage::ImageWrite begun, image->Write());
          write.emplace(std::move(begun));
        }
        for (const auto& [key, row] : chunk.rows) {
          RETURN_IF_ERROR(write->Put(storage::DatabaseId::kItems, key, row));
          bytes += key.size() + row.size();
        }
        if (bytes < kInstallBytes && !chunk.last) return absl::OkStatus();
        bytes = 0;
        const absl::Status committed = write->Commit();
        write.reset();
        return committed;
      }));
  ASSIGN_OR_RETURN(const PartitionState after,
                   StateOfSnapshot(before, point, state, newer_through));
  ASSIGN_OR_RETURN(storage::ImageWrite last, image->Write());
  RETURN_IF_ERROR(storage::PutState(after, last));
  RETURN_IF_ERROR(last.Commit());
  return after;
}

}  // namespace pallet::cluster
