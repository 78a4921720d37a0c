// SPDX-License-Identifier: Apache-2.0
//
// Key codec: turns keys into bytes whose memcmp order is DynamoDB's order.
//
//   row key   := keyspace u32 | hash u64 | partition | sort?      (big endian)
//   partition := value                     -- if at most 64 bytes
//              | 0x7F sha256(value)   -- otherwise: equality is all it needs
//   sort      := value
//   entry key := keyspace u32 | hash u64 | partition | index sort | sort
//                -- of an item in a local index: ties in the table's order
//   global entry key := keyspace u32 | hash u64 | partition | sort* | item
//                -- of an item in a global index; `partition` is of the values
//                of all partition attributes, one behind the other
//   item      := partition | sort?   -- as in the item's row key
//   value     := 0x01 string | 0x02 number | 0x03 binary
//   string, binary := (byte | 0x00 0xFF)* 0x00 0x00
//                     -- zeros escaped, so that no key is a prefix of another
//   number    := model::Number's ordered bytes (number.h)
//
// Invariants, for sort parts of one type: (1) Decode(Encode(v)) == v.
// (2) a < b  <=>  Encode(a) < Encode(b).  (3) none is a prefix of another.
// Pure functions; safe from any thread. On disk since format 1: change only
// with a migration and an ADR. Row keys have no length limit here; the image
// splits those beyond LMDB's 511 bytes (long_key.h).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/global_index.h"
#include "model/key.h"
#include "storage/ids.h"

namespace pallet::storage {

inline constexpr size_t kRowKeyPrefixBytes = 12;  // keyspace and hash

// REQUIRES: the values passed model's key validation (KeyOfItem and the like).
std::string EncodeKeyValue(const model::KeyValue& value);

// Returns kDataLoss if `bytes` do not start with what EncodeKeyValue made.
// Consumes it from the front of `bytes`.
absl::StatusOr<model::KeyValue> DecodeKeyValue(absl::string_view* bytes);

// Where the item collection lives: XXH3-64 of the encoded partition value with
// the cluster's seed.
uint64_t PlacementHash(const model::KeyValue& partition, uint64_t seed);

// keyspace | hash | partition: the prefix all rows of an item collection share.
std::string CollectionPrefix(KeyspaceId keyspace,
                             const model::KeyValue& partition, uint64_t seed);

// The whole row key.
std::string RowKey(KeyspaceId keyspace, const model::Key& key, uint64_t seed);

// The key of an item's entry in a local index, and back. `row_key` is the
// item's, `sort` its sort key, `index_sort` its value of the index's.
std::string IndexRowKey(KeyspaceId index, absl::string_view row_key,
                        const model::KeyValue& sort,
                        const model::KeyValue& index_sort);
std::string RowKeyOfEntry(KeyspaceId table, absl::string_view entry_key,
                          const model::KeyValue& sort,
                          const model::KeyValue& index_sort);

// The same of several partition attributes: rows of a global index.
std::string CollectionPrefix(KeyspaceId keyspace,
                             absl::Span<const model::KeyValue> partition,
                             uint64_t seed);

// The CollectionPrefix in the row key of an item. REQUIRES: RowKey made it.
absl::string_view CollectionPrefixOf(absl::string_view row_key);

// What tells an item of its table from all others: its row key without keyspace
// and hash. REQUIRES: size >= kRowKeyPrefixBytes.
absl::string_view ItemPart(absl::string_view row_key);

// The key of an item's entry in a global index.
std::string GlobalEntryKey(KeyspaceId index, const model::IndexKey& key,
                           absl::string_view row_key, uint64_t seed);

// keyspace | hash: the first possible row key at that hash.
std::string HashPrefix(KeyspaceId keyspace, uint64_t hash);

// The placement hash in a row key. REQUIRES: size >= kRowKeyPrefixBytes.
uint64_t HashOfRowKey(absl::string_view row_key);
KeyspaceId KeyspaceOfRowKey(absl::string_view row_key);

// The smallest string greater than every string with this prefix; empty if
// there is none.
std::string PrefixEnd(absl::string_view prefix);

}  // namespace pallet::storage
