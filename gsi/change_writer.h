// SPDX-License-Identifier: Apache-2.0
//
// RecordChange: a write of an item of a table with global indexes leaves a
// change for their propagator, in its own log record.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace pallet::gsi {

// `seq` is that of the change: context.change_seq() before the item was put or
// deleted. `old_item` is what it was, canonical; empty if it was not there.
// `key_attributes` are those in the key of any index, sorted.
// REQUIRES: `context` is the decision that puts or deletes the item.
void RecordChange(storage::PartitionId lineage, storage::ChangeSeq seq,
                  absl::Time time, absl::string_view row_key,
                  absl::string_view old_item,
                  const std::vector<std::string>& key_attributes,
                  storage::WriteContext& context);

}  // namespace pallet::gsi
