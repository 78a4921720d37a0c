// SPDX-License-Identifier: Apache-2.0
//
// UpdateItem: as PutItem, but what the item becomes is computed by the writer
// out of what it is then (item_write.h).
#include "model/item_codec.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/single_write.h"
#include "service/router.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

// Unlike PutItem's, these are told one at a time.
absl::Status CheckConstraints(const wire::UpdateItemRequest& request) {
  const auto check = [](auto constrain) {
    model::Constraints constraints;
    constrain(&constraints);
    return constraints.ToStatus();
  };
  RETURN_IF_ERROR(check([&](model::Constraints* constraints) {
    CheckPresent(request.has_key(), "key", constraints);
  }));
  RETURN_IF_ERROR(check([&](model::Constraints* constraints) {
    CheckEnum(EnumRule::kReturnValues, request.return_values(), "returnValues",
              constraints);
  }));
  RETURN_IF_ERROR(check([&](model::Constraints* constraints) {
    CheckEnum(EnumRule::kReturnConsumedCapacity,
              request.return_consumed_capacity(), "returnConsumedCapacity",
              constraints);
  }));
  RETURN_IF_ERROR(check([&](model::Constraints* constraints) {
    CheckEnum(EnumRule::kReturnItemCollectionMetrics,
              request.return_item_collection_metrics(),
              "returnItemCollectionMetrics", constraints);
  }));
  return check([&](model::Constraints* constraints) {
    CheckEnum(EnumRule::kReturnValuesOnConditionCheckFailure,
              request.return_values_on_condition_check_failure(),
              "returnValuesOnConditionCheckFailure", constraints);
  });
}

absl::Status UpdateItem(const Router& router, ExpressionCache& cache,
                        Transactions* transactions,
                        const wire::UpdateItemRequest& request,
                        const CallContext& context, Reply* reply) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckConstraints(request));
  absl::StatusOr<ItemLanguage> language =
      ParseItemLanguage(LanguageOf(request), cache);
  RETURN_IF_ERROR(model::WithEnvelope(language.status()));
  ASSIGN_OR_RETURN(model::CanonicalItem key,
                   model::CanonicalizeItem(request.key()));
  ASSIGN_OR_RETURN(const cluster::TablePtr table, router.Find(name));
  ASSIGN_OR_RETURN(Row row, router.RowOfKey(*table, key.bytes));
  RETURN_IF_ERROR(language->CheckAgainst(*table));
  SingleWrite write =
      MakeSingleWrite(request, table, std::move(row), &*language);
  AddMetrics(router, request, key.bytes, &write);
  RETURN_IF_ERROR(AddToken(request, key.bytes, &write));
  write.change.update = std::make_unique<const ItemUpdate>(
      ItemUpdate{std::move(language->update), language->update_language,
                 std::move(key.bytes)});
  return SubmitSingleWrite(router, transactions, std::move(write), context,
                           reply);
}

}  // namespace

void RegisterUpdateItem(const HandlerOptions& options,
                        OperationRegistry* registry) {
  registry->Add(
      "UpdateItem",
      Submitted<wire::UpdateItemRequest>(
          [router = Router(options.host, options.index_keeper),
           cache = options.expressions, transactions = options.transactions](
              const wire::UpdateItemRequest& request,
              const CallContext& context, Reply reply) {
            const absl::Status status = UpdateItem(router, *cache, transactions,
                                                   request, context, &reply);
            if (!status.ok()) reply(status);
          }));
}

}  // namespace pallet::service
