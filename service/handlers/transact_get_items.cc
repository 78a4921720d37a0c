// SPDX-License-Identifier: Apache-2.0
//
// TransactGetItems: up to 100 items of several tables as they were at one
// moment (service/transactions/consistent_read.h).
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "model/expression/projection.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/transaction.pb.h"
#include "service/expiry/expiry_rows.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/item_language.h"
#include "service/handlers/transact.h"
#include "service/router.h"
#include "service/throttling.h"
#include "service/transactions/transactions.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

struct ParsedGet {
  std::string request_table;
  std::string table_name;
  ItemLanguage language;
  model::CanonicalItem key;
  cluster::TablePtr table = nullptr;
};

absl::Status CheckConstraints(const wire::TransactGetItemsRequest& request) {
  RETURN_IF_ERROR(CheckTransactCount(request.transact_items_size()));
  model::Constraints constraints;
  for (int i = 0; i < request.transact_items_size(); ++i) {
    const wire::TransactGetItem& item = request.transact_items(i);
    const std::string path =
        absl::StrCat("transactItems.", i + 1, ".member.get");
    CheckPresent(item.has_get(), path, &constraints);
    if (!item.has_get()) continue;
    CheckPresent(item.get().has_key(), absl::StrCat(path, ".key"),
                 &constraints);
    CheckPresent(item.get().has_table_name(), absl::StrCat(path, ".tableName"),
                 &constraints);
  }
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  return constraints.ToStatus();
}

absl::StatusOr<std::vector<ParsedGet>> Parse(
    const wire::TransactGetItemsRequest& request, ExpressionCache& cache) {
  std::vector<ParsedGet> gets;
  for (const wire::TransactGetItem& item : request.transact_items()) {
    ParsedGet& parsed = gets.emplace_back();
    const wire::Get& get = item.get();
    parsed.request_table = get.table_name();
    ASSIGN_OR_RETURN(parsed.table_name,
                     TableOfItemRequest(PALLET_OPTIONAL(get, table_name)));
    ASSIGN_OR_RETURN(parsed.language,
                     ParseItemLanguage(LanguageOf(get), cache));
    ASSIGN_OR_RETURN(parsed.key, model::CanonicalizeItem(get.key()));
  }
  return gets;
}

absl::Status CheckAgainstTables(const Router& router,
                                std::vector<ParsedGet>* gets) {
  for (ParsedGet& get : *gets) {
    ASSIGN_OR_RETURN(get.table, router.Find(get.table_name));
  }
  for (size_t i = 0; i < gets->size(); ++i) {
    const ParsedGet& get = (*gets)[i];
    RETURN_IF_ERROR(get.language.CheckAgainst(*get.table));
    if (FitsKeySchema(get.table->key, model::ItemView(get.key.bytes), true)) {
      continue;
    }
    const absl::Status status =
        router.RowOfKey(*get.table, get.key.bytes).status();
    Refusals refusals(gets->size());
    refusals[i].set_code(std::string(CancellationCode(status)));
    refusals[i].set_message(std::string(status.message()));
    return Cancelled(std::move(refusals));
  }
  return absl::OkStatus();
}

absl::StatusOr<ReadPlan> PlanOf(const Router& router,
                                const std::vector<ParsedGet>& gets) {
  absl::flat_hash_set<std::string> seen;
  std::map<storage::PartitionId, ReadPart> parts;
  for (size_t i = 0; i < gets.size(); ++i) {
    const cluster::TablePtr& table = gets[i].table;
    ASSIGN_OR_RETURN(Row row, router.RowOfKey(*table, gets[i].key.bytes));
    if (!seen.insert(row.key).second) return SameItemTwice();
    ReadPart& part = parts[row.partition->id];
    part.table = table;
    part.partition = row.partition;
    part.rows.push_back({i, std::move(row.key)});
  }
  ReadPlan plan;
  plan.items = gets.size();
  for (auto& [id, part] : parts) {
    RETURN_IF_ERROR(Admit(*part.table, UnitKind::kRead));
    plan.parts.push_back(std::move(part));
  }
  return plan;
}

// An encoded ItemResponse.
std::string ResponseOf(const ParsedGet& get,
                       const std::optional<ReadItem>& item, Clock* clock) {
  std::string encoded;
  if (!item.has_value() || IsHidden(*get.table, item->bytes, clock)) {
    return encoded;
  }
  constexpr uint32_t kField = wire::ItemResponse::kItemFieldNumber;
  if (!get.language.projection.has_value()) {
    AppendField(kField, item->bytes, &encoded);
    return encoded;
  }
  AppendField(kField,
              model::expression::Project(get.language.projection->tree->targets,
                                         model::ItemView(item->bytes)),
              &encoded);
  return encoded;
}

absl::StatusOr<std::string> TransactGetItems(
    const Router& router, ExpressionCache& cache, Transactions& transactions,
    const wire::TransactGetItemsRequest& request) {
  RETURN_IF_ERROR(CheckConstraints(request));
  ASSIGN_OR_RETURN(std::vector<ParsedGet> gets, Parse(request, cache));
  RETURN_IF_ERROR(CheckAgainstTables(router, &gets));
  ASSIGN_OR_RETURN(const ReadPlan plan, PlanOf(router, gets));
  ASSIGN_OR_RETURN(const ConsistentItems items, transactions.Read(plan));
  std::string response;
  std::map<std::string, UnitsByArm> units;
  size_t bytes = 0;
  for (size_t i = 0; i < gets.size(); ++i) {
    const uint32_t size = items[i].has_value() ? items[i]->size : 0;
    const double taken = 2 * ReadUnits(size, Consistency::kStrong);
    Charge(*gets[i].table, UnitKind::kRead, taken);
    units[gets[i].request_table].table += taken;
    bytes += size;
    AppendField(wire::TransactGetItemsResponse::kResponsesFieldNumber,
                ResponseOf(gets[i], items[i], router.host().clock()),
                &response);
    if (!items[i].has_value()) {
      RETURN_IF_ERROR(router.CheckStillThere(*gets[i].table));
    }
  }
  RETURN_IF_ERROR(CheckTransactBytes(bytes));
  wire::TransactGetItemsResponse rest;
  FillTransactCapacity(request.return_consumed_capacity(), TransactKind::kRead,
                       units, rest.mutable_consumed_capacity());
  AppendMessage(rest, &response);
  return response;
}

}  // namespace

void RegisterTransactGetItems(const HandlerOptions& options,
                              OperationRegistry* registry) {
  registry->Add("TransactGetItems",
                Pooled<wire::TransactGetItemsRequest>(
                    options.read_pool,
                    [router = Router(options.host), cache = options.expressions,
                     transactions = options.transactions](
                        const wire::TransactGetItemsRequest& request,
                        const CallContext&) {
                      return TransactGetItems(router, *cache, *transactions,
                                              request);
                    }));
}

}  // namespace pallet::service
