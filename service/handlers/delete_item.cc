// SPDX-License-Identifier: Apache-2.0
//
// DeleteItem: as PutItem; deleting what is not there succeeds.
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

absl::Status CheckConstraints(const wire::DeleteItemRequest& request) {
  model::Constraints constraints;
  CheckPresent(request.has_key(), "key", &constraints);
  CheckWriteEnums(request, &constraints);
  RETURN_IF_ERROR(constraints.ToStatus());
  return CheckReturnValuesOfPutOrDelete(request.return_values());
}

absl::Status DeleteItem(const Router& router, ExpressionCache& cache,
                        Transactions* transactions,
                        const wire::DeleteItemRequest& request,
                        const CallContext& context, Reply* reply) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckConstraints(request));
  absl::StatusOr<ItemLanguage> language =
      ParseItemLanguage(LanguageOf(request), cache);
  RETURN_IF_ERROR(model::WithEnvelope(language.status()));
  ASSIGN_OR_RETURN(const model::CanonicalItem key,
                   model::CanonicalizeItem(request.key()));
  ASSIGN_OR_RETURN(const cluster::TablePtr table, router.Find(name));
  ASSIGN_OR_RETURN(Row row, router.RowOfKey(*table, key.bytes));
  RETURN_IF_ERROR(language->CheckAgainst(*table));
  SingleWrite write =
      MakeSingleWrite(request, table, std::move(row), &*language);
  AddMetrics(router, request, key.bytes, &write);
  RETURN_IF_ERROR(AddToken(request, key.bytes, &write));
  return SubmitSingleWrite(router, transactions, std::move(write), context,
                           reply);
}

}  // namespace

void RegisterDeleteItem(const HandlerOptions& options,
                        OperationRegistry* registry) {
  registry->Add(
      "DeleteItem",
      Submitted<wire::DeleteItemRequest>(
          [router = Router(options.host, options.index_keeper),
           cache = options.expressions, transactions = options.transactions](
              const wire::DeleteItemRequest& request,
              const CallContext& context, Reply reply) {
            const absl::Status status = DeleteItem(router, *cache, transactions,
                                                   request, context, &reply);
            if (!status.ok()) reply(status);
          }));
}

}  // namespace pallet::service
