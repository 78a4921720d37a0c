// SPDX-License-Identifier: Apache-2.0
#include "storage/admission.h"

#include <algorithm>

namespace pallet::storage {
namespace {

constexpr uint64_t kPageBytes = 4096;
// Two leaves, two branches, and what the list of free pages takes.
constexpr uint64_t kPagesPerRow = 5;
constexpr uint64_t kPagesPerBatch = 64;
constexpr absl::Duration kDiskAnswerHolds = absl::Milliseconds(100);

Room RoomOf(uint64_t free, uint64_t needed, uint64_t reserve) {
  if (free >= needed + reserve) return Room::kPlenty;
  if (free >= needed + reserve / 2) return Room::kDeletesOnly;
  return free >= needed ? Room::kControlOnly : Room::kNone;
}

}  // namespace

uint64_t WorstImageBytes(uint64_t rows, uint64_t bytes) {
  return (kPagesPerBatch + rows * kPagesPerRow) * kPageBytes + 2 * bytes;
}

Room Admission::Check(uint64_t rows, uint64_t bytes) {
  const uint64_t image_bytes = WorstImageBytes(rows, bytes);
  const uint64_t map_reserve =
      std::min(image_->usage().map_bytes / 8, uint64_t{64} << 20);
  const uint64_t log_bytes = bytes + rows * 64 + kPageBytes;
  const uint64_t disk_bytes = image_bytes + log_bytes;
  return std::max(
      RoomOf(FreeMap(image_bytes + map_reserve), image_bytes, map_reserve),
      RoomOf(FreeDisk(disk_bytes), disk_bytes, options_.free_disk_reserve));
}

// What the file may still grow and, only if that is not enough (it takes a look
// at the list of free pages), what may be used again in it.
uint64_t Admission::FreeMap(uint64_t enough) {
  const ImageUsage usage = image_->usage();
  const uint64_t beyond = usage.map_bytes - usage.allocated_bytes;
  if (beyond >= enough) return beyond;
  const auto reusable = checkpoints_->ReusableBytes();
  return beyond + (reusable.ok() ? *reusable : 0);
}

uint64_t Admission::FreeDisk(uint64_t needed) {
  const absl::Duration now = options_.clock->Monotonic();
  const bool fresh = now - asked_at_ < kDiskAnswerHolds &&
                     free_disk_ >= needed + options_.free_disk_reserve;
  if (!fresh) {
    const auto free = options_.file_system->FreeBytes(options_.directory);
    // A disk that cannot be asked is not known to be full; the log will tell.
    free_disk_ = free.ok() ? *free : UINT64_MAX;
    asked_at_ = now;
  }
  const uint64_t answer = free_disk_;
  free_disk_ -= std::min(free_disk_, needed);
  return answer;
}

}  // namespace pallet::storage
