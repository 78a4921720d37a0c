// SPDX-License-Identifier: Apache-2.0
//
// StreamKeeper: takes away what streams need not keep any more. From time to
// time it
//   1. finishes what a crash or a full store has left of openings and closings,
//   2. deletes records that are older than the retention,
//   3. deletes the items of tables that are gone,
//   4. forgets streams that were closed longer ago than the retention, and with
//      the last of them a table that is gone.
// Each step is a write like others, some hundred rows at a time, and is done
// again if it was not finished. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/partition_host.h"

namespace pallet::service {

struct StreamKeeperOptions {
  cluster::PartitionHost* host = nullptr;  // outlives this
  Clock* clock = Clock::Real();
  Logger* logger = Logger::Real();
  absl::Duration retention = absl::Hours(24);
};

class StreamKeeper {
 public:
  explicit StreamKeeper(const StreamKeeperOptions& options);
  StreamKeeper(const StreamKeeper&) = delete;
  ~StreamKeeper();

  // Makes a round at once and then one again and again.
  void Start();
  // Ends the round under way soon.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // One round. Waits for the stores. One thread at a time.
  void RunOnce();

  // Records that were trimmed since the start.
  uint64_t trimmed() const { return trimmed_.load(std::memory_order_relaxed); }

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsStopped() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Keep(const cluster::Table& table, absl::Time now);
  absl::Status KeepGone(const cluster::Table& table, absl::Time now);
  // Deletes all older than `until`.
  absl::Status Trim(const cluster::TablePartition& partition, uint64_t stream,
                    absl::Time until);
  // Deletes all records and the shard.
  absl::Status Forget(const cluster::Table& table, uint64_t stream);
  absl::Status DeleteItems(const cluster::TablePartition& partition);

  const StreamKeeperOptions options_;
  std::atomic<uint64_t> trimmed_{0};
  absl::Mutex mutex_;
  absl::CondVar wake_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace pallet::service
