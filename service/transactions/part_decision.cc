// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/part_decision.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "model/errors.h"
#include "service/handlers/item_effects.h"
#include "service/throttling.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using storage::v1::LockRecord;

constexpr uint32_t kFormat = 1;

// The condition of what `action` found, as its own error.
absl::Status CheckCondition(const cluster::Table& table,
                            const TransactionAction& action,
                            const ItemDecision& decision) {
  if (decision.condition_holds) return absl::OkStatus();
  // It is charged all the same.
  Charge(table, UnitKind::kWrite,
         2 * WriteUnits(decision.old.has_value() ? decision.old->item_size : 0,
                        0));
  return ConditionFailed(*action.change.condition, decision.old.has_value()
                                                       ? decision.old->item
                                                       : absl::string_view());
}

absl::StatusOr<ItemDecision> Decide(const cluster::PartitionHost& host,
                                    const cluster::Table& table,
                                    const TransactionPart& part,
                                    const TransactionAction& action,
                                    storage::WriteContext& context) {
  RETURN_IF_ERROR(
      CheckUnlocked(host, part.partition->id, action.change.row_key, context));
  return DecideItem(table, part.partition->id, action.change, context);
}

void Refuse(const TransactionAction& action, const absl::Status& status,
            const ItemDecision* decision, Refusals* refusals) {
  wire::v1::CancellationReason& reason = (*refusals)[action.position];
  reason.set_code(std::string(CancellationCode(status)));
  reason.set_message(std::string(status.message()));
  if (decision == nullptr || !decision->old.has_value()) return;
  if (action.change.condition->return_item) {
    reason.set_item(std::string(decision->old->item));
  }
}

// What the owner's lock of a row holds; nullopt if he has none.
absl::StatusOr<std::optional<LockRecord>> Held(storage::PartitionId partition,
                                               absl::string_view row_key,
                                               const LockOwner& owner,
                                               storage::WriteContext& context) {
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> row,
                   context.Get(storage::LockKey(partition, row_key)));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(LockRecord record, DecodeLockRecord(row->item));
  if (record.transaction_id() != owner.transaction_id) return std::nullopt;
  return record;
}

}  // namespace

absl::StatusOr<LockRecord> DecodeLockRecord(absl::string_view bytes) {
  LockRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      record.format() != kFormat) {
    return model::MakeError(model::Reason::kDataLoss,
                            "a lock of a transaction cannot be read");
  }
  return record;
}

absl::StatusOr<bool> DecidePart(const cluster::PartitionHost& host,
                                const TransactionPart& part,
                                storage::WriteContext& context,
                                PartDecision* decision, Refusals* refusals) {
  ASSIGN_OR_RETURN(decision->table, LookAgain(host, part.table, context));
  decision->items.reserve(part.actions.size());
  bool all = true;
  for (const TransactionAction& action : part.actions) {
    absl::StatusOr<ItemDecision> item =
        Decide(host, *decision->table, part, action, context);
    if (!item.ok() && CancellationCode(item.status()).empty()) {
      return item.status();
    }
    const absl::Status status =
        item.ok() ? CheckCondition(*decision->table, action, *item)
                  : item.status();
    if (!status.ok()) {
      Refuse(action, status, item.ok() ? &*item : nullptr, refusals);
      decision->refusal.Update(status);
      all = false;
    }
    if (all) decision->items.push_back(*std::move(item));
  }
  return all;
}

std::vector<ItemOutcome> OutcomesOf(const TransactionPart& part,
                                    const PartDecision& decision) {
  std::vector<ItemOutcome> outcomes;
  outcomes.reserve(part.actions.size());
  for (size_t i = 0; i < part.actions.size(); ++i) {
    const ItemDecision& item = decision.items[i];
    ItemOutcome& outcome = outcomes.emplace_back();
    if (item.old.has_value()) outcome.old_size = item.old->item_size;
    if (part.actions[i].only_checks) {
      outcome.new_size = outcome.old_size;
      outcome.units.table = WriteUnits(outcome.old_size, 0);
      continue;
    }
    const model::CanonicalItem* after = item.ItemOf(part.actions[i].change);
    if (after != nullptr) outcome.new_size = after->size;
    outcome.returned = AttributesReturned(part.actions[i].change, item);
  }
  return outcomes;
}

