// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_write.h"

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "service/throttling.h"

namespace pallet::service {
namespace {

absl::StatusOr<ItemOutcome> Apply(const cluster::Table* table,
                                  const ItemChange& change,
                                  storage::WriteContext& context) {
  ItemOutcome outcome;
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> old,
                   context.Get(change.row_key));
  if (old.has_value()) {
    outcome.old_size = old->item_size;
    if (change.keep_old) outcome.old_item = std::string(old->item);
  }
  if (change.item.has_value()) {
    outcome.new_size = change.item->size;
    context.Put(change.row_key, change.item->bytes,
                static_cast<uint32_t>(change.item->size));
  } else if (old.has_value()) {
    context.Delete(change.row_key);
  }
  outcome.units.table = WriteUnits(outcome.old_size, outcome.new_size);
  if (table != nullptr) {
    std::optional<ItemImage> before, after;
    if (old.has_value()) before = {old->item, old->item_size};
    if (change.item.has_value()) {
      after = {change.item->bytes, change.item->size};
    }
    WriteIndexRows(*table, change.row_key, before, after, context,
                   &outcome.units);
  }
  return outcome;
}

}  // namespace

ItemWrite::ItemWrite(const cluster::TablePtr& table,
                     storage::PartitionId partition, Changes changes,
                     CallContext context, Finished finished)
    : table_(table->local_indexes.empty() && table->meter == nullptr ? nullptr
                                                                     : table),
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
  }
  return size;
}

absl::Status ItemWrite::Decide(storage::WriteContext& context) {
  RETURN_IF_ERROR(context_.Check());
  outcomes_.reserve(changes_.size());
  for (const ItemChange& change : changes_) {
    ASSIGN_OR_RETURN(ItemOutcome outcome, Apply(table_.get(), change, context));
    outcomes_.push_back(std::move(outcome));
  }
  return absl::OkStatus();
}

void ItemWrite::Done(const absl::Status& status) {
  if (table_ != nullptr) {
    for (const ItemOutcome& outcome : outcomes_) {
      Charge(*table_, UnitKind::kWrite, outcome.units.Total());
    }
  }
  finished_(status, std::move(outcomes_));
}

}  // namespace pallet::service
