// SPDX-License-Identifier: Apache-2.0
//
// Log recovery: reads what a log holds after any end of the process or the
// machine, and decides what is a torn tail and what is damage.
//
// Sectors that were not synced reach the disk in any order or not at all, so a
// frame that is not sound is ordinary at the end and data loss before it. The
// rule: where the next frame of the chain, number n, is not sound, that is
// DAMAGE if a sound frame header anywhere later says that frame n was synced;
// otherwise the log ends there, and what is behind it never counted.
//
// What follows from it:
//   1. What is delivered is a prefix of what was appended with every frame that
//      was followed by a Sync that succeeded, or the answer is kDataLoss.
//   2. A stated limit: damage in the frames after the last that a later frame
//      covers cannot be told from a torn tail. The writer appends a marker when
//      it goes idle or closes, which covers all before it.
//   3. Frames that are delivered and not covered may be in the page cache only,
//      also after a sync that failed. Log::Open copies them to its new segment
//      and syncs it; until then the old places stay as they are. Nothing is
//      repaired in place: the evidence stays until the segments are truncated.
//
// Reads only. One thread; no other process may use the directory meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "storage/log_format.h"

namespace pallet::storage {

// A frame on its way to the image; what it views dies with the call.
struct FrameView {
  FrameNumber number;
  absl::Span<const RecordView> records;  // none: a marker
};

// A segment file that recovery found.
struct RecoveredSegment {
  SegmentHeader header;
  uint64_t file_bytes = 0;
  FrameNumber last_frame;  // in it or, if it holds none, before it
};

// Where a frame lies that no later frame covers.
struct UncoveredFrame {
  LogPosition position;
  FrameHeader header;
};

struct RecoveredLog {
  std::vector<RecoveredSegment> segments;  // oldest first
  FrameNumber last_frame;                  // 0: none was ever appended
  uint64_t last_checksum = 0;              // of last_frame
  bool ends_with_marker = false;           // last_frame is one
  std::vector<UncoveredFrame> uncovered;   // oldest first, markers too
  uint64_t frames = 0;                     // delivered
  uint64_t bytes = 0;                      // theirs
  bool torn_tail = false;  // traces of frames behind the end were seen
  LogPosition end;         // where the log ends
};

// Delivers, in order, every frame with a number > `after` (what the checkpoint
// holds; 0 if there is none). Stops at the first error of `deliver` and returns
// it.
//
// kDataLoss, naming file and offset: damage as above; a log that begins after
// or ends before the frame `after`. kFailedPrecondition: a newer format.
absl::StatusOr<RecoveredLog> RecoverLog(
    FileSystem* file_system, const std::string& directory, FrameNumber after,
    absl::FunctionRef<absl::Status(const FrameView&)> deliver);

}  // namespace pallet::storage
