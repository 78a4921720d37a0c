// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/loop_thread.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "cluster/replica/state_snapshot.h"

namespace pallet::cluster {
namespace {

using storage::PartitionId;

// As kept_entries, in bytes of effects.
constexpr uint64_t kKeptBytes = uint64_t{16} << 20;

}  // namespace

LoopThread::LoopThread(Parts parts, const ReplicaLoopOptions& options,
                       uint64_t kept_entries)
    : parts_(std::move(parts)),
      options_(options),
      kept_entries_(kept_entries),
      loop_(parts_.clock, this, this, parts_.transport, options) {}

void LoopThread::Adopt(const RecoveredReplica& replica) {
  Begin(replica.state.info.id, replica.Start(), false);
}

void LoopThread::Start() {
  thread_ = Thread("replica-loop", [this] { Work(); });
}

void LoopThread::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.Join();
}

void LoopThread::Post(Task task) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      tasks_.push_back(std::move(task));
      return;
    }
  }
  // Nobody else touches the loop any more; tasks find it frozen.
  task();
}

void LoopThread::Run(absl::FunctionRef<void()> what) {
  absl::Notification done;
  Post([&] {
    what();
    done.Notify();
  });
  done.WaitForNotification();
}

void LoopThread::Work() {
  absl::Duration next_tick = parts_.clock->Monotonic() + options_.tick;
  while (true) {
    std::vector<Task> tasks;
    bool ends = false;
    {
      absl::MutexLock lock(&mutex_);
      const absl::Duration wait = next_tick - parts_.clock->Monotonic();
      mutex_.AwaitWithTimeout(absl::Condition(this, &LoopThread::HasTasks),
                              std::max(wait, absl::ZeroDuration()));
      tasks.swap(tasks_);
      ends = stopping_;
    }
    for (Task& task : tasks) task();
    const absl::Duration now = parts_.clock->Monotonic();
    if (now >= next_tick) {
      next_tick = now + options_.tick;
      if (!frozen_) loop_.Tick();
      for (const auto& [partition, hosted] : hosted_) {
        touched_.insert(partition);
      }
    }
    if (!frozen_) loop_.Run();
    std::set<PartitionId> touched;
    touched.swap(touched_);
    for (const PartitionId partition : touched) Refresh(partition);
    if (ends) break;
  }
  frozen_ = true;
  for (auto& [partition, hosted] : hosted_) GiveUp(&hosted);
  std::vector<Task> last;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    last.swap(tasks_);
  }
  for (Task& task : last) task();
}

void LoopThread::Freeze() {
  Post([this] {
    frozen_ = true;
    for (auto& [partition, hosted] : hosted_) {
      GiveUp(&hosted);
      absl::MutexLock lock(&hosted.view->mutex);
      hosted.view->coming_term = 0;
      hosted.view->serving_term = 0;
      hosted.view->lease_until = 0;
    }
  });
}

// --- What others want ---

void LoopThread::Receive(std::vector<Packet> packets) {
  Post([this, packets = std::move(packets)] {
    if (frozen_) return;
    for (const Packet& packet : packets) {
      loop_.Receive(packet);
      touched_.insert(packet.partition);
    }
  });
}

void LoopThread::Synced(uint64_t batch) {
  Post([this, batch] {
    if (!frozen_) loop_.Synced(batch);
  });
}

void LoopThread::Propose(ProposedPtr proposed) {
  Post([this, proposed = std::move(proposed)]() mutable {
    ProposeNow(std::move(proposed));
  });
}

void LoopThread::ProposeNow(ProposedPtr proposed) {
  const LedPartition& led = *proposed->partition;
  const PartitionId partition = led.view->partition;
  const auto found = hosted_.find(partition);
  if (frozen_ || found == hosted_.end() || found->second.view != led.view ||
      loop_.LeaderTerm(partition) != led.term || led.broken.load()) {
    return parts_.conclude(*proposed, Conclusion::kDidNotHappen);
  }
  Hosted& hosted = found->second;
  touched_.insert(partition);
  if (!proposed->effects.empty()) {
    const uint64_t number = loop_.Propose(partition, proposed->effects);
    hosted.in_flight[number].proposed = std::move(proposed);
    return;
  }
  // It says what it saw: that must be what is, and come to be.
  if (loop_.HasLease(partition, led.term)) {
    Confirmed(&hosted, std::move(proposed));
  } else {
    hosted.to_confirm[loop_.Read(partition)] = std::move(proposed);
  }
}

