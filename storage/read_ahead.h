// SPDX-License-Identifier: Apache-2.0
//
// Read-ahead for scans: asks the kernel for the pages a cursor comes to next.
//
// The image is opened without the kernel's own read-ahead, which would read 32
// pages for each row that is looked up. A scan of a table reads leaf pages that
// lie anywhere in the file (rows are spread by their hash), so it must know
// which they are: the branch page above the leaf tells. That is the one place
// where we read LMDB's pages ourselves (data format 1, 64 bits):
//
//   page   := number u64 | pad u16 | flags u16 | lower u16 | upper u16 |
//             node offset u16*            -- (lower - 16) / 2 of them
//   node   := low u16 | high u16 | flags u16 | key size u16 | key | value
//             -- of a branch: low, high, flags make the child's page number;
//                of a leaf with flags 1: value is a number u64 of the first of
//                a run of pages that begins with a page header (run length u32
//                in place of lower and upper) and holds the value
//   record := pad u32 | flags u16 | depth u16 | counts u64 * 4 | root u64
//             -- of a named database, as the value of its name in the main one
//
// Everything is a hint: a page that looks strange ends the read-ahead, never the
// scan. Little endian, as the machine.
//
// One per cursor, of a read transaction; gone before that.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"

namespace pallet::storage {

enum class Direction { kForward, kBackward };

class ReadAhead {
 public:
  // `record` is the record of the database, viewed inside the map by a read
  // transaction. Null if it does not look like one.
  static std::unique_ptr<ReadAhead> Create(absl::string_view record,
                                           uint64_t page_size,
                                           uint64_t page_count);

  // The cursor stands on this key, as viewed in the map. Nearly free while it
  // stays on the same leaf page; nothing is asked for before the third leaf.
  void At(absl::string_view key, Direction direction) {
    const uintptr_t leaf = PageOf(key.data());
    if (leaf != leaf_) EnterLeaf(leaf, key, direction);
  }

 private:
  // The nodes of a page that lies whole in the map.
  struct Page;

  ReadAhead(const char* map, uint64_t root, int depth, uint64_t page_size,
            uint64_t page_count);

  uintptr_t PageOf(const char* address) const {
    return reinterpret_cast<uintptr_t>(address) & ~(page_size_ - 1);
  }
  void EnterLeaf(uintptr_t leaf, absl::string_view key, Direction direction);
  // The next `count` leaves after that of `key`, in order.
  std::vector<uint64_t> LeavesAfter(absl::string_view key, Direction direction,
                                    size_t count) const;
  bool Load(uint64_t number, Page* page) const;
  void AskForLongValues(uintptr_t leaf);
  void AskFor(std::vector<uint64_t> pages);
  bool IsInMemory(uint64_t page) const;

  const char* const map_;
  const uint64_t root_;
  const int depth_;
  const uint64_t page_size_;
  const uint64_t page_count_;
  const bool fits_in_memory_;

  uintptr_t leaf_ = 0;  // where the cursor is
  Direction direction_ = Direction::kForward;
  uint64_t leaves_ = 0;  // it came through, in that direction
  size_t window_ = 4;    // how many to ask for at once
  size_t asked_ = 0;     // leaves ahead of it that were asked for
  bool ended_ = false;   // there are no further ones to ask for
  bool cold_ = false;    // the last pages it looked for were not all there
};

}  // namespace pallet::storage
