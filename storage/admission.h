// SPDX-License-Identifier: Apache-2.0
//
// Admission: whether map and disk have room for a batch before it is logged. A
// batch that is in the log must find room in the image, or the store is fenced;
// so what may not fit is refused while nothing is done yet.
//
// Room for deletes is kept when there is none for puts, and room for dropping
// partitions when there is none for deletes: a full store can be emptied. It
// serves again by itself when there is room.
//
// Used inside the evaluate stage only; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file.h"
#include "storage/checkpoint.h"
#include "storage/image.h"

namespace pallet::storage {

enum class Room { kPlenty, kDeletesOnly, kControlOnly, kNone };

class Admission {
 public:
  struct Options {
    std::string directory;
    uint64_t free_disk_reserve = 0;
    Clock* clock = nullptr;
    FileSystem* file_system = nullptr;
  };

  Admission(Options options, const Image* image, Checkpoints* checkpoints)
      : options_(std::move(options)),
        image_(image),
        checkpoints_(checkpoints) {}

  // For a batch that changes `rows` rows with `bytes` bytes.
  Room Check(uint64_t rows, uint64_t bytes);

 private:
  uint64_t FreeMap(uint64_t enough);
  uint64_t FreeDisk(uint64_t needed);

  const Options options_;
  const Image* const image_;
  Checkpoints* const checkpoints_;
  // What the disk had when last asked, less what was admitted since.
  uint64_t free_disk_ = 0;
  absl::Duration asked_at_ = -absl::InfiniteDuration();
};

// The most that such a batch takes from the image's map: every row on a leaf of
// its own, split, under a branch of its own; LMDB copies each page it changes.
uint64_t WorstImageBytes(uint64_t rows, uint64_t bytes);

}  // namespace pallet::storage
