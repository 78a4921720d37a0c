// SPDX-License-Identifier: Apache-2.0
//
// ReadChanges: the next changes of a lineage, by item: the index keys it had,
// and what it is now. One state of the store, in a short read transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gsi/topology.h"
#include "storage/ids.h"

namespace pallet::gsi {

// A row as it is now.
struct RowNow {
  storage::ChangeSeq seq;
  std::string item = {};  // canonical
  uint32_t size = 0;      // by DynamoDB's rule
};

struct OldKeys {
  storage::ChangeSeq seq;  // of the change that replaced them
  std::string keys = {};   // canonical; of the item as it was before
};

struct ChangedRow {
  std::string row_key = {};
  std::vector<OldKeys> changes = {};  // in order, at least one
  std::optional<RowNow> now = {};     // nullopt: there is none
};

struct ReadLimits {
  uint64_t changes = 1000;
  uint64_t bytes = uint64_t{1} << 20;  // of rows
  // Changes younger than this are left for later.
  absl::Time not_after = absl::InfiniteFuture();
};

struct Changes {
  std::vector<ChangedRow> rows = {};
  storage::ChangeSeq through;  // all up to it are in `rows`
  bool more = false;           // behind `through` there may be further ones
  // No row was read in a later state than this.
  storage::ChangeSeq newest = {};
  // Of the first change that was left because it is too young.
  absl::Time next_time = absl::InfiniteFuture();
};

absl::StatusOr<Changes> ReadChanges(const Source& source,
                                    storage::ChangeSeq after,
                                    const ReadLimits& limits);

// When the first change behind `after` was made; nullopt if there is none.
absl::StatusOr<std::optional<absl::Time>> TimeOfNextChange(
    const Source& source, storage::ChangeSeq after);

}  // namespace pallet::gsi
