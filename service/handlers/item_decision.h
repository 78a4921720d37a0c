// SPDX-License-Identifier: Apache-2.0
//
// DecideItem: what a request makes of an item, given what the item is. All that
// may refuse a write is here; what follows from it is item_effects.h.
//
// On the store's thread, inside a decision.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_host.h"
#include "cluster/partition_map.h"
#include "model/expression/ast.h"
#include "model/expression/update.h"
#include "model/item_codec.h"
#include "storage/store.h"

namespace pallet::service {

// What an item must meet before it is changed.
struct ItemCondition {
  model::expression::Expression expression;
  bool return_item = false;  // as a detail of the error, if it fails
};

// How an item is made out of what it was.
struct ItemUpdate {
  // nullopt: nothing changes but that the item is there.
  std::optional<model::expression::Expression> expression;
  model::expression::UpdateLanguage language =
      model::expression::UpdateLanguage::kExpression;
  std::string key_item;  // canonical; of a new item
};

// What an answer has of the item.
enum class ReturnedItem { kNone, kOld, kNew, kUpdatedOld, kUpdatedNew };

// What becomes of one item.
struct ItemChange {
  std::string row_key;
  std::optional<model::CanonicalItem> item;  // nullopt: updated or deleted
  ReturnedItem returned = ReturnedItem::kNone;
  std::unique_ptr<const ItemCondition> condition = {};  // null: none
  std::unique_ptr<const ItemUpdate> update = {};        // null: put or deleted
  bool reports_units = false;                           // of global indexes too
};

struct ItemDecision {
  std::optional<storage::RowView> old;
  // Of an update: what it made.
  std::optional<model::CanonicalItem> updated = {};
  bool condition_holds = true;  // else nothing else was looked at

  // What the item becomes; null: it goes, or is not there.
  const model::CanonicalItem* ItemOf(const ItemChange& change) const {
    const auto& item = change.update != nullptr ? updated : change.item;
    return item.has_value() ? &*item : nullptr;
  }
};

// An error if the update cannot be done, or makes an item that may not be,
// or for which its collection has no room.
absl::StatusOr<ItemDecision> DecideItem(const cluster::Table& table,
                                        storage::PartitionId partition,
                                        const ItemChange& change,
                                        storage::WriteContext& context);

// What an answer tells of the item; nullopt: nothing.
std::optional<std::string> AttributesReturned(const ItemChange& change,
                                              const ItemDecision& decision);

// kConditionalCheckFailed, with the item as a detail if it was asked for.
// `item` is empty if there is none.
absl::Status ConditionFailed(const ItemCondition& condition,
                             absl::string_view item);

// kTransactionConflict if the row is part of a transaction under way.
absl::Status CheckUnlocked(const cluster::PartitionHost& host,
                           storage::PartitionId partition,
                           absl::string_view row_key,
                           storage::WriteContext& context);

// The table as the partition has it by now: its indexes and streams may have
// changed since the write was made. kResourceNotFound if it was deleted.
absl::StatusOr<cluster::TablePtr> LookAgain(
    const cluster::PartitionHost& host, cluster::TablePtr table,
    const storage::WriteContext& context);

}  // namespace pallet::service
