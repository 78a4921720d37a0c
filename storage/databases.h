// SPDX-License-Identifier: Apache-2.0
//
// Every named database of an image: the whole disk on one page.
//
//   database    key                                             value
//   meta        name                                            see image.cc
//   items       keyspace u32 | hash u64 | partition | sort*     row (row.h)
//   long_keys   keyspace u32 | hash u64 | link u64 | rest       row (long_key.h)
//   changes     lineage u64 | change seq u64                    change record
//   expiry      keyspace u32 | epoch seconds u64 | hash u64 |
//               sha256(row key)                                 row key
//   cursors     index partition u64 | source lineage u64        seq, sealed
//   partitions  partition u64                                   partition state
//   locks       keyspace u32 | hash u64 | sha256(row key)       prepared write
//   txns        keyspace u32 | hash u64 | token                 ledger record
//   tokens      keyspace u32 | hash u64 | token                 remembered reply
//   collections keyspace u32 | hash u64 | partition             bytes
//
// Integers are big endian, so that key order is numeric order. `items` is one
// logical database with `long_keys`: whoever uses the image sees row keys of
// any length in `items` and never touches `long_keys` (long_key.h). Keys of the
// others have at most lmdb::kMaxKeyBytes bytes. Each stored value is preceded
// by a checksum (image.h).
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace pallet::storage {

// The numbers are in the log: never change or reuse one.
enum class DatabaseId : uint8_t {
  kMeta = 0,
  kItems = 1,
  kLongKeys = 2,
  kChanges = 3,
  kExpiry = 4,
  kCursors = 5,
  kPartitions = 6,
  kLocks = 7,
  kTransactions = 8,
  kTokens = 9,
  kCollections = 10,
};

struct DatabaseInfo {
  DatabaseId id;
  absl::string_view name;
  uint32_t format;  // of its keys and values, kept in `meta`
  // May be named by an effect; the others are the image's own.
  bool public_to_effects;
};

// In the order of their ids.
inline constexpr std::array<DatabaseInfo, 11> kDatabases = {{
    {DatabaseId::kMeta, "meta", 1, false},
    {DatabaseId::kItems, "items", 1, true},
    {DatabaseId::kLongKeys, "long_keys", 1, false},
    {DatabaseId::kChanges, "changes", 1, true},
    {DatabaseId::kExpiry, "expiry", 1, true},
    {DatabaseId::kCursors, "cursors", 1, true},
    {DatabaseId::kPartitions, "partitions", 1, true},
    {DatabaseId::kLocks, "locks", 1, true},
    {DatabaseId::kTransactions, "txns", 1, true},
    {DatabaseId::kTokens, "tokens", 1, true},
    {DatabaseId::kCollections, "collections", 1, true},
}};

inline constexpr const DatabaseInfo& InfoOf(DatabaseId id) {
  return kDatabases[static_cast<size_t>(id)];
}

// Whether an effect may name this number: for bytes that come from a log.
inline constexpr bool IsEffectDatabase(uint8_t number) {
  return number < kDatabases.size() && kDatabases[number].public_to_effects;
}

}  // namespace pallet::storage
