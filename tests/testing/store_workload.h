// SPDX-License-Identifier: Apache-2.0
//
// A load whose outcome can be checked after a crash.
//
// The store is divided into slots. An operation gives a slot a new version (or
// deletes it): it writes all rows of the slot at once, each with content that
// follows from slot, row and version. Who runs the load notes in a Journal what
// is about to be written and what was acknowledged; after the crash
// SlotExpectations, fed with that journal, says for each slot what it may be:
// the last acknowledged operation, or one that was on its way.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/random.h"
#include "storage/store.h"

namespace pallet::testing {

struct SlotOperation {
  uint32_t slot = 0;
  uint64_t version = 0;  // never used twice for a slot
  bool is_delete = false;

  friend bool operator==(const SlotOperation&, const SlotOperation&) = default;
};

// Thread-safe.
class Journal {
 public:
  virtual ~Journal() = default;
  virtual void Intend(const SlotOperation& operation) = 0;
  virtual void Acknowledge(const SlotOperation& operation) = 0;
};

// Where the slots live: two partitions of one keyspace. The second has a local
// index too, and some rows of its slots lie in that.
inline constexpr storage::KeyspaceId kSlotKeyspace{77};
storage::PartitionId PartitionOfSlot(uint32_t slot);
absl::Status CreateSlotPartitions(storage::Store& store);

// The rows of a slot: one or several, some with keys beyond LMDB's limit.
std::vector<std::string> RowKeysOfSlot(uint32_t slot);
// 8 bytes to a few pages.
std::string SlotItem(uint32_t slot, size_t row, uint64_t version);

// Writes to the slots [first_slot, first_slot + slots) with up to `window`
// operations on their way; at most one for a slot. Used by one thread.
class SlotWriter {
 public:
  struct Options {
    uint32_t first_slot = 0;
    uint32_t slots = 100;
    int window = 8;
    uint64_t first_version = 1;
    uint64_t seed = 1;
  };
  SlotWriter(storage::Store* store, Journal* journal, Options options);
  SlotWriter(const SlotWriter&) = delete;
  ~SlotWriter() { (void)Wait(); }

  // Starts an operation; waits while the window is full. An error is the
  // store's refusal; the first failed answer is kept for Wait.
  absl::Status Step();

  // Until all is answered. The first answer that was not OK.
  absl::Status Wait();

 private:
  void Answer(const SlotOperation& operation, const absl::Status& status);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return in_flight_ < options_.window;
  }
  bool AllAnswered() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return in_flight_ == 0;
  }

  storage::Store* const store_;
  Journal* const journal_;
  const Options options_;
  Random random_;
  uint64_t next_version_;
  absl::Mutex mutex_;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<bool> busy_ ABSL_GUARDED_BY(mutex_);  // by slot
  absl::Status first_error_ ABSL_GUARDED_BY(mutex_);
};

// What each slot may hold. Not thread-safe.
class SlotExpectations {
 public:
  void Intend(const SlotOperation& operation);
  void Acknowledge(const SlotOperation& operation);

  // kDataLoss with the first slot that holds neither what was acknowledged last
  // nor a later intention, or holds one by halves.
  absl::Status Check(storage::Store& store) const;

  // As Check; then takes what was found as acknowledged: nothing is on its way
  // any more.
  absl::Status CheckAndSettle(storage::Store& store);

  size_t acknowledged() const { return acknowledged_; }

 private:
  struct Slot {
    SlotOperation last{0, 0, true};   // acknowledged; none is "deleted"
    std::vector<SlotOperation> open;  // intended after it
  };

  // The operation whose outcome the store shows.
  absl::StatusOr<SlotOperation> Find(uint32_t number, const Slot& slot,
                                     storage::Store& store) const;

  std::map<uint32_t, Slot> slots_;
  size_t acknowledged_ = 0;
};

}  // namespace pallet::testing
