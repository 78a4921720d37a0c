// SPDX-License-Identifier: Apache-2.0
//
// Long keys: rows under keys of any length in a store whose keys end at 511
// bytes, in memcmp order.
//
//   A key of less than 511 bytes is itself a key of `items`. Of a longer one,
//   or one of just 511 bytes, `items` holds the first 511 with a link row
//
//     link row := format u8 = 1 | flags u8 = 1 | link id u64
//
//   and the rest lives in `long_keys` under keyspace u32 | hash u64 | link id |
//   rest, cut again in the same way if that reaches 511 bytes. So a physical
//   key of 511 bytes always is a link, a shorter one always is a row, and the
//   rows whose keys share the first 511 bytes stand, in order, behind one link.
//
// What always holds after a commit:
//   1. Every link leads to at least one row; every key of `long_keys` has a
//      link. (A link goes with its last row.)
//   2. Link ids count up from 1 and are never used again; the next one is the
//      row kNextLink of `meta`.
//
// row_cursor.h walks them. Pure bookkeeping within the caller's transaction;
// threads as there. On disk since format 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/lmdb.h"

namespace pallet::storage {

// A sanity bound far beyond any key DynamoDB's limits allow.
inline constexpr size_t kMaxRowKeyBytes = 64 * 1024;

inline constexpr absl::string_view kNextLink = "next link";

struct RowDatabases {
  lmdb::Database items;
  lmdb::Database long_keys;
  lmdb::Database meta;
};

// The stored value of a row (row.h), its checksum checked, or nullopt.
absl::StatusOr<std::optional<absl::string_view>> FindRow(
    const lmdb::Transaction& transaction, const RowDatabases& databases,
    absl::string_view row_key);

// REQUIRES: the key has at most kMaxRowKeyBytes, and at least
// kRowKeyPrefixBytes if it is a long one.
absl::Status PutRow(lmdb::WriteTransaction& transaction,
                    const RowDatabases& databases, absl::string_view row_key,
                    absl::string_view row);

// Nothing happens if it is not there.
absl::Status DeleteRow(lmdb::WriteTransaction& transaction,
                       const RowDatabases& databases,
                       absl::string_view row_key);

// Invariants 1 and 2, and every checksum. kDataLoss names the first breach.
absl::Status VerifyRows(const lmdb::Transaction& transaction,
                        const RowDatabases& databases);

}  // namespace pallet::storage
