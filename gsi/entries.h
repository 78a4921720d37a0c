// SPDX-License-Identifier: Apache-2.0
//
// From changed rows to the mutations of an index, target by target.
//
// EarlyEntries is the memory of one channel: entries that were put for rows
// that have changes behind the cursor (rule 3 of ADR 18). It follows a plan only
// when that was carried out. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gsi/change_reader.h"
#include "gsi/index_batch.h"
#include "gsi/topology.h"
#include "storage/ids.h"

namespace pallet::gsi {

// The entry that was put for a row, and which state of the row it shows.
struct EarlyEntry {
  std::string key;  // of the entry; as a change of the memory: empty if it goes
  storage::ChangeSeq seq;
};
// By the item's row key.
using EarlyEntries = absl::flat_hash_map<std::string, EarlyEntry>;
// What becomes of it, by row key, in order.
using EarlyAfter = std::vector<std::pair<std::string, EarlyEntry>>;

// A target's share of a round.
struct TargetPlan {
  bool takes_part = false;
  // Rule 3 holds: of each item it has one entry or none, which is the one that is
  // remembered, or else shows the item as it was at the cursor.
  bool settled = false;
  storage::ChangeSeq cursor;            // changes behind it count
  const EarlyEntries* early = nullptr;  // of the channel
  std::vector<Mutation> mutations = {};
  EarlyAfter early_after = {};
};

// Makes `early` what it is when the plan was carried out. Empties `after`.
void Remember(EarlyAfter* after, EarlyEntries* early);

// Adds to `plans` (one for each target of `index`) what brings the targets that
// take part from their cursors to changes.through.
void PlanChanges(const IndexTopology& index, uint64_t hash_seed,
                 const Changes& changes, absl::Span<TargetPlan> plans);

// What a row has in the index. `bytes` borrows from the item or from `buffer`.
struct RowEntry {
  size_t target = 0;
  std::string key = {};
  absl::string_view bytes;
  uint32_t size = 0;  // by DynamoDB's rule
};
// nullopt if it has no entry.
std::optional<RowEntry> EntryOfRow(const IndexTopology& index,
                                   uint64_t hash_seed,
                                   absl::string_view row_key,
                                   absl::string_view item, size_t item_size,
                                   std::string* buffer);

}  // namespace pallet::gsi
