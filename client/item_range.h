// SPDX-License-Identifier: Apache-2.0
//
// ItemRange: the items of a query or scan over all its pages, to be read by a
// range-for. Each element is an item or the error that ended the range, so that
// no error can be taken for the end:
//
//   for (const absl::StatusOr<Item>& item : client.QueryItems(request)) {
//     if (!item.ok()) return item.status();
//     std::cout << *item << "\n";
//   }
//
// Pages are fetched when the loop gets there; the loop waits for them. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "client/connection.h"

namespace pallet {

class ItemRange {
 public:
  explicit ItemRange(std::unique_ptr<PageStream> pages);
  ItemRange(ItemRange&&) = default;
  ItemRange& operator=(ItemRange&&) = default;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = absl::StatusOr<Item>;
    using difference_type = std::ptrdiff_t;
    using pointer = absl::StatusOr<Item>*;
    using reference = absl::StatusOr<Item>&;

    Iterator() = default;  // the end
    explicit Iterator(ItemRange* range) : range_(range) {}

    reference operator*() const { return *range_->current_; }
    pointer operator->() const { return &*range_->current_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    ItemRange* range_ = nullptr;
  };

  // The first element not read yet: a range is read once.
  Iterator begin();
  Iterator end() { return Iterator(); }

 private:
  // Moves to the next element; false at the end.
  bool Advance();

  std::unique_ptr<PageStream> pages_;
  ItemPage page_;
  size_t next_ = 0;  // in page_.items
  bool ended_ = false;
  std::optional<absl::StatusOr<Item>> current_;
};

// The pages of a Query (or Scan) made one by one: each call asks for
// the page behind the last one. The connection is shared: a range may outlive
// the client it came from.
std::unique_ptr<PageStream> PagesOf(std::shared_ptr<Connection> connection,
                                    QueryRequest request,
                                    const CallOptions& options);
std::unique_ptr<PageStream> PagesOf(std::shared_ptr<Connection> connection,
                                    ScanRequest request,
                                    const CallOptions& options);

}  // namespace pallet
