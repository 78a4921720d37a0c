// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/single_write.h"

#include "base/status_macros.h"
#include "model/errors.h"
#include "service/capacity.h"
#include "service/throttling.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

// PutItemResponse and DeleteItemResponse are the same on the wire.
using Response = wire::PutItemResponse;
static_assert(int{Response::kAttributesFieldNumber} ==
              int{wire::DeleteItemResponse::kAttributesFieldNumber});
static_assert(int{Response::kConsumedCapacityFieldNumber} ==
              int{wire::DeleteItemResponse::kConsumedCapacityFieldNumber});

std::string EncodeResponse(const SingleWriteAnswer& answer,
                           const ItemOutcome& outcome) {
  std::string encoded;
  if (outcome.old_item.has_value()) {
    AppendField(Response::kAttributesFieldNumber, *outcome.old_item, &encoded);
  }
  if (WantsCapacity(answer.capacity)) {
    Response rest;
    FillConsumedCapacity(answer.capacity, answer.table_name, outcome.units,
                         rest.mutable_consumed_capacity());
    AppendMessage(rest, &encoded);
  }
  return encoded;
}

}  // namespace

absl::Status CheckReturnValuesOfPutOrDelete(wire::ReturnValue choice) {
  if (choice <= wire::RETURN_VALUE_ALL_OLD) return absl::OkStatus();
  return model::WithEnvelope(model::EnvelopedValidationError(
      "ReturnValues can only be ALL_OLD or NONE"));
}

absl::Status SubmitSingleWrite(const Router& router,
                               const cluster::TablePtr& table, Row row,
                               std::optional<model::CanonicalItem> item,
                               SingleWriteAnswer answer,
                               const CallContext& context, Reply* reply) {
  RETURN_IF_ERROR(Admit(*table, UnitKind::kWrite));
  // Shared because a write that is refused takes what it holds with it.
  auto shared_reply = std::make_shared<Reply>(std::move(*reply));
  ItemWrite::Changes changes;
  changes.push_back(
      ItemChange{std::move(row.key), std::move(item), answer.return_old});
  absl::Status status = router.host().Submit(
      *row.partition,
      std::make_unique<ItemWrite>(
          table, row.partition->id, std::move(changes), context,
          [shared_reply, answer = std::move(answer)](
              const absl::Status& decided, ItemWrite::Outcomes outcomes) {
            if (!decided.ok()) return (*shared_reply)(decided);
            (*shared_reply)(EncodeResponse(answer, outcomes.front()));
          }));
  if (!status.ok()) *reply = std::move(*shared_reply);
  return status;
}

}  // namespace pallet::service
