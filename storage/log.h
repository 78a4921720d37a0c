// SPDX-License-Identifier: Apache-2.0
//
// Log: the writer of a store's log. A write is durable when its frame is
// appended and synced; one sync serves all records of the frame.
//
//   ASSIGN_OR_RETURN(RecoveredLog recovered, RecoverLog(fs, dir, after, ...));
//   ASSIGN_OR_RETURN(std::unique_ptr<Log> log, Log::Open(options, recovered));
//   builder.Add(record); ...
//   ASSIGN_OR_RETURN(FrameNumber number, log->Append(&builder));
//   RETURN_IF_ERROR(log->Sync());   // only now is it durable
//
// Invariants:
//   1. Frames go into space that was written before (zero-filled in the
//      background, or recycled), so that a sync writes data and no metadata.
//   2. A segment, its header and its directory entry are synced before its
//      first frame is written, and the last frame of a segment before the first
//      of the next.
//   3. A place is written once. A start appends to a new segment, never to an
//      old one; it copies what recovery delivered uncovered into that segment
//      and syncs it under another name before it takes its place.
//   4. After a write or sync that failed, every call is refused with the same
//      kStoreFenced error until a new start: what reached the disk is unknown.
//      Lack of space for a new segment is no such failure: the append is
//      refused, nothing is changed, a later one may succeed.
//
// A frame must fit its segment: for a frame larger than the segments are, one
// is made to its size, in the foreground, and not recycled.
//
// Append, Sync and AppendMarker belong to one thread at a time; the rest is
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"
#include "base/log.h"
#include "storage/log_format.h"
#include "storage/log_recovery.h"

namespace pallet::storage {

struct LogOptions {
  std::string directory;  // exists, and its own entry is synced
  FileSystem* file_system = FileSystem::Real();
  Logger* logger = Logger::Real();
  // The first segment of a start is small, so that an idle store is; each next
  // is four times as large up to the limit. Multiples of 512.
  uint64_t first_segment_bytes = uint64_t{1} << 20;
  uint64_t segment_bytes = uint64_t{64} << 20;
  size_t spare_segments = 4;  // truncated segments kept to be recycled
  uint64_t id_seed = 0;       // of segment ids; 0: drawn from real entropy
};

struct LogMetrics {
  uint64_t frames = 0;         // appended, markers too
  uint64_t bytes = 0;          // theirs, padding included
  uint64_t syncs = 0;          // that succeeded
  uint64_t segments = 0;       // files of the log now, the prepared one too
  uint64_t segment_bytes = 0;  // their sizes, spares too
  uint64_t segments_made = 0;  // zero-filled
  uint64_t segments_recycled = 0;
};

class Log {
 public:
  // `recovered` comes from RecoverLog on the same directory, just now. What
  // that delivered is durable only on return: make no checkpoint before.
  static absl::StatusOr<std::unique_ptr<Log>> Open(
      LogOptions options, const RecoveredLog& recovered);

  // As Close, without telling whether it worked.
  virtual ~Log() = default;

  // Writes the frame and clears the builder; durable only after Sync. On an
  // error the builder keeps its records. An empty builder makes a marker.
  virtual absl::StatusOr<FrameNumber> Append(FrameBuilder* builder) = 0;

  // On return everything appended is durable.
  virtual absl::Status Sync() = 0;

  // Covers what was synced since the last marker with one more frame, and syncs
  // it. For a store that goes idle; nothing to do if all is covered.
  virtual absl::Status AppendMarker() = 0;

  // Gives up the frames < `number`, as far as whole segments go. The newest
  // synced frame always stays: it tells a log that was lost from an empty one.
  virtual absl::Status TruncateBefore(FrameNumber number) = 0;

  // Syncs, appends the marker, gives unused space back. Nothing may follow.
  virtual absl::Status Close() = 0;

  // OK, or why every call is refused.
  virtual absl::Status Health() const = 0;
  virtual LogMetrics Metrics() const = 0;
  // The newest frame; 0: none was ever appended.
  virtual FrameNumber last_frame() const = 0;
};

}  // namespace pallet::storage
