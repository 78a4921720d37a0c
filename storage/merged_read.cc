// SPDX-License-Identifier: Apache-2.0
#include "storage/merged_read.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/row.h"

namespace pallet::storage {
namespace {

// All sources stand at or beyond the current key, in the direction of the walk;
// those that stand on it are the versions of the current row.
class MergedCursor final : public RowCursor {
 public:
  MergedCursor(const std::vector<const Memtable*>& memtables, uint64_t up_to,
               std::unique_ptr<RowCursor> image, absl::string_view begin,
               absl::string_view end)
      : image_(std::move(image)), begin_(begin), end_(end) {
    for (const Memtable* memtable : memtables) {
      memtables_.emplace_back(memtable, up_to);
    }
  }

  absl::Status SeekAtOrAfter(absl::string_view row_key) override {
    valid_ = false;
    RETURN_IF_ERROR(
        PlaceAtOrAfter(std::max(row_key, absl::string_view(begin_))));
    return SettleForward();
  }

  absl::Status SeekAtOrBefore(absl::string_view row_key) override {
    valid_ = false;
    RETURN_IF_ERROR(PlaceAtOrBefore(row_key));
    return SettleBackward();
  }

  absl::Status Next() override {
    CHECK(valid_);
    valid_ = false;
    if (!forward_) RETURN_IF_ERROR(PlaceAtOrAfter(key_));
    RETURN_IF_ERROR(PassForward());
    return SettleForward();
  }

  absl::Status Previous() override {
    CHECK(valid_);
    valid_ = false;
    if (forward_) RETURN_IF_ERROR(PlaceAtOrBefore(key_));
    RETURN_IF_ERROR(PassBackward());
    return SettleBackward();
  }

  bool Valid() const override { return valid_; }
  absl::string_view key() const override { return key_; }
  RowView row() const override { return row_; }

 private:
  absl::Status PlaceAtOrAfter(absl::string_view key) {
    forward_ = true;
    for (Memtable::Cursor& cursor : memtables_) cursor.SeekAtOrAfter(key);
    return image_->SeekAtOrAfter(key);
  }

  absl::Status PlaceAtOrBefore(absl::string_view key) {
    forward_ = false;
    const bool beyond = !end_.empty() && key >= end_;
    for (Memtable::Cursor& cursor : memtables_) {
      if (!beyond) {
        cursor.SeekAtOrAfter(key);
        if (cursor.valid() && cursor.key() == key) continue;
      }
      cursor.SeekBefore(beyond ? absl::string_view(end_) : key);
    }
    return image_->SeekAtOrBefore(key);
  }

  // Moves those that stand on the current key.
  absl::Status PassForward() {
    for (Memtable::Cursor& cursor : memtables_) {
      if (cursor.valid() && cursor.key() == key_) cursor.Next();
    }
    if (image_->Valid() && image_->key() == key_) return image_->Next();
    return absl::OkStatus();
  }

  absl::Status PassBackward() {
    for (Memtable::Cursor& cursor : memtables_) {
      if (cursor.valid() && cursor.key() == key_) cursor.Previous();
    }
    if (image_->Valid() && image_->key() == key_) return image_->Previous();
    return absl::OkStatus();
  }

  // The image's cursor keeps to the bounds by itself.
  bool IsInside(const Memtable::Cursor& cursor) const {
    return cursor.valid() && cursor.key() >= begin_ &&
           (end_.empty() || cursor.key() < end_);
  }

  // Takes the nearest row; passes those that were deleted.
  absl::Status SettleForward() {
    while (true) {
      const Memtable::Cursor* newest = nullptr;
      for (const Memtable::Cursor& cursor : memtables_) {
        if (!IsInside(cursor)) continue;
        if (newest == nullptr || cursor.key() < newest->key()) newest = &cursor;
      }
      const bool image_first =
          image_->Valid() &&
          (newest == nullptr || image_->key() < newest->key());
      ASSIGN_OR_RETURN(const bool settled, Take(newest, image_first));
      if (settled) return absl::OkStatus();
      RETURN_IF_ERROR(PassForward());
    }
  }

  absl::Status SettleBackward() {
    while (true) {
      const Memtable::Cursor* newest = nullptr;
      for (const Memtable::Cursor& cursor : memtables_) {
        if (!IsInside(cursor)) continue;
        if (newest == nullptr || cursor.key() > newest->key()) newest = &cursor;
      }
      const bool image_first =
          image_->Valid() &&
          (newest == nullptr || image_->key() > newest->key());
      ASSIGN_OR_RETURN(const bool settled, Take(newest, image_first));
      if (settled) return absl::OkStatus();
      RETURN_IF_ERROR(PassBackward());
    }
  }

  // True if that was the end or a row; false for one that is deleted.
  absl::StatusOr<bool> Take(const Memtable::Cursor* newest, bool image_first) {
    if (image_first) {
      key_.assign(image_->key().data(), image_->key().size());
      row_ = image_->row();
      return valid_ = true;
    }
    if (newest == nullptr) return true;
    key_.assign(newest->key().data(), newest->key().size());
    if (newest->row().empty()) return false;
    ASSIGN_OR_RETURN(row_, DecodeRow(newest->row()));
    return valid_ = true;
  }

  std::vector<Memtable::Cursor> memtables_;  // newest first
  const std::unique_ptr<RowCursor> image_;
  const std::string begin_, end_;
  bool forward_ = true;
  bool valid_ = false;
  std::string key_;
  RowView row_;
};

}  // namespace

absl::StatusOr<std::optional<RowView>> MergedRead::Get(
    absl::string_view row_key) {
  for (const Memtable* memtable : memtables_) {
    const std::optional<absl::string_view> row =
        memtable->Find(row_key, up_to_);
    if (!row.has_value()) continue;
    if (row->empty()) return std::nullopt;
    ASSIGN_OR_RETURN(const RowView view, DecodeRow(*row));
    return view;
  }
  return image_->Get(row_key);
}

std::unique_ptr<RowCursor> MergedRead::Cursor(absl::string_view begin,
                                              absl::string_view end) {
  return std::make_unique<MergedCursor>(memtables_, up_to_,
                                        image_->Cursor(begin, end), begin, end);
}

}  // namespace pallet::storage
