// SPDX-License-Identifier: Apache-2.0
//
// GetItem: one row, read on the caller's thread, its stored bytes spliced into
// the response inside the read transaction.
#include "model/expression/projection.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/capacity.h"
#include "service/expiry/expiry_rows.h"
#include "service/handlers/freshness.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/item_language.h"
#include "service/router.h"
#include "service/throttling.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

constexpr uint32_t kItemField = 1;
static_assert(kItemField == wire::GetItemResponse::kItemFieldNumber);

absl::Status Validate(const wire::GetItemRequest& request) {
  model::Constraints constraints;
  CheckPresent(request.has_key(), "key", &constraints);
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  return constraints.ToStatus();
}

// Appends the item, if it is there, and returns its size.
absl::StatusOr<uint64_t> ReadItem(const Router& router,
                                  const cluster::Table& table, const Row& row,
                                  const ItemLanguage& language,
                                  std::string* response) {
  uint64_t size = 0;
  RETURN_IF_ERROR(router.host().Read(
      *row.partition,
      [&](storage::ReadTransaction& transaction) -> absl::Status {
        ASSIGN_OR_RETURN(const std::optional<storage::RowView> found,
                         transaction.Get(row.key));
        if (!found.has_value() ||
            IsHidden(table, found->item, router.host().clock())) {
          return absl::OkStatus();
        }
        size = found->item_size;
        if (language.projection.has_value()) {
          AppendField(
              kItemField,
              model::expression::Project(language.projection->tree->targets,
                                         model::ItemView(found->item)),
              response);
          return absl::OkStatus();
        }
        response->reserve(FieldBytes(kItemField, found->item.size()));
        AppendField(kItemField, found->item, response);
        return absl::OkStatus();
      }));
  return size;
}

absl::StatusOr<std::string> GetItem(const Router& router,
                                    ExpressionCache& cache,
                                    const wire::GetItemRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(Validate(request));
  RETURN_IF_ERROR(FreshnessOf(request.freshness()).status());
  ASSIGN_OR_RETURN(const ItemLanguage language,
                   ParseItemLanguage(LanguageOf(request), cache));
  ASSIGN_OR_RETURN(const model::CanonicalItem key,
                   model::CanonicalizeItem(request.key()));
  ASSIGN_OR_RETURN(const cluster::TablePtr table, router.Find(name));
  ASSIGN_OR_RETURN(const Row row, router.RowOfKey(*table, key.bytes));
  RETURN_IF_ERROR(language.CheckAgainst(*table));
  RETURN_IF_ERROR(Admit(*table, UnitKind::kRead));

  std::string response;
  ASSIGN_OR_RETURN(const uint64_t size,
                   ReadItem(router, *table, row, language, &response));
  if (response.empty()) RETURN_IF_ERROR(router.CheckStillThere(*table));
  const double units = ReadUnits(size, ConsistencyOf(request));
  Charge(*table, UnitKind::kRead, units);
  if (WantsCapacity(request.return_consumed_capacity())) {
    wire::GetItemResponse rest;
    FillConsumedCapacity(request.return_consumed_capacity(),
                         request.table_name(), units,
                         rest.mutable_consumed_capacity());
    AppendMessage(rest, &response);
  }
  return response;
}

}  // namespace

void RegisterGetItem(const HandlerOptions& options,
                     OperationRegistry* registry) {
  registry->Add(
      "GetItem",
      Inline<wire::GetItemRequest>(
          [router = Router(options.host), cache = options.expressions](
              const wire::GetItemRequest& request, const CallContext&) {
            return GetItem(router, *cache, request);
          }));
}

}  // namespace pallet::service
