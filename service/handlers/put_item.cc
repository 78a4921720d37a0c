// SPDX-License-Identifier: Apache-2.0
//
// PutItem: validated on the caller's thread, decided and answered by the
// store's writer (item_write.h).
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

absl::Status CheckConstraints(const wire::PutItemRequest& request) {
  model::Constraints constraints;
  CheckPresent(request.has_item(), "item", &constraints);
  CheckWriteEnums(request, &constraints);
  RETURN_IF_ERROR(constraints.ToStatus());
  return CheckReturnValuesOfPutOrDelete(request.return_values());
}

absl::StatusOr<model::CanonicalItem> ItemOf(
    const wire::PutItemRequest& request) {
  absl::StatusOr<model::CanonicalItem> item =
      model::CanonicalizeItem(request.item());
  RETURN_IF_ERROR(model::WithEnvelope(item.status()));
  RETURN_IF_ERROR(CheckItemSize(item->size));
  return item;
}

absl::Status PutItem(const Router& router, ExpressionCache& cache,
                     Transactions* transactions,
                     const wire::PutItemRequest& request,
                     const CallContext& context, Reply* reply) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckConstraints(request));
  absl::StatusOr<ItemLanguage> language =
      ParseItemLanguage(LanguageOf(request), cache);
  RETURN_IF_ERROR(model::WithEnvelope(language.status()));
  ASSIGN_OR_RETURN(model::CanonicalItem item, ItemOf(request));
  ASSIGN_OR_RETURN(const cluster::TablePtr table, router.Find(name));
  ASSIGN_OR_RETURN(Row row, router.RowOfItem(*table, item.bytes));
  RETURN_IF_ERROR(language->CheckAgainst(*table));
  RETURN_IF_ERROR(CheckIndexKeys(*table, item.bytes, model::IndexKeyUse::kPut));
  SingleWrite write =
      MakeSingleWrite(request, table, std::move(row), &*language);
  AddMetrics(router, request, item.bytes, &write);
  RETURN_IF_ERROR(AddToken(request, item.bytes, &write));
  write.change.item = std::move(item);
  return SubmitSingleWrite(router, transactions, std::move(write), context,
                           reply);
}

}  // namespace

void RegisterPutItem(const HandlerOptions& options,
                     OperationRegistry* registry) {
  registry->Add(
      "PutItem",
      Submitted<wire::PutItemRequest>(
          [router = Router(options.host, options.index_keeper),
           cache = options.expressions, transactions = options.transactions](
              const wire::PutItemRequest& request, const CallContext& context,
              Reply reply) {
            const absl::Status status =
                PutItem(router, *cache, transactions, request, context, &reply);
            if (!status.ok()) reply(status);
          }));
}

}  // namespace pallet::service
