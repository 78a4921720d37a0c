// SPDX-License-Identifier: Apache-2.0
#include "storage/overlay.h"

#include <algorithm>

#include "base/check.h"

namespace pallet::storage {

const PendingRow* PendingRows::Find(absl::string_view row_key) const {
  const auto found = rows_.find(row_key);
  return found == rows_.end() ? nullptr : &found->second;
}

void PendingRows::Set(absl::string_view row_key, PendingRow row) {
  const auto [place, is_new] = rows_.try_emplace(row_key, row);
  if (is_new) {
    undo_.push_back({row_key, absl::nullopt});
  } else {
    undo_.push_back({row_key, place->second});
    place->second = row;
  }
}

void PendingRows::TakeBack() {
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
    if (undo->before.has_value()) {
      rows_[undo->row_key] = *undo->before;
    } else {
      rows_.erase(undo->row_key);
    }
  }
  undo_.clear();
}

void PendingRows::Clear() {
  rows_.clear();
  undo_.clear();
}

void Overlay::Add(uint64_t number, const PendingRows* rows) {
  CHECK(pending_.empty() || pending_.back().number < number);
  pending_.push_back({number, rows});
}

void Overlay::Forget(uint64_t number) {
  const auto first_kept =
      std::find_if(pending_.begin(), pending_.end(),
                   [&](const Pending& p) { return p.number > number; });
  pending_.erase(pending_.begin(), first_kept);
}

const PendingRow* Overlay::Find(absl::string_view row_key) const {
  for (auto batch = pending_.rbegin(); batch != pending_.rend(); ++batch) {
    if (const PendingRow* row = batch->rows->Find(row_key)) return row;
  }
  return nullptr;
}

}  // namespace pallet::storage
