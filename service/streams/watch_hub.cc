// SPDX-License-Identifier: Apache-2.0
#include "service/streams/watch_hub.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "model/errors.h"

namespace pallet::service {

using storage::PartitionId;

WatchHub::WatchHub(Clock* clock, uint32_t seats)
    : clock_(clock), seats_(seats) {
  thread_ = Thread("watch", [this] { Work(); });
}

WatchHub::~WatchHub() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    wake_.SignalAll();
  }
  thread_.Join();
}

absl::StatusOr<WatchHub::Seat> WatchHub::Enter() {
  absl::MutexLock lock(&mutex_);
  if (watches_ >= seats_) {
    return model::MakeError(
        model::Reason::kLimitExceeded,
        absl::StrCat("This node has room for ", seats_,
                     " watches (stream.max_watches), and all are taken"));
  }
  ++watches_;
  return Seat(this);
}

void WatchHub::Leave() {
  absl::MutexLock lock(&mutex_);
  CHECK_GT(watches_, 0u);
  --watches_;
}

uint32_t WatchHub::watches() const {
  absl::MutexLock lock(&mutex_);
  return watches_;
}

uint64_t WatchHub::VersionOf(PartitionId lineage) {
  absl::MutexLock lock(&mutex_);
  return lineages_[lineage].version;
}

WatchHub::Id WatchHub::Await(const std::vector<Seen>& seen,
                             absl::Duration deadline,
                             absl::AnyInvocable<void()> ready) {
  absl::MutexLock lock(&mutex_);
  for (const Seen& each : seen) {
    if (lineages_[each.lineage].version != each.version) return 0;
  }
  const Id id = next_id_++;
  Waiter& waiter = waiters_[id];
  waiter.deadline = deadline;
  waiter.ready = std::move(ready);
  for (const Seen& each : seen) {
    waiter.lineages.push_back(each.lineage);
    lineages_[each.lineage].waiters.insert(id);
  }
  const bool is_first =
      deadlines_.empty() || deadline < deadlines_.begin()->first;
  deadlines_.insert({deadline, id});
  if (is_first) wake_.Signal();
  return id;
}

void WatchHub::Forget(Id id) {
  Waiter waiter;
  {
    absl::MutexLock lock(&mutex_);
    if (waiters_.contains(id)) waiter = Take(id);
  }
  // What it holds goes without the lock.
}

void WatchHub::OnStreamRecords(PartitionId lineage) {
  absl::MutexLock lock(&mutex_);
  const auto found = lineages_.find(lineage);
  if (found == lineages_.end()) return;  // nobody ever asked
  ++found->second.version;
  if (found->second.is_dirty || found->second.waiters.empty()) return;
  found->second.is_dirty = true;
  dirty_.push_back(lineage);
  wake_.Signal();
}

WatchHub::Waiter WatchHub::Take(Id id) {
  const auto found = waiters_.find(id);
  Waiter waiter = std::move(found->second);
  waiters_.erase(found);
  deadlines_.erase({waiter.deadline, id});
  for (const PartitionId lineage : waiter.lineages) {
    lineages_[lineage].waiters.erase(id);
  }
  return waiter;
}

std::vector<absl::AnyInvocable<void()>> WatchHub::TakeReady(
    absl::Duration now) {
  std::vector<absl::AnyInvocable<void()>> ready;
  for (const PartitionId lineage : std::exchange(dirty_, {})) {
    Lineage& dirty = lineages_[lineage];
    dirty.is_dirty = false;
    while (!dirty.waiters.empty()) {
      ready.push_back(std::move(Take(*dirty.waiters.begin()).ready));
    }
  }
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    ready.push_back(std::move(Take(deadlines_.begin()->second).ready));
  }
  return ready;
}

void WatchHub::Work() {
  while (true) {
    std::vector<absl::AnyInvocable<void()>> ready;
    {
      absl::MutexLock lock(&mutex_);
      while (!stopped_) {
        const absl::Duration now = clock_->Monotonic();
        ready = TakeReady(now);
        if (!ready.empty()) break;
        wake_.WaitWithTimeout(&mutex_, deadlines_.empty()
                                           ? absl::InfiniteDuration()
                                           : deadlines_.begin()->first - now);
      }
      if (stopped_) return;
    }
    for (absl::AnyInvocable<void()>& each : ready) each();
  }
}

}  // namespace pallet::service
