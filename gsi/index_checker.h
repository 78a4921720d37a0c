// SPDX-License-Identifier: Apache-2.0
//
// CheckIndexes: compares each index with its table, item by item. For tables
// that nobody writes and whose indexes have caught up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gsi/topology.h"

namespace pallet::gsi {

struct IndexCheck {
  uint64_t items = 0;    // of the table
  uint64_t entries = 0;  // of all indexes
  uint64_t differences = 0;
  std::vector<std::string> examples = {};  // of differences, in words; few
};

// Walks everything. An entry that is missing, that is not as its item says, or
// that has no item is a difference; so is a partition that counts wrongly.
absl::StatusOr<IndexCheck> CheckIndexes(const TableTopology& table);

}  // namespace pallet::gsi
