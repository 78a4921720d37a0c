// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/page.h"
#include "service/expiry/expiry_rows.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/condition.h"
#include "model/expression/projection.h"
#include "model/item_view.h"
#include "service/capacity.h"
#include "service/wire.h"
#include "storage/key_codec.h"

namespace pallet::service {
namespace {

constexpr char kTokenFormat = 0x01;

// The first possible row key behind this one.
std::string Successor(absl::string_view row_key) {
  std::string next(row_key);
  next.push_back('\0');
  return next;
}

// What is left of `range` behind `after`; false if nothing is.
bool Clip(std::optional<absl::string_view> after, bool forward,
          RowRange* range) {
  if (after.has_value()) {
    if (forward) {
      range->begin = std::max(range->begin, Successor(*after));
    } else if (range->end.empty() || *after < range->end) {
      range->end = std::string(*after);
    }
  }
  return range->end.empty() || range->begin < range->end;
}

class PageReader {
 public:
  PageReader(cluster::PartitionHost& host, const PageOptions& options)
      : host_(host), options_(options) {
    page_.items.reserve(options.reserve);
  }

  absl::Status Read(const RowRange& range, bool forward) {
    return host_.Read(
        *range.partition, [&](storage::ReadTransaction& transaction) {
          const std::unique_ptr<storage::RowCursor> cursor =
              transaction.Cursor(range.begin, range.end);
          RETURN_IF_ERROR(forward ? cursor->SeekAtOrAfter(range.begin)
                                  : cursor->SeekAtOrBefore(range.end));
          while (cursor->Valid()) {
            RETURN_IF_ERROR(Take(cursor->key(), cursor->row(), transaction));
            if (full()) break;
            RETURN_IF_ERROR(forward ? cursor->Next() : cursor->Previous());
          }
          return absl::OkStatus();
        });
  }

  bool full() const { return page_.last.has_value(); }
  Page Finish() { return std::move(page_); }

 private:
  absl::Status Take(absl::string_view row_key, const storage::RowView& row,
                    storage::ReadTransaction& transaction) {
    ++page_.evaluated;
    page_.size += row.item_size;
    absl::string_view item = row.item;
    if (options_.items_of.has_value()) {
      ASSIGN_OR_RETURN(item, Fetch(row_key, row, transaction));
    }
    if (Passes(item)) {
      ++page_.count;
      if (options_.with_items) AppendItem(item);
    }
    if (page_.evaluated < options_.limit &&
        page_.size + page_.fetched_size < kPageBytes) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(std::string key_item, KeyItemOf(row));
    page_.last = Page::Last{std::string(row_key), std::move(key_item)};
    return absl::OkStatus();
  }

  bool Passes(absl::string_view item) const {
    if (options_.hides_expired_of != nullptr &&
        IsHidden(*options_.hides_expired_of, item, host_.clock())) {
      return false;
    }
    return options_.filter == nullptr ||
           model::expression::Matches(*options_.filter, model::ItemView(item));
  }

  void AppendItem(absl::string_view item) {
    if (options_.projection == nullptr) {
      AppendField(kItemsField, item, &page_.items);
    } else {
      AppendField(kItemsField,
                  model::expression::Project(*options_.projection,
                                             model::ItemView(item)),
                  &page_.items);
    }
  }

  // The item that an entry stands for. The view lives as long as the read.
  absl::StatusOr<absl::string_view> Fetch(
      absl::string_view entry_key, const storage::RowView& entry,
      storage::ReadTransaction& transaction) {
    const model::IndexPlace place =
        model::PlaceOfItem(*options_.index, model::ItemView(entry.item));
    ASSIGN_OR_RETURN(const std::optional<storage::RowView> found,
                     transaction.Get(storage::RowKeyOfEntry(
                         *options_.items_of, entry_key, *place.table_key.sort,
                         place.key.sort.front())));
    if (!found.has_value()) {
      return model::MakeError(
          model::Reason::kDataLoss,
          absl::StrCat("an entry of the index by ",
                       options_.index->index.sort.front().name,
                       " has no item"));
    }
    page_.fetched_size += found->item_size;
    page_.fetched_blocks += ReadBlocks(found->item_size);
    return found->item;
  }

  absl::StatusOr<std::string> KeyItemOf(const storage::RowView& row) const {
    const model::ItemView item(row.item);
    if (options_.index.has_value()) {
      return model::EncodePlace(*options_.index,
                                model::PlaceOfItem(*options_.index, item));
    }
    ASSIGN_OR_RETURN(const model::Key key,
                     model::KeyOfItem(*options_.schema, item));
    return model::EncodeKeyItem(*options_.schema, key);
  }

  cluster::PartitionHost& host_;
  const PageOptions options_;
  Page page_;
};

}  // namespace

absl::StatusOr<Page> ReadPage(cluster::PartitionHost& host, const Walk& walk,
                              std::optional<absl::string_view> after,
                              const PageOptions& options) {
  PageReader reader(host, options);
  const size_t size = walk.ranges.size();
  for (size_t i = 0; i < size && !reader.full(); ++i) {
    RowRange range = walk.ranges[walk.forward ? i : size - 1 - i];
    if (!Clip(after, walk.forward, &range)) continue;
    RETURN_IF_ERROR(reader.Read(range, walk.forward));
  }
  return reader.Finish();
}

std::string EncodeResumeToken(absl::string_view row_key) {
  std::string token(1, kTokenFormat);
  token.append(row_key.data(), row_key.size());
  return token;
}

absl::StatusOr<std::string> DecodeResumeToken(const Walk& walk,
                                              absl::string_view token) {
  if (!token.empty() && token.front() == kTokenFormat) {
    token.remove_prefix(1);
    for (const RowRange& range : walk.ranges) {
      if (range.Contains(token)) return std::string(token);
    }
  }
  return model::ValidationError(
      "The resume token does not belong to this request");
}

}  // namespace pallet::service
