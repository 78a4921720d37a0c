// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/replica_log.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::cluster {
namespace {

// The disk is full: so often is it looked at again.
constexpr absl::Duration kRoomRetry = absl::Milliseconds(100);

}  // namespace

bool ReplicaLog::Job::empty() const {
  return frame.record_count() == 0 && batches.empty() && before.empty() &&
         written.empty() && markers.empty();
}

ReplicaLog::ReplicaLog(Options options, storage::FrameNumber last_frame)
    : options_(std::move(options)), last_frame_(last_frame) {}

void ReplicaLog::Adopt(storage::PartitionId partition, const HardState& hard,
                       const std::vector<RaftEntry>& tail,
                       storage::FrameNumber frame) {
  absl::MutexLock lock(&mutex_);
  Group& group = groups_[partition];
  group.hard = hard;
  for (const RaftEntry& entry : tail) {
    group.pending.push_back({entry, false, frame, 0});
  }
}

void ReplicaLog::Start() {
  CHECK(!started_);
  started_ = true;
  thread_ = Thread("replica-log", [this] { Work(); });
}

void ReplicaLog::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.Join();
}

// --- Gathering ---

void ReplicaLog::AddEntry(storage::PartitionId partition,
                          const RaftEntry& entry) {
  std::string* const out = gathering_.frame.BeginRecord(
      {storage::RecordKind::kEntries, partition, entry.index, entry.term, {}});
  out->push_back(static_cast<char>(entry.kind));
  out->append(entry.data);
  gathering_.frame.EndRecord();
}

void ReplicaLog::Append(storage::PartitionId partition,
                        const RaftRecord& record) {
  absl::MutexLock lock(&mutex_);
  Group& group = groups_[partition];
  if (record.installed != nullptr) {
    const SnapshotPoint& point = *record.installed;
    group.pending.clear();
    Pending end;
    end.entry.index = point.index;
    end.entry.term = point.term;
    end.installed = true;
    end.job = gathering_.number;
    group.pending.push_back(std::move(end));
    gathering_.frame.Add({storage::RecordKind::kSnapshotInstalled, partition,
                          point.index, point.term,
                          EncodeMembers(point.members)});
  }
  for (const RaftEntry& entry : *record.entries) {
    while (!group.pending.empty() && !group.pending.back().installed &&
           group.pending.back().entry.index >= entry.index) {
      group.pending.pop_back();
    }
    group.pending.push_back({entry, false, {}, gathering_.number});
    AddEntry(partition, entry);
  }
  if (record.hard != nullptr) {
    group.hard = *record.hard;
    gathering_.frame.Add({storage::RecordKind::kHardState, partition,
                          record.hard->commit, record.hard->term,
                          EncodeVote(record.hard->vote)});
  }
  gathering_.groups.push_back(partition);
}

void ReplicaLog::Sync(uint64_t batch) {
  absl::MutexLock lock(&mutex_);
  gathering_.batches.push_back(batch);
  due_ = true;
}

void ReplicaLog::Before(absl::AnyInvocable<absl::Status()> what) {
  absl::MutexLock lock(&mutex_);
  gathering_.before.push_back(std::move(what));
}

void ReplicaLog::Write(const storage::RecordView& record,
                       absl::AnyInvocable<void(const Written&)> done) {
  absl::MutexLock lock(&mutex_);
  gathering_.frame.Add(record);
  gathering_.written.push_back(std::move(done));
  due_ = true;
}

void ReplicaLog::WriteMarker(absl::AnyInvocable<void(absl::Status)> done) {
  absl::MutexLock lock(&mutex_);
  gathering_.markers.push_back(std::move(done));
  due_ = true;
}

// --- Writing ---

void ReplicaLog::Work() {
  while (true) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ReplicaLog::HasWork));
      if (gathering_.empty()) return;  // stopping
      const uint64_t next = gathering_.number + 1;
      std::swap(job, gathering_);
      gathering_.number = next;
      due_ = false;
    }
    Run(job);
  }
}

