// SPDX-License-Identifier: Apache-2.0
//
// EntryRun: entries that are to be put into one partition of an index, gathered
// in any order and taken in the order of their keys. Entries that are neighbours
// share pages on their way to the disk: in order, a page is written once for all
// of them, not once for each.
//
//   run.Add(entry_key, bytes, size);  ...  run.Sort();
//   while (!run.empty()) { send(run.Next(1000, 1 << 20)); run.Pass(sent); }
//
// Keys and bytes are borrowed. A value; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "gsi/index_batch.h"

namespace pallet::gsi {

class EntryRun {
 public:
  static constexpr size_t kBytesPerEntry =
      48;  // of memory, beside what it borrows

  // No two have one key.
  void Add(absl::string_view entry_key, absl::string_view bytes, uint32_t size);
  void Sort();

  // The next ones in order: at most so many, and no more once they have so many
  // bytes. REQUIRES: Sort was called; not empty.
  std::vector<Mutation> Next(uint64_t entries, uint64_t bytes) const;
  // So many of them have been taken.
  void Pass(size_t entries);

  bool empty() const { return next_ == entries_.size(); }

 private:
  struct Entry {
    uint64_t order;  // the key's hash: decides nearly every comparison
    absl::string_view key, bytes;
    uint32_t size;
  };
  static_assert(sizeof(Entry) == kBytesPerEntry);

  std::vector<Entry> entries_;
  size_t next_ = 0;
};

}  // namespace pallet::gsi
