// SPDX-License-Identifier: Apache-2.0
//
// Latency histogram: log-linear buckets, 1 us to 100 s within 1.6 %, fixed
// memory, small enough to stay in the cache. Thread-safe; quantiles are those
// of what was recorded before.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "absl/time/time.h"

namespace pallet::bench {

class Histogram {
 public:
  void Record(absl::Duration latency) {
    const int64_t us = absl::ToInt64Microseconds(latency);
    buckets_[Bucket(us < 0 ? 0 : static_cast<uint64_t>(us))].fetch_add(
        1, std::memory_order_relaxed);
  }

  uint64_t count() const {
    uint64_t count = 0;
    for (const auto& bucket : buckets_) count += bucket;
    return count;
  }

  // The latency that a share `quantile` (0..1) of the calls stayed within.
  absl::Duration Quantile(double quantile) const {
    const auto rank = static_cast<uint64_t>(quantile * count());
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (seen > rank) return absl::Microseconds(Middle(i));
    }
    return absl::ZeroDuration();
  }

 private:
  // 64 linear steps per power of two.
  static constexpr int kStepBits = 6;
  static constexpr size_t kBuckets = (28 - kStepBits) << kStepBits;

  static size_t Bucket(uint64_t us) {
    if (us < (2u << kStepBits)) return us;
    const int shift = std::bit_width(us) - 1 - kStepBits;
    const size_t bucket =
        (static_cast<size_t>(shift) << kStepBits) + (us >> shift);
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }

  static uint64_t Middle(size_t bucket) {
    if (bucket < (2u << kStepBits)) return bucket;
    const size_t shift = (bucket >> kStepBits) - 1;
    const uint64_t low = (bucket - (shift << kStepBits)) << shift;
    return low + (uint64_t{1} << shift) / 2;
  }

  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
};

}  // namespace pallet::bench
