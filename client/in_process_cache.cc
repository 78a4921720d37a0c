// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <list>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cache_store.h"

namespace pallet {
namespace {

constexpr size_t kParts = 16;
// Nodes of list and map, about.
constexpr size_t kEntryBytes = 100;

// A part of the keys: a map into a list in order of use.
class Part {
 public:
  void Start(size_t max_bytes, absl::Duration lease) {
    max_bytes_ = max_bytes;
    lease_ = lease;
  }

  CacheStore::Found Lookup(absl::string_view key, absl::Duration now) {
    using Kind = CacheStore::Found::Kind;
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end() && now < found->second->until) {
      Entry& entry = *found->second;
      used_.splice(used_.begin(), used_, found->second);
      if (entry.lease != 0) return {.kind = Kind::kBusy};
      return {.kind = Kind::kHit, .value = entry.value};
    }
    if (found != entries_.end()) Drop(found->second);
    const uint64_t lease = ++last_lease_;
    Keep({.key = std::string(key), .lease = lease, .until = now + lease_});
    return {.kind = Kind::kLeased, .lease = absl::StrCat(lease)};
  }

  bool Fill(absl::string_view key, absl::string_view lease,
            absl::string_view value, absl::Duration until) {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || !Holds(*found->second, lease)) return false;
    Drop(found->second);
    Entry entry = {
        .key = std::string(key), .value = std::string(value), .until = until};
    if (entry.bytes() > max_bytes_) return false;
    Keep(std::move(entry));
    return true;
  }

  void Release(absl::string_view key, absl::string_view lease) {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end() && Holds(*found->second, lease)) {
      Drop(found->second);
    }
  }

  void Invalidate(absl::string_view key) {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) Drop(found->second);
  }

  void Clear() {
    absl::MutexLock lock(&mutex_);
    entries_.clear();
    used_.clear();
    bytes_ = 0;
  }

 private:
  struct Entry {
    std::string key;
    std::string value = {};
    uint64_t lease = 0;  // if it stands for one
    absl::Duration until;

    size_t bytes() const { return kEntryBytes + key.size() + value.size(); }
  };
  using Entries = std::list<Entry>;

  static bool Holds(const Entry& entry, absl::string_view lease) {
    return entry.lease != 0 && absl::StrCat(entry.lease) == lease;
  }

  void Keep(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    bytes_ += entry.bytes();
    used_.push_front(std::move(entry));
    entries_[used_.front().key] = used_.begin();
    while (bytes_ > max_bytes_ && used_.size() > 1) {
      Drop(std::prev(used_.end()));
    }
  }

  void Drop(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    bytes_ -= entry->bytes();
    entries_.erase(entry->key);
    used_.erase(entry);
  }

  size_t max_bytes_ = 0;
  absl::Duration lease_;

  absl::Mutex mutex_;
  Entries used_ ABSL_GUARDED_BY(mutex_);  // the last used first
  // The keys are those of the entries.
  absl::flat_hash_map<absl::string_view, Entries::iterator> entries_
      ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_lease_ ABSL_GUARDED_BY(mutex_) = 0;
};

class InProcessCache final : public CacheStore {
 public:
  explicit InProcessCache(const InProcessCacheOptions& options)
      : clock_(options.clock) {
    for (Part& part : parts_) {
      part.Start(options.max_bytes / kParts, options.lease);
    }
  }

  Found Lookup(absl::string_view key) override {
    return PartOf(key).Lookup(key, clock_->Monotonic());
  }
  bool Fill(absl::string_view key, absl::string_view lease,
            absl::string_view value, absl::Duration ttl) override {
    return PartOf(key).Fill(key, lease, value, clock_->Monotonic() + ttl);
  }
  void Release(absl::string_view key, absl::string_view lease) override {
    PartOf(key).Release(key, lease);
  }
  void Invalidate(absl::string_view key) override {
    PartOf(key).Invalidate(key);
  }
  void Clear() override {
    for (Part& part : parts_) part.Clear();
  }

 private:
  Part& PartOf(absl::string_view key) {
    return parts_[absl::Hash<absl::string_view>()(key) % kParts];
  }

  Clock* const clock_;
  std::array<Part, kParts> parts_;
};

}  // namespace

std::unique_ptr<CacheStore> MakeInProcessCache(
    const InProcessCacheOptions& options) {
  return std::make_unique<InProcessCache>(options);
}

}  // namespace pallet
