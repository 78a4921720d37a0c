// SPDX-License-Identifier: Apache-2.0
//
// TransactWriteItems: up to 100 writes and checks of different items, all or
// none. What needs no data is checked here; the rest is
// service/transactions/write_run.h.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/transaction.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/index_rows.h"
#include "service/handlers/item_language.h"
#include "service/handlers/transact.h"
#include "service/item_collections.h"
#include "service/router.h"
#include "service/throttling.h"
#include "service/transactions/transactions.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

constexpr size_t kMaxToken = 36;

// One action as far as it is known without its table.
struct ParsedAction {
  std::string request_table;
  std::string table;
  ItemLanguage language;
  model::CanonicalItem item;  // of a Put; else the key
  bool is_put = false;
  bool is_update = false;
  bool is_check = false;
  bool return_item = false;
  size_t bytes = 0;  // of the request
};

int MembersOf(const wire::TransactWriteItem& action) {
  return action.has_condition_check() + action.has_put() +
         action.has_delete_() + action.has_update();
}

// Calls `function` with the name and the message of the member that is set.
template <typename Function>
auto Visit(const wire::TransactWriteItem& action, Function function) {
  if (action.has_put()) return function("put", action.put());
  if (action.has_delete_()) return function("delete", action.delete_());
  if (action.has_update()) return function("update", action.update());
  return function("conditionCheck", action.condition_check());
}

template <typename Member>
void Constrain(const Member& member, const std::string& path,
               model::Constraints* constraints) {
  if constexpr (requires { member.has_item(); }) {
    CheckPresent(member.has_item(), absl::StrCat(path, ".item"), constraints);
  } else {
    CheckPresent(member.has_key(), absl::StrCat(path, ".key"), constraints);
  }
  CheckPresent(member.has_table_name(), absl::StrCat(path, ".tableName"),
               constraints);
  if constexpr (requires { member.has_update_expression(); }) {
    CheckPresent(member.has_update_expression(),
                 absl::StrCat(path, ".updateExpression"), constraints);
  }
  if constexpr (std::is_same_v<Member, wire::ConditionCheck>) {
    CheckPresent(member.has_condition_expression(),
                 absl::StrCat(path, ".conditionExpression"), constraints);
  }
  CheckEnum(EnumRule::kReturnValuesOnConditionCheckFailure,
            member.return_values_on_condition_check_failure(),
            absl::StrCat(path, ".returnValuesOnConditionCheckFailure"),
            constraints);
}

absl::Status CheckConstraints(const wire::TransactWriteItemsRequest& request) {
  RETURN_IF_ERROR(CheckTransactCount(request.transact_items_size()));
  for (const wire::TransactWriteItem& action : request.transact_items()) {
    if (MembersOf(action) != 1) {
      return model::ValidationError(
          "TransactItems can only contain one of Check, Put, Update or Delete");
    }
  }
  model::Constraints constraints;
  for (int i = 0; i < request.transact_items_size(); ++i) {
    Visit(request.transact_items(i), [&](absl::string_view name,
                                         const auto& member) {
      Constrain(member, absl::StrCat("transactItems.", i + 1, ".member.", name),
                &constraints);
    });
  }
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  CheckEnum(EnumRule::kReturnItemCollectionMetrics,
            request.return_item_collection_metrics(),
            "returnItemCollectionMetrics", &constraints);
  if (request.has_client_request_token()) {
    constraints.CheckLength(request.client_request_token(),
                            "clientRequestToken", 1, kMaxToken);
  }
  return constraints.ToStatus();
}

template <typename Member>
absl::StatusOr<ParsedAction> ParseMember(const Member& member,
                                         ExpressionCache& cache) {
  ParsedAction parsed;
  parsed.request_table = member.table_name();
  ASSIGN_OR_RETURN(parsed.table,
                   TableOfItemRequest(PALLET_OPTIONAL(member, table_name)));
  ASSIGN_OR_RETURN(parsed.language,
                   ParseItemLanguage(LanguageOf(member), cache));
  if constexpr (requires { member.item(); }) {
    parsed.is_put = true;
    ASSIGN_OR_RETURN(parsed.item, model::CanonicalizeItem(member.item()));
    RETURN_IF_ERROR(CheckItemSize(parsed.item.size));
  } else {
    ASSIGN_OR_RETURN(parsed.item, model::CanonicalizeItem(member.key()));
  }
  parsed.is_update = std::is_same_v<Member, wire::Update>;
  parsed.is_check = std::is_same_v<Member, wire::ConditionCheck>;
  parsed.return_item = member.return_values_on_condition_check_failure() ==
                       wire::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD;
  parsed.bytes = parsed.item.size + member.condition_expression().size();
  if constexpr (requires { member.update_expression(); }) {
    parsed.bytes += member.update_expression().size();
  }
  for (const auto& [name, value] : member.expression_attribute_values()) {
    parsed.bytes += name.size() + value.size();
  }
  return parsed;
}

