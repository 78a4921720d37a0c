// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/single_write.h"

#include "base/status_macros.h"
#include "model/errors.h"
#include "service/capacity.h"
#include "service/position.h"
#include "service/throttling.h"
#include "service/transactions/transactions.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

// The three responses are the same on the wire.
using Response = wire::PutItemResponse;
static_assert(int{Response::kAttributesFieldNumber} ==
              int{wire::DeleteItemResponse::kAttributesFieldNumber});
static_assert(int{Response::kConsumedCapacityFieldNumber} ==
              int{wire::DeleteItemResponse::kConsumedCapacityFieldNumber});
static_assert(int{Response::kAttributesFieldNumber} ==
              int{wire::UpdateItemResponse::kAttributesFieldNumber});
static_assert(int{Response::kConsumedCapacityFieldNumber} ==
              int{wire::UpdateItemResponse::kConsumedCapacityFieldNumber});
static_assert(int{Response::kItemCollectionMetricsFieldNumber} ==
              int{wire::DeleteItemResponse::kItemCollectionMetricsFieldNumber});
static_assert(int{Response::kItemCollectionMetricsFieldNumber} ==
              int{wire::UpdateItemResponse::kItemCollectionMetricsFieldNumber});
static_assert(int{Response::kPositionFieldNumber} ==
              int{wire::DeleteItemResponse::kPositionFieldNumber});
static_assert(int{Response::kPositionFieldNumber} ==
              int{wire::UpdateItemResponse::kPositionFieldNumber});

// How a write is told.
struct Telling {
  wire::ReturnConsumedCapacity capacity;
  std::string table_name;
  std::optional<wire::ItemCollectionMetrics> metrics;
  // Of the position.
  cluster::TableId table;
  storage::PartitionId lineage;
};

// Of a write that was done before.
std::string EncodeRepeat(const Telling& telling,
                         const TransactionResult& result) {
  std::string encoded;
  if (!result.attributes.empty()) {
    AppendField(Response::kAttributesFieldNumber, result.attributes, &encoded);
  }
  for (const std::string& position : result.positions) {
    AppendField(Response::kPositionFieldNumber, position, &encoded);
  }
  if (!WantsCapacity(telling.capacity)) return encoded;
  UnitsByArm units;
  for (const auto& each : result.replay) units.table += each.read_units();
  Response rest;
  FillConsumedCapacity(telling.capacity, telling.table_name, units,
                       rest.mutable_consumed_capacity());
  AppendMessage(rest, &encoded);
  return encoded;
}

std::string EncodeResponse(const Telling& telling, const ItemOutcome& outcome) {
  std::string encoded;
  if (outcome.returned.has_value()) {
    AppendField(Response::kAttributesFieldNumber, *outcome.returned, &encoded);
  }
  AppendField(
      Response::kPositionFieldNumber,
      EncodePosition({telling.table, telling.lineage, outcome.change_seq}),
      &encoded);
  if (!WantsCapacity(telling.capacity) && !telling.metrics.has_value()) {
    return encoded;
  }
  Response rest;
  if (WantsCapacity(telling.capacity)) {
    FillConsumedCapacity(telling.capacity, telling.table_name, outcome.units,
                         rest.mutable_consumed_capacity());
  }
  if (telling.metrics.has_value()) {
    *rest.mutable_item_collection_metrics() = *telling.metrics;
  }
  AppendMessage(rest, &encoded);
  return encoded;
}

// As a transaction of one action, which keeps its token.
void WriteOnce(Transactions& transactions, SingleWrite write,
               const CallContext& context, Reply reply) {
  TransactionPlan plan;
  plan.token = std::move(write.token);
  plan.fingerprint = std::move(write.fingerprint);
  plan.actions = 1;
  plan.single_write = true;
  Telling telling = {write.capacity, write.table_name, std::move(write.metrics),
                     write.table->id, write.row.partition->id};
  TransactionPart& part = plan.parts.emplace_back();
  part.table = write.table;
  part.partition = write.row.partition;
  TransactionAction& action = part.actions.emplace_back();
  action.table_name = std::move(write.table_name);
  action.change = std::move(write.change);
  action.change.row_key = std::move(write.row.key);
  action.change.reports_units = WantsCapacity(write.capacity);
  transactions.Write(std::move(plan), context,
                     [reply = std::move(reply), telling = std::move(telling),
                      table = std::move(write.table)](
                         absl::StatusOr<TransactionResult> result) mutable {
                       if (!result.ok()) return reply(result.status());
                       if (result->is_repeat)
                         return reply(EncodeRepeat(telling, *result));
                       const ItemOutcome& outcome = result->outcomes.front();
                       Charge(*table, UnitKind::kWrite, outcome.units);
                       reply(EncodeResponse(telling, outcome));
                     });
}

}  // namespace

absl::Status CheckReturnValuesOfPutOrDelete(wire::ReturnValue choice) {
  if (choice <= wire::RETURN_VALUE_ALL_OLD) return absl::OkStatus();
  return model::WithEnvelope(model::EnvelopedValidationError(
      "ReturnValues can only be ALL_OLD or NONE"));
}

ReturnedItem ReturnedOf(wire::ReturnValue choice) {
  switch (choice) {
    case wire::RETURN_VALUE_ALL_OLD:
      return ReturnedItem::kOld;
    case wire::RETURN_VALUE_ALL_NEW:
      return ReturnedItem::kNew;
    case wire::RETURN_VALUE_UPDATED_OLD:
      return ReturnedItem::kUpdatedOld;
    case wire::RETURN_VALUE_UPDATED_NEW:
      return ReturnedItem::kUpdatedNew;
    default:
      return ReturnedItem::kNone;
  }
}

absl::Status CheckRequestToken(absl::string_view token) {
  model::Constraints constraints;
  constraints.CheckLength(token, "clientRequestToken", 1, 36);
  return constraints.ToStatus();
}

absl::Status SubmitSingleWrite(const Router& router, Transactions* transactions,
                               SingleWrite write, const CallContext& context,
                               Reply* reply) {
  RETURN_IF_ERROR(Admit(*write.table, UnitKind::kWrite));
  RETURN_IF_ERROR(router.CheckRoom(*write.table, write.row.partition->id));
  if (!write.token.empty()) {
    if (transactions == nullptr) {
      return model::MakeError(model::Reason::kNotBuilt,
                              "This server keeps no request tokens");
    }
    WriteOnce(*transactions, std::move(write), context, std::move(*reply));
    return absl::OkStatus();
  }
  // Shared because a write that is refused takes what it holds with it.
  auto shared_reply = std::make_shared<Reply>(std::move(*reply));
  ItemWrite::Changes changes;
  changes.push_back(std::move(write.change));
  changes.back().row_key = std::move(write.row.key);
  changes.back().reports_units = WantsCapacity(write.capacity);
  absl::Status status = router.host().Submit(
      *write.row.partition,
      std::make_unique<ItemWrite>(
          &router.host(), write.table, write.row.partition->id,
          std::move(changes), context,
          [shared_reply,
           telling = Telling{write.capacity, std::move(write.table_name),
                             std::move(write.metrics), write.table->id,
                             write.row.partition->id}](
              const absl::Status& decided, ItemWrite::Outcomes outcomes,
              const ItemWrite::Changes&) {
            if (!decided.ok()) return (*shared_reply)(decided);
            (*shared_reply)(EncodeResponse(telling, outcomes.front()));
          }));
  if (!status.ok()) *reply = std::move(*shared_reply);
  return status;
}

}  // namespace pallet::service
