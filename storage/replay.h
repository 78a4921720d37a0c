// SPDX-License-Identifier: Apache-2.0
//
// Replay: brings the image from its checkpoint to the end of the log, in large
// transactions. The log itself decides which frames count (log_recovery.h); in
// one copy each record that counts follows the one before, so an index that
// does not is damage.
//
// The image must be pinned at its checkpoint before the first Deliver: a crash
// during replay starts again from there. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/batch_records.h"
#include "storage/image.h"
#include "storage/log_recovery.h"
#include "storage/partition_state.h"

namespace pallet::storage {

class Replay {
 public:
  // Reads the partitions as the image has them.
  static absl::StatusOr<Replay> Begin(Image* image);

  absl::Status Deliver(const FrameView& frame);
  // Commits the rest.
  absl::Status Finish();

  std::vector<PartitionState> partitions() const;
  uint64_t frames() const { return frames_; }  // without markers

 private:
  explicit Replay(Image* image) : image_(image) {}

  Image* image_;
  PartitionStates partitions_;
  std::optional<ImageWrite> write_;  // open between frames
  uint64_t bytes_in_write_ = 0;
  uint64_t frames_ = 0;
};

}  // namespace pallet::storage
