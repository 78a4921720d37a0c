// SPDX-License-Identifier: Apache-2.0
#include "gsi/entry_run.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "storage/key_codec.h"

namespace pallet::gsi {

void EntryRun::Add(absl::string_view entry_key, absl::string_view bytes,
                   uint32_t size) {
  CHECK(!bytes.empty());  // that would be a delete
  entries_.push_back(
      {storage::HashOfRowKey(entry_key), entry_key, bytes, size});
}

void EntryRun::Sort() {
  // One keyspace: the hash is the first in which keys differ.
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) {
              return a.order != b.order ? a.order < b.order : a.key < b.key;
            });
}

std::vector<Mutation> EntryRun::Next(uint64_t entries, uint64_t bytes) const {
  CHECK(!empty());
  std::vector<Mutation> mutations;
  mutations.reserve(std::min<uint64_t>(entries, entries_.size() - next_));
  uint64_t taken = 0;
  for (size_t at = next_; at < entries_.size() && mutations.size() < entries &&
                          (taken < bytes || mutations.empty());
       ++at) {
    const Entry& entry = entries_[at];
    mutations.push_back(
        {std::string(entry.key), std::string(entry.bytes), entry.size});
    taken += entry.key.size() + entry.bytes.size();
  }
  return mutations;
}

void EntryRun::Pass(size_t entries) {
  CHECK_LE(entries, entries_.size() - next_);
  next_ += entries;
}

}  // namespace pallet::gsi
