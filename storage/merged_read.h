// SPDX-License-Identifier: Apache-2.0
//
// MergedRead: the rows of the image with those of memtables before them, as one
// state. Of a row that several know the newest version counts.
//
// Keys and rows are views into the image's transaction and the memtables, both
// of which outlive this. One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/memtable.h"
#include "storage/store.h"

namespace pallet::storage {

class MergedRead final : public ReadTransaction {
 public:
  // Of each memtable (newest first) the versions up to batch `up_to`.
  MergedRead(std::vector<const Memtable*> memtables, uint64_t up_to,
             ReadTransaction* image)
      : memtables_(std::move(memtables)), up_to_(up_to), image_(image) {}

  absl::StatusOr<std::optional<RowView>> Get(
      absl::string_view row_key) override;
  std::unique_ptr<RowCursor> Cursor(absl::string_view begin,
                                    absl::string_view end) override;

 private:
  const std::vector<const Memtable*> memtables_;
  const uint64_t up_to_;
  ReadTransaction* const image_;
};

}  // namespace pallet::storage
