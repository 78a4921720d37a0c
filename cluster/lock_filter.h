// SPDX-License-Identifier: Apache-2.0
//
// LockFilter: tells a write quickly that its row is no part of a transaction.
// Counts, by a hash of the row key, the locks that are there or may come to be:
// whoever writes a lock counts it before he hands it to the store, and takes it
// off when its removal is durable. So "no" is sure; after "maybe" the lock row
// says what is true (storage::LockKey).
//
// Thread-safe, without waiting.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "base/check.h"

namespace pallet::cluster {

class LockFilter {
 public:
  LockFilter() = default;
  LockFilter(const LockFilter&) = delete;

  void Add(absl::string_view row_key) {
    Of(row_key).fetch_add(1, std::memory_order_seq_cst);
  }
  // REQUIRES: it was added.
  void Remove(absl::string_view row_key) {
    const uint32_t before = Of(row_key).fetch_sub(1, std::memory_order_seq_cst);
    CHECK_GT(before, 0u);
  }
  bool MayBeLocked(absl::string_view row_key) const {
    return counts_[Place(row_key)].load(std::memory_order_seq_cst) > 0;
  }

 private:
  static constexpr size_t kCounts = 4096;

  static size_t Place(absl::string_view row_key) {
    return absl::HashOf(row_key) % kCounts;
  }
  std::atomic<uint32_t>& Of(absl::string_view row_key) {
    return counts_[Place(row_key)];
  }

  std::array<std::atomic<uint32_t>, kCounts> counts_ = {};
};

}  // namespace pallet::cluster