void LoopThread::Confirmed(Hosted* hosted, ProposedPtr proposed) {
  if (!hosted->in_flight.empty()) {
    hosted->in_flight.rbegin()->second.answers.push_back(std::move(proposed));
    return;
  }
  parts_.applier->Call([this, proposed = std::move(proposed)] {
    parts_.conclude(*proposed, proposed->partition->broken.load()
                                   ? Conclusion::kDidNotHappen
                                   : Conclusion::kHappened);
  });
}

void LoopThread::Conclude(InFlight in_flight, Conclusion conclusion) {
  parts_.conclude(*in_flight.proposed, conclusion);
  for (const ProposedPtr& answer : in_flight.answers) {
    parts_.conclude(*answer, conclusion == Conclusion::kHappened
                                 ? Conclusion::kHappened
                                 : Conclusion::kDidNotHappen);
  }
}

void LoopThread::GiveUp(Hosted* hosted) {
  std::map<uint64_t, InFlight> in_flight;
  in_flight.swap(hosted->in_flight);
  for (auto& [number, one] : in_flight) {
    Conclude(std::move(one), Conclusion::kUnknown);
  }
  std::map<uint64_t, ProposedPtr> to_confirm;
  to_confirm.swap(hosted->to_confirm);
  for (auto& [read, one] : to_confirm) {
    parts_.conclude(*one, Conclusion::kDidNotHappen);
  }
  auto reads = std::move(hosted->reads);
  hosted->reads.clear();
  for (auto& [read, done] : reads) done(false);
}

void LoopThread::Begin(PartitionId partition, const ReplicaStart& start,
                       bool fresh) {
  loop_.Create(partition, start, fresh);
  Hosted& hosted = hosted_[partition];
  hosted.view = std::make_shared<ReplicaView>(partition, start.replica);
  hosted.status = loop_.Status(partition);
  hosted.mark = start.applied;
  absl::MutexLock lock(&views_mutex_);
  views_[partition] = {hosted.view, hosted.status};
}

void LoopThread::Create(PartitionId partition, const ReplicaStart& start) {
  Run([&] {
    if (!frozen_) Begin(partition, start, true);
  });
}

void LoopThread::Drop(PartitionId partition) {
  Run([&] {
    const auto found = hosted_.find(partition);
    if (found == hosted_.end()) return;
    GiveUp(&found->second);
    if (!frozen_) loop_.Drop(partition);
    {
      absl::MutexLock lock(&found->second.view->mutex);
      found->second.view->coming_term = 0;
      found->second.view->serving_term = 0;
    }
    hosted_.erase(found);
    absl::MutexLock lock(&views_mutex_);
    views_.erase(partition);
  });
}

absl::Status LoopThread::ChangeMembers(
    PartitionId partition, const std::vector<MemberChange>& changes) {
  absl::Status status = absl::FailedPreconditionError("no such replica here");
  Run([&] {
    if (frozen_ || !loop_.Has(partition)) return;
    status = loop_.ChangeMembers(partition, changes);
    touched_.insert(partition);
  });
  return status;
}

absl::Status LoopThread::TransferLeadership(PartitionId partition,
                                            ReplicaId to) {
  absl::Status status = absl::FailedPreconditionError("no such replica here");
  Run([&] {
    if (frozen_ || !loop_.Has(partition)) return;
    // Before anybody can hear of it.
    hosted_.at(partition).view->lease_until = 0;
    status = loop_.TransferLeadership(partition, to);
    touched_.insert(partition);
  });
  return status;
}

void LoopThread::Campaign(PartitionId partition) {
  Post([this, partition] {
    if (frozen_ || !loop_.Has(partition)) return;
    loop_.Campaign(partition);
    touched_.insert(partition);
  });
}

