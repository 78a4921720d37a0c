// SPDX-License-Identifier: Apache-2.0
//
// The numbers the storage layer knows things by, and counts. No number is ever
// used again, not even for a table or index made again under its old name.
#pragma once

#include <cstdint>

#include "base/strong_id.h"

namespace pallet::storage {

// The rows of one table (or index): the first four bytes of each row key.
struct KeyspaceIdTag;
using KeyspaceId = StrongId<KeyspaceIdTag, uint32_t>;

struct PartitionIdTag;
using PartitionId = StrongId<PartitionIdTag, uint64_t>;

// Numbers the changes of one lineage, from 1.
struct ChangeSeqTag;
using ChangeSeq = StrongId<ChangeSeqTag, uint64_t>;

// A closed range of placement hashes.
struct HashRange {
  uint64_t first = 0;
  uint64_t last = UINT64_MAX;

  bool Contains(uint64_t hash) const { return first <= hash && hash <= last; }
  friend bool operator==(const HashRange&, const HashRange&) = default;
};

// Local indexes of a table have keyspaces that follow the table's own, one by
// one; their rows lie in the partition of the items they stand for.
inline constexpr uint32_t kMaxLocalIndexes = 5;

struct RowCounts {
  uint64_t rows = 0;
  uint64_t bytes = 0;  // by DynamoDB's rule

  friend bool operator==(const RowCounts&, const RowCounts&) = default;
};

}  // namespace pallet::storage
