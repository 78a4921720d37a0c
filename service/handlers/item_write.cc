// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_write.h"

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "service/handlers/item_effects.h"
#include "service/operation.h"
#include "service/throttling.h"

namespace pallet::service {
namespace {

using model::expression::Expression;

absl::StatusOr<ItemOutcome> Apply(const cluster::Table& table,
                                  storage::PartitionId partition,
                                  const ItemChange& change, Clock* clock,
                                  storage::WriteContext& context) {
  ItemOutcome outcome;
  ASSIGN_OR_RETURN(const ItemDecision decision,
                   DecideItem(table, partition, change, context));
  const std::optional<storage::RowView>& old = decision.old;
  absl::string_view old_item;
  if (old.has_value()) {
    outcome.old_size = old->item_size;
    old_item = old->item;
  }
  if (!decision.condition_holds) {
    // It is charged all the same.
    Charge(table, UnitKind::kWrite, WriteUnits(outcome.old_size, 0));
    return ConditionFailed(*change.condition, old_item);
  }
  const model::CanonicalItem* const item = decision.ItemOf(change);
  outcome.returned = AttributesReturned(change, decision);
  ItemTransition transition = {.row_key = change.row_key,
                               .reports_units = change.reports_units};
  if (old.has_value()) transition.before = {old->item, old->item_size};
  if (item != nullptr) {
    outcome.new_size = item->size;
    transition.after = {item->bytes, item->size};
  }
  ASSIGN_OR_RETURN(outcome.units,
                   WriteItem(table, partition, transition, clock, context));
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

absl::Status ItemWrite::Decide(storage::WriteContext& context) {
  RETURN_IF_ERROR(context_.Check());
  ASSIGN_OR_RETURN(table_, LookAgain(*host_, table_, context));
  outcomes_.reserve(changes_.size());
  for (const ItemChange& change : changes_) {
    RETURN_IF_ERROR(CheckUnlocked(*host_, partition_, change.row_key, context));
    ASSIGN_OR_RETURN(ItemOutcome outcome, Apply(*table_, partition_, change,
                                                host_->clock(), context));
    outcomes_.push_back(std::move(outcome));
  }
  return absl::OkStatus();
}

void ItemWrite::Done(const absl::Status& status) {
  for (const ItemOutcome& outcome : outcomes_) {
    Charge(*table_, UnitKind::kWrite, outcome.units);
  }
  finished_(status, std::move(outcomes_), changes_);
}

}  // namespace pallet::service
