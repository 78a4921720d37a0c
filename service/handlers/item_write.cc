// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_write.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/condition.h"
#include "model/expression/projection.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "service/handlers/item_effects.h"
#include "service/operation.h"
#include "service/throttling.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using model::ItemView;
using model::expression::Expression;

// "The conditional request failed", with the item if it was asked for.
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

// Either item is empty if it is not there.
std::optional<std::string> Returned(const ItemChange& change,
                                    absl::string_view old_item,
                                    absl::string_view new_item) {
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

absl::StatusOr<ItemOutcome> Apply(const cluster::Table& table,
                                  storage::PartitionId partition,
                                  const ItemChange& change, Clock* clock,
                                  storage::WriteContext& context) {
  ItemOutcome outcome;
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> old,
                   context.Get(change.row_key));
  absl::string_view old_item;
  if (old.has_value()) {
    outcome.old_size = old->item_size;
    old_item = old->item;
  }
  if (change.condition != nullptr &&
      !model::expression::Matches(change.condition->expression,
                                  ItemView(old_item))) {
    // It is charged all the same.
    Charge(table, UnitKind::kWrite, WriteUnits(outcome.old_size, 0));
    return ConditionFailed(*change.condition, old_item);
  }
  std::optional<model::CanonicalItem> updated;
  if (change.update != nullptr) {
    ASSIGN_OR_RETURN(
        updated, Updated(*change.update, old.has_value()
                                             ? std::optional(ItemView(old_item))
                                             : std::nullopt));
  }
  if (updated.has_value()) {
    RETURN_IF_ERROR(
        CheckIndexKeys(table, updated->bytes, model::IndexKeyUse::kUpdate));
  }
  const std::optional<model::CanonicalItem>& item =
      change.update != nullptr ? updated : change.item;
  outcome.returned = Returned(
      change, old_item,
      item.has_value() ? absl::string_view(item->bytes) : absl::string_view());
  ItemTransition transition = {.row_key = change.row_key,
                               .reports_units = change.reports_units};
  if (old.has_value()) transition.before = {old->item, old->item_size};
  if (item.has_value()) {
    outcome.new_size = item->size;
    transition.after = {item->bytes, item->size};
  }
  outcome.units = WriteItem(table, partition, transition, clock, context);
  outcome.change_seq = storage::ChangeSeq(context.change_seq().value() - 1);
  return outcome;
}

// What the values of an expression hold.
size_t ByteSize(const Expression& expression) {
  size_t size = 0;
  for (const auto& value : expression.values) size += value->size();
  return size;
}

}  // namespace

ItemWrite::ItemWrite(const cluster::PartitionHost* host,
                     cluster::TablePtr table, storage::PartitionId partition,
                     Changes changes, CallContext context, Finished finished)
    : host_(host),
      table_(std::move(table)),
      partition_(partition),
      changes_(std::move(changes)),
      context_(std::move(context)),
      finished_(std::move(finished)) {
  CHECK(!changes_.empty());
}

size_t ItemWrite::byte_size() const {
  size_t size = sizeof(*this);
  for (const ItemChange& change : changes_) {
    size += change.row_key.size();
    if (change.item.has_value()) size += change.item->bytes.size();
    if (change.condition != nullptr) {
      size += ByteSize(change.condition->expression);
    }
    if (change.update != nullptr && change.update->expression.has_value()) {
      size += ByteSize(*change.update->expression);
    }
  }
  return size;
}

void ItemWrite::LookAgain(const storage::WriteContext& context) {
  if (context.schema_version() <= table_->schema_version) return;
  cluster::TablePtr now = host_->FindTable(table_->name);
  if (now != nullptr && now->id == table_->id) table_ = std::move(now);
}

absl::Status ItemWrite::Decide(storage::WriteContext& context) {
  RETURN_IF_ERROR(context_.Check());
  LookAgain(context);
  outcomes_.reserve(changes_.size());
  for (const ItemChange& change : changes_) {
    ASSIGN_OR_RETURN(ItemOutcome outcome, Apply(*table_, partition_, change,
                                                host_->clock(), context));
    outcomes_.push_back(std::move(outcome));
  }
  return absl::OkStatus();
}

void ItemWrite::Done(const absl::Status& status) {
  for (const ItemOutcome& outcome : outcomes_) {
    Charge(*table_, UnitKind::kWrite, outcome.units.OfTable());
  }
  finished_(status, std::move(outcomes_));
}

}  // namespace pallet::service
