// SPDX-License-Identifier: Apache-2.0
#include "storage/byte_arena.h"

#include <algorithm>
#include <cstring>

namespace pallet::storage {

char* ByteArena::Allocate(size_t size) {
  used_bytes_ += size;
  if (current_ < blocks_.size() && size <= blocks_[current_].size - filled_) {
    char* place = blocks_[current_].bytes.get() + filled_;
    filled_ += size;
    return place;
  }
  return AllocateInNewBlock(size);
}

char* ByteArena::AllocateInNewBlock(size_t size) {
  if (current_ < blocks_.size()) ++current_;
  if (current_ == blocks_.size() || blocks_[current_].size < size) {
    const size_t block_size = std::max(size, kBlockBytes);
    // for_overwrite: the caller writes every byte it asked for.
    blocks_.insert(
        blocks_.begin() + current_,
        Block{std::make_unique_for_overwrite<char[]>(block_size), block_size});
  }
  filled_ = size;
  return blocks_[current_].bytes.get();
}

absl::string_view ByteArena::Copy(absl::string_view bytes) {
  if (bytes.empty()) return {};
  char* place = Allocate(bytes.size());
  std::memcpy(place, bytes.data(), bytes.size());
  return {place, bytes.size()};
}

void ByteArena::Reset() {
  size_t kept_bytes = 0;
  size_t kept = 0;
  while (kept < blocks_.size() &&
         kept_bytes + blocks_[kept].size <= kKeptBytes) {
    kept_bytes += blocks_[kept].size;
    ++kept;
  }
  blocks_.resize(kept);
  current_ = 0;
  filled_ = 0;
  used_bytes_ = 0;
}

}  // namespace pallet::storage
