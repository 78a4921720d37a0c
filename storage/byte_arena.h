// SPDX-License-Identifier: Apache-2.0
//
// ByteArena: copies bytes to places that do not move until Reset.
//
// A batch keeps its keys and rows in one, so that the overlay and the log
// work on the same bytes; a memtable has one of its own. One thread at a time.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"

namespace pallet::storage {

class ByteArena {
 public:
  ByteArena() = default;
  ByteArena(const ByteArena&) = delete;
  ByteArena& operator=(const ByteArena&) = delete;

  // `size` bytes to be written by the caller.
  char* Allocate(size_t size);

  absl::string_view Copy(absl::string_view bytes);

  // Forgets everything; keeps at most kKeptBytes for the next use.
  void Reset();

  // Given out since the last Reset.
  size_t used_bytes() const { return used_bytes_; }

  static constexpr size_t kBlockBytes = size_t{128} << 10;
  static constexpr size_t kKeptBytes = size_t{1} << 20;

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };

  char* AllocateInNewBlock(size_t size);

  std::vector<Block> blocks_;
  size_t current_ = 0;  // blocks_[current_] is being filled
  size_t filled_ = 0;   // bytes of it
  size_t used_bytes_ = 0;
};

}  // namespace pallet::storage
