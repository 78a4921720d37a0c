// SPDX-License-Identifier: Apache-2.0
//
// ThroughputMeter: how much of its throughput a table or a global index has
// used, for tables that ask to be held to it. Two token buckets, of read and of write units.
//
// A bucket gains its rate each second and keeps what is not used for at most
// 300 seconds; it starts with one second's worth. A request is let in while
// there is anything in it, and what it took is charged afterwards, so that the
// bucket may go below nothing: later requests pay that off.
//
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace pallet::storage::v1 {
class GlobalIndexRecord;
class TableRecord;
}  // namespace pallet::storage::v1

namespace pallet::cluster {

enum class UnitKind { kRead, kWrite };

// The tag with which a PROVISIONED table asks to be held to its throughput.
inline constexpr char kThroughputTag[] = "pallet:throughput";
inline constexpr char kThroughputEnforced[] = "enforced";

// Units per second; 0: no limit.
struct ThroughputLimits {
  bool provisioned = false;  // else ceilings of an on-demand table
  int64_t reads = 0;
  int64_t writes = 0;

  bool any() const { return reads > 0 || writes > 0; }
  friend bool operator==(const ThroughputLimits&,
                         const ThroughputLimits&) = default;
};

// What the table asks to be held to: the ceilings of an on-demand table, or the
// throughput of a provisioned one that has the tag.
ThroughputLimits ThroughputLimitsOf(const storage::v1::TableRecord& table);
// The same of one of its global indexes, which has a throughput of its own.
ThroughputLimits ThroughputLimitsOf(
    const storage::v1::TableRecord& table,
    const storage::v1::GlobalIndexRecord& index);

class ThroughputMeter {
 public:
  // `clock` outlives this.
  ThroughputMeter(Clock* clock, const ThroughputLimits& limits);

  ThroughputLimits limits() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Keeps what is in the buckets, as far as they still hold it.
  void SetLimits(const ThroughputLimits& limits) ABSL_LOCKS_EXCLUDED(mutex_);

  // Zero: a request may go on. Otherwise how long until one may.
  absl::Duration WaitFor(UnitKind kind) ABSL_LOCKS_EXCLUDED(mutex_);

  void Charge(UnitKind kind, double units) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Bucket {
    double rate = 0;  // units per second; 0: no limit
    double units = 0;
    absl::Duration filled;  // when `units` were that many, on the clock
  };

  Bucket& Filled(UnitKind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock* const clock_;
  mutable absl::Mutex mutex_;
  ThroughputLimits limits_ ABSL_GUARDED_BY(mutex_);
  std::array<Bucket, 2> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::cluster
