// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/page.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/status_macros.h"
#include "model/errors.h"
#include "model/item_view.h"
#include "service/wire.h"

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
            RETURN_IF_ERROR(Take(cursor->key(), cursor->row()));
            if (full()) break;
            RETURN_IF_ERROR(forward ? cursor->Next() : cursor->Previous());
          }
          return absl::OkStatus();
        });
  }

  bool full() const { return page_.last.has_value(); }
  Page Finish() { return std::move(page_); }

 private:
  absl::Status Take(absl::string_view row_key, const storage::RowView& row) {
    ++page_.count;
    page_.size += row.item_size;
    if (options_.with_items) AppendField(kItemsField, row.item, &page_.items);
    if (page_.count < options_.limit && page_.size < kPageBytes) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(
        const model::Key key,
        model::KeyOfItem(*options_.schema, model::ItemView(row.item)));
    page_.last = Page::Last{std::string(row_key),
                            model::EncodeKeyItem(*options_.schema, key)};
    return absl::OkStatus();
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
