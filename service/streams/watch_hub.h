// SPDX-License-Identifier: Apache-2.0
//
// WatchHub: wakes those who follow streams. A store tells it which lineages have
// new records, and goes on at once; a thread of the hub's own calls those who
// wait for one of them, or whose time is up.
//
// Nothing is missed between reading and waiting: a reader notes the versions of
// its lineages before it reads, and waits for a later one.
//
// It also counts the watches that are open, and has seats for so many: each holds
// up to two messages of about 1 MiB for a client that reads slowly. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/thread.h"
#include "storage/store.h"

namespace pallet::service {

class WatchHub final : public storage::StreamListener {
 public:
  using Id = uint64_t;
  // A lineage, and its version as it was when it was read.
  struct Seen {
    storage::PartitionId lineage;
    uint64_t version = 0;
  };

  // Of a watch that is open. The hub outlives it.
  class Seat {
   public:
    explicit Seat(WatchHub* hub) : hub_(hub) {}
    Seat(Seat&& other) noexcept : hub_(std::exchange(other.hub_, nullptr)) {}
    ~Seat() {
      if (hub_ != nullptr) hub_->Leave();
    }

   private:
    WatchHub* hub_;
  };

  explicit WatchHub(Clock* clock, uint32_t seats = 1024);
  WatchHub(const WatchHub&) = delete;
  ~WatchHub() override;

  // kLimitExceeded while none is free.
  absl::StatusOr<Seat> Enter() ABSL_LOCKS_EXCLUDED(mutex_);
  uint32_t watches() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint32_t seats() const { return seats_; }

  // A lineage that somebody waited for has a later version with each batch of
  // records.
  uint64_t VersionOf(storage::PartitionId lineage) ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `ready` once on the hub's thread, when one of them has another version
  // or `deadline` (on the monotonic clock) has passed. 0, and it is not called,
  // if one has already.
  Id Await(const std::vector<Seen>& seen, absl::Duration deadline,
           absl::AnyInvocable<void()> ready) ABSL_LOCKS_EXCLUDED(mutex_);
  // It is not called any more, unless it is being called.
  void Forget(Id id) ABSL_LOCKS_EXCLUDED(mutex_);

  void OnStreamRecords(storage::PartitionId lineage) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    std::vector<storage::PartitionId> lineages;
    absl::Duration deadline;
    absl::AnyInvocable<void()> ready;
  };
  struct Lineage {
    uint64_t version = 0;
    bool is_dirty = false;
    std::set<Id> waiters = {};
  };

  void Leave() ABSL_LOCKS_EXCLUDED(mutex_);
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes those out that are to be called.
  std::vector<absl::AnyInvocable<void()>> TakeReady(absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Waiter Take(Id id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock* const clock_;
  const uint32_t seats_;
  mutable absl::Mutex mutex_;
  absl::CondVar wake_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t watches_ ABSL_GUARDED_BY(mutex_) = 0;
  Id next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<storage::PartitionId, Lineage> lineages_
      ABSL_GUARDED_BY(mutex_);
  std::vector<storage::PartitionId> dirty_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Id, Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Duration, Id>> deadlines_ ABSL_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace pallet::service
