// SPDX-License-Identifier: Apache-2.0
//
// FakeStore: storage::Store in memory, for tests of what stands on a store.
// A FakeDisk keeps what its stores hold, so that a store opened again on the
// same directory finds it: everything a FakeStore accepted is "durable".
//
//   FakeDisk disk;
//   auto store = disk.Open({.directory = "s0"}).value();
//
// Submit decides and answers on the calling thread, before it returns. Do not
// submit inside Read. Otherwise thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/store.h"

namespace pallet::testing {

// What one store directory holds.
struct FakeStoreContent {
  struct Row {
    storage::ChangeSeq change_seq;
    uint32_t item_size = 0;
    std::string item;
  };
  using Rows = std::map<std::string, Row>;

  absl::Mutex mutex;
  Rows rows ABSL_GUARDED_BY(mutex);
  std::map<storage::PartitionId, storage::PartitionInfo> partitions
      ABSL_GUARDED_BY(mutex);
  storage::StoreMetrics metrics ABSL_GUARDED_BY(mutex);
};

// Must outlive its stores.
class FakeDisk {
 public:
  absl::StatusOr<std::unique_ptr<storage::Store>> Open(
      const storage::StoreOptions& options);

  // The next `operations` openings and makings and droppings of partitions
  // succeed; all later ones fail and do nothing, as after a crash, until
  // Recover.
  void CrashAfter(int operations);
  void Recover() { CrashAfter(-1); }
  // How many operations were asked for since CrashAfter or Recover.
  int operations() const;

  // Called before and after each of those operations, without any lock: the
  // moments at which a process may die.
  void SetStepHook(std::function<void()> hook);

  // Holds what `other` holds now, under directories that begin with `to` where
  // those began with `from`.
  void CopyFrom(const FakeDisk& other, absl::string_view from,
                absl::string_view to);

  // Every Submit (to stores whose directory ends like this) is refused with
  // this; OK ends it.
  void RefuseWrites(absl::Status refusal, absl::string_view directory_end = "");

 private:
  friend class FakeStore;

  absl::Status Step(absl::string_view what);
  void CallHook() const;
  absl::Status Refusal(absl::string_view directory) const;

  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<FakeStoreContent>> contents_
      ABSL_GUARDED_BY(mutex_);
  int limit_ ABSL_GUARDED_BY(mutex_) = -1;  // none
  int operations_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  std::string refusing_ ABSL_GUARDED_BY(mutex_);  // end of directories
  std::function<void()> hook_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::testing