absl::Status WritePart(const TransactionPart& part,
                       const PartDecision& decision,
                       absl::string_view transaction_id, Clock* clock,
                       storage::WriteContext& context,
                       std::vector<ItemOutcome>* outcomes) {
  for (size_t i = 0; i < part.actions.size(); ++i) {
    const TransactionAction& action = part.actions[i];
    if (action.only_checks) continue;
    const ItemDecision& item = decision.items[i];
    ItemTransition transition = {.row_key = action.change.row_key,
                                 .reports_units = action.change.reports_units,
                                 .transaction = transaction_id};
    if (item.old.has_value()) {
      transition.before = {item.old->item, item.old->item_size};
    }
    if (const model::CanonicalItem* after = item.ItemOf(action.change)) {
      transition.after = {after->bytes, after->size};
    }
    ItemOutcome& outcome = (*outcomes)[i];
    ASSIGN_OR_RETURN(outcome.units,
                     WriteItem(*decision.table, part.partition->id, transition,
                               clock, context));
    outcome.change_seq = storage::ChangeSeq(context.change_seq().value() - 1);
  }
  return absl::OkStatus();
}

void LockPart(const TransactionPart& part, const PartDecision& decision,
              const LockOwner& owner, storage::WriteContext& context) {
  for (size_t i = 0; i < part.actions.size(); ++i) {
    const TransactionAction& action = part.actions[i];
    LockRecord record;
    record.set_format(kFormat);
    record.set_token(owner.token);
    record.set_transaction_id(owner.transaction_id);
    const model::CanonicalItem* after = decision.items[i].ItemOf(action.change);
    if (action.only_checks) {
      record.set_kind(storage::v1::LOCK_KIND_CHECK);
    } else if (after == nullptr) {
      record.set_kind(storage::v1::LOCK_KIND_DELETE);
    } else {
      record.set_kind(storage::v1::LOCK_KIND_PUT);
      record.set_item(after->bytes);
      record.set_item_size(static_cast<uint32_t>(after->size));
    }
    context.PutSideRow(
        storage::LockKey(part.partition->id, action.change.row_key),
        record.SerializeAsString());
  }
}

absl::StatusOr<std::vector<UnitsByArm>> ApplyLocks(
    const cluster::PartitionHost& host, const cluster::TablePtr& table,
    storage::PartitionId partition, absl::Span<const std::string> row_keys,
    const LockOwner& owner, storage::WriteContext& context) {
  ASSIGN_OR_RETURN(const cluster::TablePtr now,
                   LookAgain(host, table, context));
  std::vector<UnitsByArm> units;
  for (const std::string& row_key : row_keys) {
    ASSIGN_OR_RETURN(const std::optional<LockRecord> lock,
                     Held(partition, row_key, owner, context));
    UnitsByArm& each = units.emplace_back();
    if (!lock.has_value()) continue;
    if (lock->kind() != storage::v1::LOCK_KIND_CHECK) {
      ASSIGN_OR_RETURN(const std::optional<storage::RowView> old,
                       context.Get(row_key));
      ItemTransition transition = {.row_key = row_key,
                                   .reports_units = true,
                                   .transaction = owner.transaction_id};
      if (old.has_value()) transition.before = {old->item, old->item_size};
      if (lock->kind() == storage::v1::LOCK_KIND_PUT) {
        transition.after = {lock->item(), lock->item_size()};
      }
      ASSIGN_OR_RETURN(
          each, WriteItem(*now, partition, transition, host.clock(), context));
    }
    context.DeleteSideRow(storage::LockKey(partition, row_key));
  }
  return units;
}

absl::Status ReleaseLocks(storage::PartitionId partition,
                          absl::Span<const std::string> row_keys,
                          const LockOwner& owner,
                          storage::WriteContext& context) {
  for (const std::string& row_key : row_keys) {
    ASSIGN_OR_RETURN(const std::optional<LockRecord> lock,
                     Held(partition, row_key, owner, context));
    if (!lock.has_value()) continue;
    context.DeleteSideRow(storage::LockKey(partition, row_key));
  }
  return absl::OkStatus();
}

}  // namespace pallet::service
