// SPDX-License-Identifier: Apache-2.0
#include "storage/row_cursor.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/checked_value.h"
#include "storage/link_row.h"
#include "storage/row.h"

namespace pallet::storage {
namespace {

// Two LMDB cursors. `items_` stands on a short row, or on the outermost link of
// the long one; then `long_keys_` stands in the innermost link's keys, and
// `levels_` tells the way there.
class LongRowCursor final : public RowCursor {
 public:
  LongRowCursor(const lmdb::Transaction& transaction,
                const RowDatabases& databases, absl::string_view begin,
                absl::string_view end, std::unique_ptr<ReadAhead> read_ahead)
      : transaction_(transaction),
        databases_(databases),
        begin_(begin),
        end_(end),
        read_ahead_(std::move(read_ahead)) {}

  absl::Status SeekAtOrAfter(absl::string_view row_key) override {
    return Seek(std::max(row_key, absl::string_view(begin_)),
                Direction::kForward, /*strictly=*/false);
  }

  absl::Status SeekAtOrBefore(absl::string_view row_key) override {
    if (!end_.empty() && row_key >= end_) {
      return Seek(end_, Direction::kBackward, /*strictly=*/true);
    }
    return Seek(row_key, Direction::kBackward, /*strictly=*/false);
  }

  absl::Status Next() override {
    CHECK(valid_);
    valid_ = false;
    RETURN_IF_ERROR(at().Next());
    return Land(Direction::kForward);
  }

  absl::Status Previous() override {
    CHECK(valid_);
    valid_ = false;
    RETURN_IF_ERROR(at().Previous());
    return Land(Direction::kBackward);
  }

  bool Valid() const override { return valid_; }
  absl::string_view key() const override { return key_; }
  RowView row() const override { return row_; }

 private:
  // A link the cursor is behind.
  struct Level {
    std::string prefix;  // of its keys in long_keys
    size_t depth;        // how many bytes of the row key come before them
  };

  lmdb::Cursor& at() { return levels_.empty() ? *items_ : *long_keys_; }
  DatabaseId id() const {
    return levels_.empty() ? DatabaseId::kItems : DatabaseId::kLongKeys;
  }

  // The piece of the row key that the physical key under the cursor holds.
  absl::string_view Piece() {
    return levels_.empty() ? at().key() : at().key().substr(kLinkPrefixBytes);
  }

  bool InsideLevel() {
    return at().valid() &&
           (levels_.empty() ||
            at().key().substr(0, kLinkPrefixBytes) == levels_.back().prefix);
  }

  // To the first row at or after the key, or the last one at or before it
  // (strictly: before it).
  absl::Status Seek(absl::string_view row_key, Direction direction,
                    bool strictly) {
    valid_ = false;
    levels_.clear();
    if (!items_.has_value()) {
      ASSIGN_OR_RETURN(items_, transaction_.OpenCursor(databases_.items));
    }
    absl::string_view rest = row_key;
    std::string target(rest.substr(0, kLinkKeyBytes));
    rest.remove_prefix(target.size());
    while (true) {
      RETURN_IF_ERROR(at().SeekAtOrAfter(target));
      const bool exact = at().valid() && at().key() == target;
      if (!exact || target.size() < kLinkKeyBytes) {
        if (direction == Direction::kBackward && (!exact || strictly)) {
          RETURN_IF_ERROR(at().valid() ? at().Previous() : at().Last());
        }
        return Land(direction);
      }
      RETURN_IF_ERROR(EnterLink());
      target = levels_.back().prefix;
      const absl::string_view piece =
          rest.substr(0, kLinkKeyBytes - target.size());
      rest.remove_prefix(piece.size());
      target.append(piece.data(), piece.size());
    }
  }

