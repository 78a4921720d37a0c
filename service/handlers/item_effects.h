// SPDX-License-Identifier: Apache-2.0
//
// WriteItem: all that follows when an item becomes another one, in the decision
// that writes it and so in one log record: its row, the rows of local indexes,
// the size of its item collection, the change for those who follow the table, and
// the record in its stream. Who may do so, and what the item
// becomes, is for others to say: item_write.h, transactions, expiry.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "cluster/partition_map.h"
#include "service/capacity.h"
#include "service/handlers/index_rows.h"
#include "storage/store.h"

namespace pallet::service {

// What an item was and what it becomes; nullopt: there is none.
struct ItemTransition {
  absl::string_view row_key;
  std::optional<ItemImage> before = {};  // what the context has of the row
  std::optional<ItemImage> after = {};   // CheckIndexKeys took it
  bool reports_units = false;            // of global indexes too
  bool by_service = false;               // not by a user: it has expired
  absl::string_view transaction = {};    // its id; empty: of none
};

// Returns the units that it takes. An item that stays what it is leaves no
// change. An error means that the write must fail. On the store's thread.
// REQUIRES: `table` is as `partition` has it by now.
absl::StatusOr<UnitsByArm> WriteItem(const cluster::Table& table,
                                     storage::PartitionId partition,
                                     const ItemTransition& transition,
                                     Clock* clock,
                                     storage::WriteContext& context);

}  // namespace pallet::service