absl::StatusOr<std::vector<ParsedAction>> Parse(
    const wire::TransactWriteItemsRequest& request, ExpressionCache& cache) {
  std::vector<ParsedAction> actions;
  size_t bytes = 0;
  for (const wire::TransactWriteItem& action : request.transact_items()) {
    ASSIGN_OR_RETURN(actions.emplace_back(),
                     Visit(action, [&](absl::string_view, const auto& member) {
                       return ParseMember(member, cache);
                     }));
    bytes += actions.back().bytes;
  }
  RETURN_IF_ERROR(CheckTransactBytes(bytes));
  return actions;
}

// What does not depend on data but on the table. The first such fault cancels
// the transaction; only its action is told.
absl::Status CheckAgainstTable(const Router& router,
                               const cluster::Table& table,
                               const ParsedAction& action) {
  const model::ItemView item(action.item.bytes);
  if (!FitsKeySchema(table.key, item, !action.is_put)) {
    return action.is_put ? router.RowOfItem(table, action.item.bytes).status()
                         : router.RowOfKey(table, action.item.bytes).status();
  }
  RETURN_IF_ERROR(action.language.CheckAgainst(table));
  if (!action.is_put) return absl::OkStatus();
  return CheckIndexKeys(table, action.item.bytes, model::IndexKeyUse::kPut);
}

absl::Status CancelledBy(size_t position, size_t actions,
                         const absl::Status& status) {
  Refusals refusals(actions);
  refusals[position].set_code(std::string(CancellationCode(status)));
  refusals[position].set_message(std::string(status.message()));
  return Cancelled(std::move(refusals));
}

ItemChange ChangeOf(ParsedAction action, bool reports_units) {
  ItemChange change;
  change.reports_units = reports_units;
  if (action.language.condition.has_value()) {
    change.condition = std::make_unique<const ItemCondition>(ItemCondition{
        *std::move(action.language.condition), action.return_item});
  }
  if (action.is_put) {
    change.item = std::move(action.item);
  } else if (action.is_update) {
    change.update = std::make_unique<const ItemUpdate>(ItemUpdate{
        std::move(action.language.update), action.language.update_language,
        std::move(action.item.bytes)});
  }
  return change;
}

using Metrics = std::map<std::string, std::vector<wire::ItemCollectionMetrics>>;

// The plan, partition by partition, and the metrics that are asked for.
class Planner {
 public:
  Planner(const Router& router, const wire::TransactWriteItemsRequest& request)
      : router_(router), request_(request) {}

  absl::StatusOr<TransactionPlan> Plan(std::vector<ParsedAction> actions) {
    std::vector<cluster::TablePtr> tables;
    for (const ParsedAction& action : actions) {
      ASSIGN_OR_RETURN(tables.emplace_back(), router_.Find(action.table));
    }
    for (size_t i = 0; i < actions.size(); ++i) {
      const absl::Status fits =
          CheckAgainstTable(router_, *tables[i], actions[i]);
      if (!fits.ok()) return CancelledBy(i, actions.size(), fits);
    }
    TransactionPlan plan;
    plan.actions = actions.size();
    for (size_t i = 0; i < actions.size(); ++i) {
      RETURN_IF_ERROR(Add(i, tables[i], std::move(actions[i])));
    }
    for (auto& [id, part] : parts_) {
      RETURN_IF_ERROR(Admit(*part.table, UnitKind::kWrite));
      RETURN_IF_ERROR(router_.CheckRoom(*part.table, id));
      plan.parts.push_back(std::move(part));
    }
    return plan;
  }

  Metrics TakeMetrics() { return std::move(metrics_); }

 private:
  absl::Status Add(size_t position, const cluster::TablePtr& table,
                   ParsedAction action) {
    ASSIGN_OR_RETURN(
        Row row, action.is_put ? router_.RowOfItem(*table, action.item.bytes)
                               : router_.RowOfKey(*table, action.item.bytes));
    if (!seen_.insert(row.key).second) return SameItemTwice();
    if (WantsMetrics(request_.return_item_collection_metrics(), *table) &&
        !action.is_check) {
      AddMetrics(action.request_table, *table, *row.partition,
                 action.item.bytes);
    }
    TransactionPart& part = parts_[row.partition->id];
    part.table = table;
    part.partition = row.partition;
    TransactionAction& added = part.actions.emplace_back();
    added.position = position;
    added.table_name = action.request_table;
    added.only_checks = action.is_check;
    added.change = ChangeOf(std::move(action),
                            WantsCapacity(request_.return_consumed_capacity()));
    added.change.row_key = std::move(row.key);
    return absl::OkStatus();
  }

  // One of each collection.
  void AddMetrics(const std::string& table_name, const cluster::Table& table,
                  const cluster::TablePartition& partition,
                  absl::string_view item) {
    wire::ItemCollectionMetrics metrics =
        MetricsOf(router_.host(), table, partition, item);
    if (!collections_.insert({table_name, metrics.item_collection_key()})
             .second) {
      return;
    }
    metrics_[table_name].push_back(std::move(metrics));
  }

