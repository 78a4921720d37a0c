// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_decision.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/condition.h"
#include "model/expression/projection.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "service/handlers/collection_size.h"
#include "service/handlers/index_rows.h"
#include "service/operation.h"
#include "service/wire.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using model::ItemView;

// The new item; nullopt if there is none.
absl::StatusOr<std::optional<model::CanonicalItem>> Updated(
    const ItemUpdate& update, std::optional<ItemView> old) {
  const ItemView key(update.key_item);
  if (update.expression.has_value()) {
    return model::expression::ApplyUpdate(*update.expression, update.language,
                                          old, key);
  }
  return model::expression::ApplyNothing(old, key);
}

absl::Status CheckRoom(const cluster::Table& table,
                       storage::PartitionId partition, const ItemChange& change,
                       const ItemDecision& decision,
                       storage::WriteContext& context) {
  const model::CanonicalItem* const item = decision.ItemOf(change);
  if (item == nullptr || !table.keeps_collection_sizes) return absl::OkStatus();
  std::optional<ItemImage> before;
  if (decision.old.has_value()) {
    before = {decision.old->item, decision.old->item_size};
  }
  return CheckCollectionRoom(table, partition, change.row_key, before,
                             ItemImage{item->bytes, item->size}, context);
}

std::optional<std::string> Whole(absl::string_view item) {
  if (item.empty()) return std::nullopt;
  return std::string(item);
}

// The paths that the update names.
std::optional<std::string> Touched(const ItemUpdate& update,
                                   absl::string_view item) {
  if (item.empty() || !update.expression.has_value()) return std::nullopt;
  std::string part = model::expression::Project(
      update.expression->tree->targets, ItemView(item));
  if (part.empty()) return std::nullopt;
  return part;
}

}  // namespace

absl::StatusOr<ItemDecision> DecideItem(const cluster::Table& table,
                                        storage::PartitionId partition,
                                        const ItemChange& change,
                                        storage::WriteContext& context) {
  ItemDecision decision;
  ASSIGN_OR_RETURN(decision.old, context.Get(change.row_key));
  const absl::string_view old_item =
      decision.old.has_value() ? decision.old->item : absl::string_view();
  if (change.condition != nullptr &&
      !model::expression::Matches(change.condition->expression,
                                  ItemView(old_item))) {
    decision.condition_holds = false;
    return decision;
  }
  if (change.update != nullptr) {
    ASSIGN_OR_RETURN(
        decision.updated,
        Updated(*change.update, decision.old.has_value()
                                    ? std::optional(ItemView(old_item))
                                    : std::nullopt));
    if (decision.updated.has_value()) {
      RETURN_IF_ERROR(CheckIndexKeys(table, decision.updated->bytes,
                                     model::IndexKeyUse::kUpdate));
    }
  }
  RETURN_IF_ERROR(CheckRoom(table, partition, change, decision, context));
  return decision;
}

std::optional<std::string> AttributesReturned(const ItemChange& change,
                                              const ItemDecision& decision) {
  if (change.returned == ReturnedItem::kNone) return std::nullopt;
  const absl::string_view old_item =
      decision.old.has_value() ? decision.old->item : absl::string_view();
  const model::CanonicalItem* const item = decision.ItemOf(change);
  const absl::string_view new_item =
      item != nullptr ? absl::string_view(item->bytes) : absl::string_view();
  switch (change.returned) {
    case ReturnedItem::kNone:
      return std::nullopt;
    case ReturnedItem::kOld:
      return Whole(old_item);
    case ReturnedItem::kNew:
      return Whole(new_item);
    case ReturnedItem::kUpdatedOld:
      return Touched(*change.update, old_item);
    case ReturnedItem::kUpdatedNew:
      return Touched(*change.update, new_item);
  }
  return std::nullopt;
}

absl::Status ConditionFailed(const ItemCondition& condition,
                             absl::string_view item) {
  absl::Status status = model::MakeError(model::Reason::kConditionalCheckFailed,
                                         "The conditional request failed");
  if (!condition.return_item || item.empty()) return status;
  // A pallet.v1.ConditionalCheckFailure, whose item is bytes to us.
  std::string detail;
  AppendField(wire::ConditionalCheckFailure::kItemFieldNumber, item, &detail);
  status.SetPayload(
      absl::StrCat(kDetailPrefix, "pallet.v1.ConditionalCheckFailure"),
      absl::Cord(std::move(detail)));
  return status;
}

absl::Status CheckUnlocked(const cluster::PartitionHost& host,
                           storage::PartitionId partition,
                           absl::string_view row_key,
                           storage::WriteContext& context) {
  if (!host.locks().MayBeLocked(row_key)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> lock,
                   context.Get(storage::LockKey(partition, row_key)));
  if (!lock.has_value()) return absl::OkStatus();
  return model::MakeError(model::Reason::kTransactionConflict,
                          "Transaction is ongoing for the item");
}

absl::StatusOr<cluster::TablePtr> LookAgain(
    const cluster::PartitionHost& host, cluster::TablePtr table,
    const storage::WriteContext& context) {
  if (context.schema_version() <= table->schema_version) return table;
  if (context.schema_version() == cluster::kGoneSchemaVersion) {
    return model::MakeError(model::Reason::kResourceNotFound,
                            "Requested resource not found");
  }
  cluster::TablePtr now = host.FindTable(table->name);
  if (now == nullptr || now->id != table->id) return table;
  return now;
}

}  // namespace pallet::service