bool LoopThread::WaitForRound(PartitionId partition, absl::Duration patience) {
  struct Waiter {
    absl::Notification done;
    std::atomic<bool> ready{false};
  };
  auto waiter = std::make_shared<Waiter>();
  Post([this, partition, waiter] {
    const auto found = hosted_.find(partition);
    if (frozen_ || found == hosted_.end()) return waiter->done.Notify();
    touched_.insert(partition);
    found->second.reads[loop_.Read(partition)] = [waiter](bool ready) {
      waiter->ready = ready;
      waiter->done.Notify();
    };
  });
  return waiter->done.WaitForNotificationWithTimeout(patience) &&
         waiter->ready.load();
}

ReplicaViewPtr LoopThread::View(PartitionId partition) const {
  absl::ReaderMutexLock lock(&views_mutex_);
  const auto found = views_.find(partition);
  return found == views_.end() ? nullptr : found->second.first;
}

ReplicaStatus LoopThread::Status(PartitionId partition) const {
  absl::ReaderMutexLock lock(&views_mutex_);
  const auto found = views_.find(partition);
  return found == views_.end() ? ReplicaStatus() : found->second.second;
}

// --- After anything that happened to a replica ---

void LoopThread::Refresh(PartitionId partition) {
  const auto found = hosted_.find(partition);
  if (found == hosted_.end() || frozen_) return;
  Hosted& hosted = found->second;
  const ReplicaStatus before = std::move(hosted.status);
  hosted.status = loop_.Status(partition);
  const uint64_t term = loop_.LeaderTerm(partition);
  const ReplicaViewPtr& view = hosted.view;
  view->leader.store(hosted.status.leader);
  view->lease_until.store(
      term == 0 ? 0 : absl::ToInt64Nanoseconds(hosted.status.lease_until));
  {
    absl::MutexLock lock(&view->mutex);
    if (term != view->coming_term) {
      view->coming_term = term;
      view->serving_term = 0;
      if (term != 0) {
        parts_.applier->Call([view, term] {
          absl::MutexLock lock(&view->mutex);
          if (view->coming_term == term) view->serving_term = term;
        });
      }
    }
  }
  // Those that wait to be confirmed were decided in a term that is over.
  for (auto it = hosted.to_confirm.begin(); it != hosted.to_confirm.end();) {
    if (it->second->partition->term == term) {
      ++it;
      continue;
    }
    parts_.conclude(*it->second, Conclusion::kDidNotHappen);
    it = hosted.to_confirm.erase(it);
  }
  CompactIfLong(partition, &hosted);
  {
    absl::MutexLock lock(&views_mutex_);
    views_[partition].second = hosted.status;
  }
  const bool led = before.role == Role::kLeader;
  const bool leads = hosted.status.role == Role::kLeader;
  if (led != leads || (leads && before.term != hosted.status.term)) {
    parts_.logger->Info(leads ? "replica.leads" : "replica.leads_no_more",
                        {{"partition", partition.value()},
                         {"term", hosted.status.term},
                         {"leader", hosted.status.leader.value()}});
  }
  if (parts_.on_changed != nullptr &&
      (before.leader != hosted.status.leader ||
       before.members != hosted.status.members)) {
    parts_.on_changed(partition);
  }
}

void LoopThread::CompactIfLong(PartitionId partition, Hosted* hosted) {
  if (hosted->entries < kept_entries_ && hosted->bytes < kKeptBytes) return;
  if (hosted->mark > 0) loop_.Compact(partition, hosted->mark);
  hosted->mark = hosted->status.applied;
  hosted->entries = hosted->bytes = 0;
}

// --- Doors of the loop ---

void LoopThread::Append(PartitionId partition, const RaftRecord& record) {
  if (record.installed != nullptr) {
    const uint64_t index = record.installed->index;
    if (const absl::Status sealed = parts_.staged->Seal(partition, index);
        !sealed.ok()) {
      parts_.fence(sealed);
    }
    parts_.log->Before([staged = parts_.staged, partition, index] {
      return staged->Sync(partition, index);
    });
  }
  parts_.log->Append(partition, record);
}