void ReplicaLog::Run(Job& job) {
  storage::FrameNumber number;
  const absl::Status status = WriteFrame(job, &number);
  if (status.ok()) {
    if (number.value() != 0) NoteFrame(job, number);
    for (const uint64_t batch : job.batches) options_.on_synced(batch);
    if (number.value() != 0) options_.on_frame();
  } else {
    bool first = false;
    {
      absl::MutexLock lock(&mutex_);
      first = !failed_;
      failed_ = true;
    }
    if (first) options_.on_failed(status);
  }
  for (auto& done : job.written) {
    Written written = {status, 0};
    if (status.ok()) {
      absl::MutexLock lock(&mutex_);
      written.hold = ++last_hold_;
      holds_[written.hold] = number;
    }
    done(written);
  }
  for (auto& done : job.markers) {
    done(status.ok() ? options_.log->AppendMarker() : status);
  }
}

absl::Status ReplicaLog::WriteFrame(Job& job, storage::FrameNumber* number) {
  {
    absl::MutexLock lock(&mutex_);
    if (failed_) return options_.log->Health();
  }
  for (auto& before : job.before) RETURN_IF_ERROR(before());
  if (job.frame.record_count() == 0) return absl::OkStatus();
  while (true) {
    absl::StatusOr<storage::FrameNumber> appended =
        options_.log->Append(&job.frame);
    if (appended.ok()) {
      *number = *appended;
      return options_.log->Sync();
    }
    if (!options_.log->Health().ok()) return appended.status();
    // No room. Entries cannot be refused any more: they wait, and so does
    // whoever waits for them.
    options_.logger->Warning("replica.log_full",
                             {{"error", appended.status()}});
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kRoomRetry)) {
      return appended.status();
    }
  }
}

void ReplicaLog::NoteFrame(const Job& job, storage::FrameNumber number) {
  absl::MutexLock lock(&mutex_);
  last_frame_ = number;
  for (const storage::PartitionId partition : job.groups) {
    const auto group = groups_.find(partition);
    if (group == groups_.end()) continue;
    for (Pending& pending : group->second.pending) {
      if (pending.job == job.number) pending.frame = number;
    }
  }
}

// --- What is needed ---

void ReplicaLog::Applied(storage::PartitionId partition, uint64_t index) {
  absl::MutexLock lock(&mutex_);
  const auto group = groups_.find(partition);
  if (group == groups_.end()) return;
  auto& pending = group->second.pending;
  while (!pending.empty() && pending.front().entry.index <= index) {
    pending.pop_front();
  }
}

void ReplicaLog::Forget(storage::PartitionId partition) {
  absl::MutexLock lock(&mutex_);
  groups_.erase(partition);
}

void ReplicaLog::Release(uint64_t hold) {
  absl::MutexLock lock(&mutex_);
  holds_.erase(hold);
}

storage::FrameNumber ReplicaLog::safe_frame() const {
  absl::MutexLock lock(&mutex_);
  storage::FrameNumber safe = last_frame_;
  const auto needs = [&](storage::FrameNumber frame) {
    if (frame.value() != 0 && frame <= safe) {
      safe = storage::FrameNumber(frame.value() - 1);
    }
  };
  for (const auto& [partition, group] : groups_) {
    for (const Pending& pending : group.pending) needs(pending.frame);
  }
  for (const auto& [hold, frame] : holds_) needs(frame);
  return safe;
}

void ReplicaLog::Rewrite(storage::FrameNumber frame) {
  absl::MutexLock lock(&mutex_);
  for (auto& [partition, group] : groups_) {
    const bool old = std::any_of(
        group.pending.begin(), group.pending.end(), [&](const Pending& one) {
          return !one.installed && one.frame.value() != 0 && one.frame < frame;
        });
    // A snapshot that is being taken in ends soon.
    if (!old || group.pending.front().installed) continue;
    // All of them, in their order: each voids those before with its index.
    // The old frames stay needed until the new one is written.
    for (Pending& pending : group.pending) {
      AddEntry(partition, pending.entry);
      pending.job = gathering_.number;
    }
    gathering_.groups.push_back(partition);
    due_ = true;
  }
}

storage::FrameNumber ReplicaLog::last_frame() const {
  absl::MutexLock lock(&mutex_);
  return last_frame_;
}

std::map<storage::PartitionId, HardState> ReplicaLog::hard_states() const {
  absl::MutexLock lock(&mutex_);
  std::map<storage::PartitionId, HardState> states;
  for (const auto& [partition, group] : groups_) {
    states[partition] = group.hard;
  }
  return states;
}

}  // namespace pallet::cluster
