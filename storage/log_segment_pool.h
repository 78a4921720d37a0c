// SPDX-License-Identifier: Apache-2.0
//
// Log segment pool: makes segment files ready before the log needs them, and
// takes back those it gave up.
//
// Invariants:
//   1. A segment gets its name only when all of its content (header, zeros, or
//      what a former life left) is synced; Take returns it when its directory
//      entry is synced too.
//   2. A file given up is renamed, and that is synced, before its header is
//      overwritten: no crash shows a segment under the name of another.
//   3. An error with reason kStorageFull changed nothing and may pass; after
//      any other the names on the disk are unknown: the log must stop.
//
// One segment, the next, is made in the background at a time. Thread-safe;
// Take by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "storage/log_format.h"

namespace pallet::storage {

struct LogSegment {
  SegmentHeader header;
  std::unique_ptr<File> file;
  uint64_t bytes = 0;  // of the file, header and all
};

class LogSegmentPool {
 public:
  struct Options {
    std::string directory;
    FileSystem* file_system = nullptr;
    Logger* logger = nullptr;
    uint64_t id_seed = 0;
    size_t spares = 0;  // kept at most
  };

  explicit LogSegmentPool(Options options);
  LogSegmentPool(const LogSegmentPool&) = delete;
  LogSegmentPool& operator=(const LogSegmentPool&) = delete;
  ~LogSegmentPool();

  // Makes a segment now, on this thread, with `write` putting the first frames
  // in (nullptr: none) before it gets its name.
  absl::StatusOr<LogSegment> Make(
      uint64_t seq, uint64_t bytes,
      absl::FunctionRef<absl::Status(LogSegment&)> write);

  // Starts to make segment `seq` in the background.
  void Prepare(uint64_t seq, uint64_t bytes);

  // The segment that was prepared (waiting for it), or one made now. It may
  // have other than `bytes` bytes.
  absl::StatusOr<LogSegment> Take(uint64_t seq, uint64_t bytes);

  // Gives up segments, oldest first: as spares if they may be and there is
  // room, removed otherwise. Durable on return. One thread at a time.
  struct GivenUp {
    uint64_t seq = 0;
    uint64_t bytes = 0;
    bool may_be_spare = false;
  };
  absl::Status GiveUp(const std::vector<GivenUp>& segments);

  // Stops the background; removes the prepared segment and the spares.
  void Stop();

  struct Counts {
    uint64_t segments_made = 0, segments_recycled = 0;
    uint64_t idle_files = 0, idle_bytes = 0;  // prepared and spare
  };
  Counts counts() const;

 private:
  struct Spare {
    std::string path;
    uint64_t bytes = 0;
  };
  struct Order {
    uint64_t seq = 0;
    uint64_t bytes = 0;
  };

  void Work();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || order_.has_value();
  }
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !order_.has_value();
  }
  std::string PathOf(uint64_t seq) const;
  std::optional<Spare> TakeSpare(uint64_t bytes);
  absl::StatusOr<LogSegment> Fill(
      uint64_t seq, uint64_t bytes, const std::string& temporary,
      absl::FunctionRef<absl::Status(LogSegment&)> write);

  const Options options_;

  mutable absl::Mutex mutex_;
  Random random_ ABSL_GUARDED_BY(mutex_);
  std::optional<Order> order_ ABSL_GUARDED_BY(mutex_);  // until it is made
  std::optional<LogSegment> next_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // of the last order
  std::vector<Spare> spares_ ABSL_GUARDED_BY(mutex_);
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace pallet::storage