void LoopThread::Apply(PartitionId partition, const AppliedEntry& entry) {
  Hosted& hosted = hosted_.at(partition);
  touched_.insert(partition);
  ++hosted.entries;
  hosted.bytes += entry.effects.size();
  ReplicaApplier::Concluded concluded;
  if (const auto own = hosted.in_flight.find(entry.number);
      entry.number != 0 && own != hosted.in_flight.end()) {
    concluded = [this,
                 in_flight = std::move(own->second)](bool happened) mutable {
      Conclude(std::move(in_flight),
               happened ? Conclusion::kHappened : Conclusion::kDidNotHappen);
    };
    hosted.in_flight.erase(own);
  }
  parts_.applier->Entry(partition, entry, std::move(concluded));
}

void LoopThread::ProposalsLost(PartitionId partition, uint64_t number) {
  Hosted& hosted = hosted_.at(partition);
  while (!hosted.in_flight.empty() &&
         hosted.in_flight.begin()->first <= number) {
    InFlight lost = std::move(hosted.in_flight.begin()->second);
    hosted.in_flight.erase(hosted.in_flight.begin());
    Conclude(std::move(lost), Conclusion::kUnknown);
  }
}

void LoopThread::ProposalRefused(PartitionId partition, uint64_t number) {
  Hosted& hosted = hosted_.at(partition);
  const auto refused = hosted.in_flight.find(number);
  if (refused == hosted.in_flight.end()) return;
  InFlight in_flight = std::move(refused->second);
  hosted.in_flight.erase(refused);
  Conclude(std::move(in_flight), Conclusion::kDidNotHappen);
}

void LoopThread::ReadReady(PartitionId partition, uint64_t read) {
  Hosted& hosted = hosted_.at(partition);
  if (const auto it = hosted.to_confirm.find(read);
      it != hosted.to_confirm.end()) {
    ProposedPtr proposed = std::move(it->second);
    hosted.to_confirm.erase(it);
    return Confirmed(&hosted, std::move(proposed));
  }
  const auto it = hosted.reads.find(read);
  if (it == hosted.reads.end()) return;
  parts_.applier->Call(
      [done = std::move(it->second)]() mutable { done(true); });
  hosted.reads.erase(it);
}

std::unique_ptr<SnapshotReader> LoopThread::OpenSnapshot(
    PartitionId partition) {
  // What the loop has applied is to be seen: snapshots are rare, and what is
  // queued is bounded.
  parts_.applier->Drain();
  const auto state = parts_.partitions->Find(partition);
  CHECK(state.has_value()) << partition;
  StateSnapshotReader::Source source;
  source.read = parts_.read;
  source.newer_through = [this, partition] {
    // Behind what was read: rows are visible before the state that counts them.
    parts_.applier->Drain();
    const auto now = parts_.partitions->Find(partition);
    CHECK(now.has_value()) << partition;
    const auto record = DecodeReplica(now->replica);
    CHECK(record.ok()) << record.status();
    return std::max(now->index, record->serves_from);
  };
  source.on_error = [this](const absl::Status& error) { parts_.fence(error); };
  return std::make_unique<StateSnapshotReader>(std::move(source), *state);
}

void LoopThread::BeginStaging(PartitionId partition) {
  parts_.staged->Begin(partition);
}

void LoopThread::Stage(PartitionId partition, absl::string_view chunk) {
  parts_.staged->Add(partition, chunk);
}

void LoopThread::InstallStaged(PartitionId partition,
                               const SnapshotPoint& point) {
  Hosted& hosted = hosted_.at(partition);
  hosted.mark = point.index;
  hosted.entries = hosted.bytes = 0;
  parts_.applier->Install(partition, point);
  touched_.insert(partition);
}

void LoopThread::ReplicaRemoved(PartitionId partition) {
  if (parts_.on_removed != nullptr) parts_.on_removed(partition);
}

void LoopThread::ReplicaFailed(PartitionId partition,
                               const std::string& reason) {
  parts_.logger->Error("replica.failed",
                       {{"partition", partition.value()}, {"reason", reason}});
  touched_.insert(partition);
}

}  // namespace pallet::cluster
