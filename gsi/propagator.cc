// SPDX-License-Identifier: Apache-2.0
#include "gsi/propagator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::gsi {

Propagator::Propagator(PropagatorOptions options)
    : options_(std::move(options)), chunk_slots_(options_.threads) {
  for (uint32_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back("propagator", [this] { Work(); });
  }
}

void Propagator::Stop() {
  std::list<Waiter> waiters;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
    waiters.swap(waiters_);
  }
  for (Thread& thread : threads_) thread.Join();
  for (Waiter& waiter : waiters) {
    waiter.done(absl::UnavailableError("the node is shutting down"));
  }
}

// --- Tables ---

absl::Status Propagator::SetTable(const TopologyPtr& table) {
  std::vector<EntryPtr> entries;
  {
    absl::MutexLock lock(&mutex_);
    Table& entry = tables_[table->table];
    TakeSwitches(entry.topology.get(), *table);
    entry.topology = table;
    for (const Source& source : table->sources) {
      EntryPtr& at = entries_[source.id];
      if (at == nullptr) {
        at = std::make_shared<Entry>();
        at->table = table->table;
        at->follower = std::make_shared<Follower>(
            source,
            Follower::Options{
                .clock = options_.clock,
                .logger = options_.logger,
                .round_changes = options_.round_changes,
                .round_growth = options_.round_growth,
                .chunk = options_.chunk,
                .chunk_slots = &chunk_slots_,
                .switch_of = [this](uint64_t index) { return SwitchOf(index); },
                .observer = options_.observer});
      }
      entries.push_back(at);
    }
  }
  // Waits for steps: not under the lock that they take at their end.
  absl::Status result;
  for (const EntryPtr& entry : entries) {
    result.Update(entry->follower->SetTable(table));
  }
  absl::MutexLock lock(&mutex_);
  for (const EntryPtr& entry : entries) Schedule(*entry);
  return result;
}

void Propagator::TakeSwitches(const TableTopology* old,
                              const TableTopology& table) {
  std::map<uint64_t, IndexSwitch> before;
  if (old != nullptr) {
    for (const IndexTopology& index : old->indexes) {
      before[index.id] = index.propagation;
    }
  }
  absl::MutexLock lock(&switches_mutex_);
  for (const IndexTopology& index : table.indexes) {
    if (before[index.id] != index.propagation) {
      switches_[index.id] = index.propagation;
    }
    before.erase(index.id);
  }
  for (const auto& [id, value] : before) switches_.erase(id);
}

void Propagator::RemoveTable(uint64_t table) {
  absl::MutexLock lock(&mutex_);
  const auto known = tables_.find(table);
  if (known != tables_.end()) {
    TakeSwitches(known->second.topology.get(), {});
    tables_.erase(known);
  }
  std::vector<EntryPtr> removed;
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->second->table == table) {
      at->second->removed = true;
      SetDue(*at->second, absl::InfiniteDuration());
      removed.push_back(at->second);
      at = entries_.erase(at);
    } else {
      ++at;
    }
  }
  for (const EntryPtr& entry : removed) {
    while (entry->running) finished_.Wait(&mutex_);
  }
}

void Propagator::OnChanges(storage::PartitionId lineage) {
  absl::MutexLock lock(&mutex_);
  const auto at = entries_.find(lineage);
  if (at != entries_.end()) Schedule(*at->second);
}

void Propagator::SetSwitch(uint64_t index, const IndexSwitch& value) {
  {
    absl::MutexLock lock(&switches_mutex_);
    switches_[index] = value;
  }
  absl::MutexLock lock(&mutex_);
  for (const auto& [lineage, entry] : entries_) Schedule(*entry);
}

IndexSwitch Propagator::SwitchOf(uint64_t index) const {
  absl::MutexLock lock(&switches_mutex_);
  const auto at = switches_.find(index);
  return at == switches_.end() ? IndexSwitch() : at->second;
}

// --- Threads ---

void Propagator::Schedule(Entry& entry) {
  if (entry.running) {
    entry.again = true;
    return;
  }
  SetDue(entry, options_.clock->Monotonic());
  wake_.Signal();
}

void Propagator::SetDue(Entry& entry, absl::Duration due) {
  const storage::PartitionId lineage = entry.follower->source().id;
  due_.erase({entry.due, lineage});
  entry.due = due;
  if (due != absl::InfiniteDuration() && !entry.removed) {
    due_.insert({due, lineage});
  }
}

Propagator::EntryPtr Propagator::TakeDue(absl::Duration* wait) {
  const absl::Duration now = options_.clock->Monotonic();
  if (!due_.empty() && due_.begin()->first <= now) {
    EntryPtr entry = entries_.at(due_.begin()->second);
    SetDue(*entry, absl::InfiniteDuration());
    entry->running = true;
    entry->again = false;
    return entry;
  }
  *wait = due_.empty() ? absl::InfiniteDuration() : due_.begin()->first - now;
  for (const Waiter& waiter : waiters_) {
    *wait = std::min(*wait, waiter.deadline - now);
  }
  return nullptr;
}

