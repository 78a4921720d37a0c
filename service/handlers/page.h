// SPDX-License-Identifier: Apache-2.0
//
// Pages: rows in key order, spliced into a response until 1 MB of them has been
// evaluated or a limit is met. Query, Scan and their streams read with this.
//
// The limits count items before the filter and before the projection.
//
// Invariants: (1) The item that crosses 1 MB is in the page. (2) A full page
// knows its last key, also when nothing is behind it. (3) A page that is not
// full has read its walk to the end.
//
// A page is read in one read transaction per range. Any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_host.h"
#include "model/expression/ast.h"
#include "model/index_place.h"
#include "model/key.h"

namespace pallet::service {

inline constexpr uint64_t kPageBytes = uint64_t{1} << 20;  // evaluated
inline constexpr uint32_t kItemsField = 1;  // repeated Item items

// Rows begin <= key < end of one partition; an empty end is the end of the
// database.
struct RowRange {
  const cluster::TablePartition* partition = nullptr;  // borrowed
  std::string begin;
  std::string end;

  bool Contains(absl::string_view row_key) const {
    return begin <= row_key && (end.empty() || row_key < end);
  }
};

// What is read, and in which direction.
struct Walk {
  std::vector<RowRange> ranges;  // ascending, not overlapping
  bool forward = true;
};

struct PageOptions {
  const model::KeySchema* schema = nullptr;
  // The rows are entries of an index of these keys.
  std::optional<model::IndexKeys> index = {};
  // With a local index: this table's keyspace, to return the items behind the
  // entries instead of these.
  std::optional<storage::KeyspaceId> items_of = {};
  bool with_items = true;                               // false: only counted
  int64_t limit = std::numeric_limits<int64_t>::max();  // evaluated items
  size_t reserve = 0;  // how many bytes of items to expect
  // Borrowed. Null: no item is hidden because it has expired.
  const cluster::Table* hides_expired_of = nullptr;
  // Borrowed; null: all items, whole.
  const model::expression::Expression* filter = nullptr;
  const model::expression::PathTree* projection = nullptr;
};

struct Page {
  // Encoded fields of number kItemsField.
  std::string items;
  int32_t count = 0;      // that passed the filter
  int32_t evaluated = 0;  // with those that did not
  uint64_t size = 0;      // of what was evaluated, by DynamoDB's rule
  // Of items behind entries: their number of 4 KB, each rounded up, and their
  // size; both beside `size`.
  uint64_t fetched_blocks = 0;
  uint64_t fetched_size = 0;
  // Of the last item, if the page is full.
  struct Last {
    std::string row_key;
    std::string key_item;  // canonical Item
  };
  std::optional<Last> last;
};

// Reads the page behind `after`, a row key; without it, from the walk's start.
absl::StatusOr<Page> ReadPage(cluster::PartitionHost& host, const Walk& walk,
                              std::optional<absl::string_view> after,
                              const PageOptions& options);

// A place in a walk for a client to come back to, and back. The walk's
// keyspace is in it; a token of another table, or of rows that are not in the
// walk, is kValidation.
//   token := 0x01 | row key
std::string EncodeResumeToken(absl::string_view row_key);
absl::StatusOr<std::string> DecodeResumeToken(const Walk& walk,
                                              absl::string_view token);

}  // namespace pallet::service