  const Router& router_;
  const wire::TransactWriteItemsRequest& request_;
  absl::flat_hash_set<std::string> seen_;
  std::map<storage::PartitionId, TransactionPart> parts_;
  Metrics metrics_;
  std::set<std::pair<std::string, std::string>> collections_;
};

// Of all that decides what the request does.
std::string Fingerprint(const wire::TransactWriteItemsRequest& request,
                        const std::vector<ParsedAction>& actions) {
  wire::TransactWriteItemsRequest same = request;
  same.clear_client_request_token();
  same.clear_return_consumed_capacity();
  same.clear_return_item_collection_metrics();
  for (int i = 0; i < same.transact_items_size(); ++i) {
    // Equal items have equal bytes in their canonical form.
    const std::string& bytes = actions[static_cast<size_t>(i)].item.bytes;
    wire::TransactWriteItem* const action = same.mutable_transact_items(i);
    if (action->has_put()) action->mutable_put()->set_item(bytes);
    if (action->has_delete_()) action->mutable_delete_()->set_key(bytes);
    if (action->has_update()) action->mutable_update()->set_key(bytes);
    if (action->has_condition_check()) {
      action->mutable_condition_check()->set_key(bytes);
    }
  }
  return FingerprintOf(same);
}

// What the answer is made of, besides the result.
struct Telling {
  wire::ReturnConsumedCapacity capacity;
  // By position.
  std::vector<std::string> table_names;
  std::vector<cluster::TablePtr> tables;
  Metrics metrics;
};

wire::TransactWriteItemsResponse ResponseOf(const Telling& telling,
                                            TransactionResult result) {
  wire::TransactWriteItemsResponse response;
  std::map<std::string, UnitsByArm> units;
  for (size_t i = 0; i < result.outcomes.size(); ++i) {
    UnitsByArm& each = result.outcomes[i].units;
    DoubleTableUnits(&each);
    Charge(*telling.tables[i], UnitKind::kWrite, each);
    units[telling.table_names[i]].Add(each);
  }
  for (const auto& each : result.replay) {
    units[each.table_name()].table += each.read_units();
  }
  FillTransactCapacity(
      telling.capacity,
      result.is_repeat ? TransactKind::kRead : TransactKind::kWrite, units,
      response.mutable_consumed_capacity());
  for (const auto& [table, list] : telling.metrics) {
    auto& told = (*response.mutable_item_collection_metrics())[table];
    for (const auto& each : list) *told.add_metrics() = each;
  }
  for (std::string& position : result.positions) {
    response.add_positions(std::move(position));
  }
  return response;
}

absl::Status TransactWriteItems(const Router& router, ExpressionCache& cache,
                                Transactions& transactions,
                                const wire::TransactWriteItemsRequest& request,
                                const CallContext& context, Reply* reply) {
  RETURN_IF_ERROR(CheckConstraints(request));
  ASSIGN_OR_RETURN(std::vector<ParsedAction> actions, Parse(request, cache));
  std::string fingerprint;
  if (request.has_client_request_token()) {
    fingerprint = Fingerprint(request, actions);
  }
  Planner planner(router, request);
  ASSIGN_OR_RETURN(TransactionPlan plan, planner.Plan(std::move(actions)));
  plan.token = request.client_request_token();
  plan.fingerprint = std::move(fingerprint);
  Telling telling;
  telling.capacity = request.return_consumed_capacity();
  telling.metrics = planner.TakeMetrics();
  telling.table_names.resize(plan.actions);
  telling.tables.resize(plan.actions);
  for (const TransactionPart& part : plan.parts) {
    for (const TransactionAction& action : part.actions) {
      telling.table_names[action.position] = action.table_name;
      telling.tables[action.position] = part.table;
    }
  }
  transactions.Write(
      std::move(plan), context,
      [reply = std::move(*reply), telling = std::move(telling)](
          absl::StatusOr<TransactionResult> result) mutable {
        if (!result.ok()) return reply(result.status());
        reply(ResponseOf(telling, *std::move(result)).SerializeAsString());
      });
  return absl::OkStatus();
}

}  // namespace

void RegisterTransactWriteItems(const HandlerOptions& options,
                                OperationRegistry* registry) {
  registry->Add(
      "TransactWriteItems",
      Submitted<wire::TransactWriteItemsRequest>(
          [router = Router(options.host, options.index_keeper),
           cache = options.expressions, transactions = options.transactions](
              const wire::TransactWriteItemsRequest& request,
              const CallContext& context, Reply reply) {
            const absl::Status status = TransactWriteItems(
                router, *cache, *transactions, request, context, &reply);
            if (!status.ok()) reply(status);
          }));
}

}  // namespace pallet::service
