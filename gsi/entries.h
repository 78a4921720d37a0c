// SPDX-License-Identifier: Apache-2.0
//
// From changed rows to the mutations of an index, target by target.
//
// EarlyEntries is the memory of one channel: entries that were put for rows
// that have changes behind the cursor (rule 3 of ADR 18). It follows a plan only
// when that was carried out. Pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "gsi/change_reader.h"
#include "gsi/index_batch.h"
#include "gsi/topology.h"
#include "storage/ids.h"

namespace pallet::gsi {

// From an item's row key to the key of the entry it has.
using EarlyEntries = absl::flat_hash_map<std::string, std::string>;

// A target's share of a round.
struct TargetPlan {
  bool takes_part = false;
  storage::ChangeSeq cursor;            // changes behind it count
  const EarlyEntries* early = nullptr;  // of the channel
  std::vector<Mutation> mutations = {};
  // What becomes of `early`, by row key; an empty entry key: nothing is left.
  std::vector<std::pair<std::string, std::string>> early_after = {};
};

// Makes `early` what it is when the plan was carried out.
void Remember(TargetPlan& plan, EarlyEntries* early);

// Adds to `plans` (one for each target of `index`) what brings the targets that
// take part from their cursors to changes.through.
void PlanChanges(const IndexTopology& index, uint64_t hash_seed,
                 const Changes& changes, absl::Span<TargetPlan> plans);

// A row that is not a change: what a backfill reads. Returns false if it has no
// entry.
bool PlanRow(const IndexTopology& index, uint64_t hash_seed,
             const std::string& row_key, const RowNow& row,
             absl::Span<TargetPlan> plans);

}  // namespace pallet::gsi
