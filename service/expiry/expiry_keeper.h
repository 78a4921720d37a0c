// SPDX-License-Identifier: Apache-2.0
//
// ExpiryKeeper: deletes items whose time to live is over, within about a second.
// In each round, for each partition of each table with a time to live, it
//   1. lets the partition keep expiries from now on, if it does not yet,
//   2. reads the items that were there before, some at a time, and notes when
//      they expire,
//   3. deletes what has expired: the decision looks at each item again, and leaves
//      one that lives on or is part of a transaction,
// and takes away what times to live that have ended have left. Each step is a
// write like others, and is done again if it was not finished.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/partition_host.h"
#include "service/expiry/clock_guard.h"

namespace pallet::service {

struct ExpiryKeeperOptions {
  cluster::PartitionHost* host = nullptr;  // outlives this
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
};

// Lets the partitions of the table keep expiries for its time to live, if it has
// one, and no more for those it had; durable on return. Idempotent. Waits for the
// stores.
absl::Status SettleTimeToLive(cluster::PartitionHost& host,
                              const cluster::Table& table);

// Whether all items that were there before have been read. nullopt: it has no
// time to live.
absl::StatusOr<std::optional<bool>> IsTimeToLiveComplete(
    cluster::PartitionHost& host, const cluster::Table& table);

class ExpiryKeeper {
 public:
  struct Metrics {
    uint64_t deleted = 0;         // items, since the start
    absl::Duration late = {};     // of all of them, each behind its time
    bool clock_in_doubt = false;  // nothing expires until it is clear
  };

  explicit ExpiryKeeper(const ExpiryKeeperOptions& options);
  ExpiryKeeper(const ExpiryKeeper&) = delete;
  ~ExpiryKeeper();

  // Makes a round now and then one again and again.
  void Start();
  // Ends the round under way soon.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // One round, to the end of what is there to do. Waits for the stores. One
  // thread at a time.
  void RunOnce();

  Metrics metrics() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsStopped() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Keep(const cluster::Table& table, std::optional<absl::Time> now);
  absl::Status RunPass(const cluster::Table& table,
                       const cluster::TablePartition& partition);
  absl::Status Sweep(const cluster::Table& table,
                     const cluster::TablePartition& partition, absl::Time now);
  // Of all times to live but `kept`.
  absl::Status Clean(const cluster::TablePartition& partition, uint64_t kept);

  const ExpiryKeeperOptions options_;
  ClockGuard clock_guard_;  // of the one who runs a round
  mutable absl::Mutex mutex_;
  absl::CondVar wake_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Metrics metrics_ ABSL_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace pallet::service