  // The physical cursor was moved: finds the row it means in that direction.
  absl::Status Land(Direction direction) {
    while (true) {
      while (!InsideLevel()) {
        if (levels_.empty()) return absl::OkStatus();  // the end
        RETURN_IF_ERROR(LeaveLink(direction));
      }
      if (ABSL_PREDICT_TRUE(at().key().size() < kLinkKeyBytes)) {
        return Settle(direction);
      }
      RETURN_IF_ERROR(EnterLink());
      RETURN_IF_ERROR(direction == Direction::kForward ? SeekFirstInLink()
                                                       : SeekLastInLink());
      if (!InsideLevel()) {
        return DamagedRow(DatabaseId::kLongKeys, levels_.back().prefix,
                          "a link leads nowhere");
      }
    }
  }

  // From the link under the cursor to the level behind it.
  absl::Status EnterLink() {
    ASSIGN_OR_RETURN(const absl::string_view value,
                     CheckValue(id(), at().key(), at().value()));
    ASSIGN_OR_RETURN(const uint64_t link, DecodeLink(id(), at().key(), value));
    row_key_.resize(levels_.empty() ? 0 : levels_.back().depth);
    const absl::string_view piece = Piece();
    row_key_.append(piece.data(), piece.size());
    levels_.push_back({LinkPrefix(row_key_, link), row_key_.size()});
    if (!long_keys_.has_value()) {
      ASSIGN_OR_RETURN(long_keys_,
                       transaction_.OpenCursor(databases_.long_keys));
    }
    return absl::OkStatus();
  }

  absl::Status SeekFirstInLink() {
    return long_keys_->SeekAtOrAfter(levels_.back().prefix);
  }

  absl::Status SeekLastInLink() {
    const std::string end = PrefixEnd(levels_.back().prefix);
    if (end.empty()) return long_keys_->Last();
    RETURN_IF_ERROR(long_keys_->SeekAtOrAfter(end));
    return long_keys_->valid() ? long_keys_->Previous() : long_keys_->Last();
  }

  // Back to the link that led here, and past it.
  absl::Status LeaveLink(Direction direction) {
    const size_t link_end = levels_.back().depth;
    levels_.pop_back();
    if (!levels_.empty()) {
      const Level& outer = levels_.back();
      RETURN_IF_ERROR(long_keys_->SeekExact(
          outer.prefix + row_key_.substr(outer.depth, link_end - outer.depth)));
      CHECK(long_keys_->valid());  // we came from it in this transaction
    }
    return direction == Direction::kForward ? at().Next() : at().Previous();
  }

  // On a row: takes it if it is inside the bounds.
  absl::Status Settle(Direction direction) {
    if (levels_.empty()) {
      key_ = at().key();
      if (read_ahead_ != nullptr) read_ahead_->At(key_, direction);
    } else {
      row_key_.resize(levels_.back().depth);
      const absl::string_view piece = Piece();
      row_key_.append(piece.data(), piece.size());
      key_ = row_key_;
    }
    if (direction == Direction::kForward ? !end_.empty() && key_ >= end_
                                         : key_ < begin_) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const absl::string_view value,
                     CheckValue(id(), at().key(), at().value()));
    ASSIGN_OR_RETURN(row_, DecodeRow(value));
    valid_ = true;
    return absl::OkStatus();
  }

  const lmdb::Transaction& transaction_;
  const RowDatabases databases_;
  const std::string begin_, end_;
  const std::unique_ptr<ReadAhead> read_ahead_;
  std::optional<lmdb::Cursor> items_, long_keys_;  // opened when needed
  std::vector<Level> levels_;
  std::string row_key_;  // while behind a link: the row key as far as known
  bool valid_ = false;
  absl::string_view key_;
  RowView row_;
};

}  // namespace

std::unique_ptr<RowCursor> OpenRowCursor(
    const lmdb::Transaction& transaction, const RowDatabases& databases,
    absl::string_view begin, absl::string_view end,
    std::unique_ptr<ReadAhead> read_ahead) {
  return std::make_unique<LongRowCursor>(transaction, databases, begin, end,
                                         std::move(read_ahead));
}

}  // namespace pallet::storage