void Propagator::Work() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    std::vector<Answer> answers = TakeAnswers();
    if (!answers.empty()) {
      mutex_.Unlock();
      for (Answer& answer : answers) answer.done(std::move(answer.status));
      mutex_.Lock();
      continue;
    }
    absl::Duration wait;
    const EntryPtr entry = TakeDue(&wait);
    if (entry == nullptr) {
      wake_.WaitWithTimeout(&mutex_, std::max(wait, absl::ZeroDuration()));
      continue;
    }
    mutex_.Unlock();
    const absl::Duration next = entry->follower->Run();
    mutex_.Lock();
    entry->running = false;
    SetDue(*entry, options_.clock->Monotonic() +
                       (entry->again ? absl::ZeroDuration() : next));
    finished_.SignalAll();
    const auto table = tables_.find(entry->table);
    if (table == tables_.end()) continue;
    const std::vector<uint64_t> filled = NewlyFilled(table->second);
    if (filled.empty()) continue;
    const TopologyPtr topology = table->second.topology;
    mutex_.Unlock();
    Tell(options_.observer, Step::kBeforeActivation);
    options_.on_filled(topology, filled);
    Tell(options_.observer, Step::kActivated);
    mutex_.Lock();
  }
}

std::vector<uint64_t> Propagator::NewlyFilled(Table& table) {
  std::vector<uint64_t> filled;
  for (const IndexTopology& index : table.topology->indexes) {
    if (index.active || table.told_filled.contains(index.id)) continue;
    const bool everywhere = std::all_of(
        table.topology->sources.begin(), table.topology->sources.end(),
        [&](const Source& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return entries_.at(source.id)->follower->HasFilled(index.id);
        });
    if (!everywhere) continue;
    table.told_filled.insert(index.id);
    filled.push_back(index.id);
  }
  return filled;
}

// --- Waiting ---

bool Propagator::IsReached(const Goal& goal) const {
  const auto at = entries_.find(goal.lineage);
  if (at == entries_.end()) return false;
  const Follower& follower = *at->second->follower;
  const auto cursor = follower.CursorOf(goal.target);
  return cursor.has_value() && *cursor >= goal.seq &&
         (!goal.settled || follower.IsSettled(goal.target));
}

std::optional<storage::ChangeSeq> Propagator::CursorOf(
    storage::PartitionId lineage, storage::PartitionId target) const {
  absl::MutexLock lock(&mutex_);
  const auto at = entries_.find(lineage);
  if (at == entries_.end()) return std::nullopt;
  return at->second->follower->CursorOf(target);
}

bool Propagator::AreReached(const Waiter& waiter) const {
  return std::all_of(waiter.goals.begin(), waiter.goals.end(),
                     [this](const Goal& goal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(
                         mutex_) { return IsReached(goal); });
}

std::vector<Propagator::Answer> Propagator::TakeAnswers() {
  std::vector<Answer> answers;
  if (waiters_.empty()) return answers;
  const absl::Duration now = options_.clock->Monotonic();
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    if (AreReached(*at)) {
      answers.push_back({std::move(at->done), absl::OkStatus()});
    } else if (at->deadline <= now) {
      answers.push_back(
          {std::move(at->done),
           absl::DeadlineExceededError("the index was not as far in time")});
    } else {
      ++at;
      continue;
    }
    at = waiters_.erase(at);
  }
  return answers;
}

void Propagator::Await(std::vector<Goal> goals, absl::Duration deadline,
                       absl::AnyInvocable<void(absl::Status)> done) {
  Waiter waiter{std::move(goals), deadline, std::move(done)};
  bool stopping = false;
  {
    absl::MutexLock lock(&mutex_);
    stopping = stopping_;
    if (!stopping && !AreReached(waiter)) {
      // A change that does not matter to the index makes no sound.
      for (const Goal& goal : waiter.goals) {
        const auto at = entries_.find(goal.lineage);
        if (at != entries_.end()) Schedule(*at->second);
      }
      waiters_.push_back(std::move(waiter));
      wake_.Signal();
      return;
    }
  }
  waiter.done(stopping ? absl::UnavailableError("the node is shutting down")
                       : absl::OkStatus());
}

// --- Progress ---

absl::StatusOr<IndexProgress> Propagator::ProgressOf(uint64_t table,
                                                     uint64_t index) const {
  std::vector<std::shared_ptr<Follower>> followers;
  IndexProgress progress;
  bool found = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto at = tables_.find(table);
    if (at != tables_.end()) {
      for (const IndexTopology& each : at->second.topology->indexes) {
        if (each.id != index) continue;
        found = true;
        progress.filling = !each.active;
      }
      for (const Source& source : at->second.topology->sources) {
        followers.push_back(entries_.at(source.id)->follower);
      }
    }
  }
  if (!found) {
    return model::MakeError(model::Reason::kResourceNotFound,
                            absl::StrCat("index ", index, " is not here"));
  }
  progress.propagation = SwitchOf(index);
  for (const std::shared_ptr<Follower>& follower : followers) {
    ASSIGN_OR_RETURN(LineageProgress lineage, follower->ProgressOf(index));
    progress.changes_behind += lineage.head - lineage.cursor;
    progress.time_behind = std::max(progress.time_behind, lineage.time_behind);
    progress.items_read += lineage.backfill.items_read;
    progress.items_per_second += lineage.items_per_second;
    progress.items_skipped += lineage.backfill.items_skipped;
    for (SkippedItem& item : lineage.backfill.skipped) {
      if (progress.skipped.size() >= kMaxSkippedListed) break;
      progress.skipped.push_back(std::move(item));
    }
  }
  return progress;
}

Follower::Backlog Propagator::BacklogOf(storage::PartitionId lineage) const {
  std::shared_ptr<Follower> follower;
  {
    absl::MutexLock lock(&mutex_);
    const auto at = entries_.find(lineage);
    if (at == entries_.end()) return {};
    follower = at->second->follower;
  }
  return follower->backlog();
}

}  // namespace pallet::gsi
