// SPDX-License-Identifier: Apache-2.0
//
// BatchGetItem: up to 100 rows of several tables. Reads until the response is
// full and tells the rest as unprocessed.
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "model/expression/projection.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/batch.pb.h"
#include "service/capacity.h"
#include "service/expiry/expiry_rows.h"
#include "service/handlers/batch.h"
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

constexpr int kMaxKeys = 100;

// What is read from one table. Keys are as the request has them, rows in the
// same order.
struct TableReads {
  std::string request_name;
  std::string name;
  const wire::KeysAndAttributes* request = nullptr;
  ItemLanguage language;
  std::vector<model::CanonicalItem> keys;
  cluster::TablePtr table;
  std::vector<Row> rows;
};

absl::Status CheckCounts(const wire::BatchGetItemRequest& request) {
  if (request.request_items().empty()) {
    return model::ValidationError(
        "The requestItems parameter is required for BatchGetItem");
  }
  int total = 0;
  for (const auto& [name, reads] : request.request_items()) {
    const int keys = reads.keys_size();
    if (keys == 0 || keys > kMaxKeys) {
      return model::ValidationError(absl::StrCat(
          "1 validation error detected: Value at 'RequestItems.", name,
          ".member.Keys' failed to satisfy constraint: Member must have "
          "length ",
          keys == 0 ? "greater than or equal to 1"
                    : absl::StrCat("less than or equal to ", kMaxKeys)));
    }
    total += keys;
  }
  if (total > kMaxKeys) {
    return model::ValidationError(
        "Too many items requested for the BatchGetItem call");
  }
  return absl::OkStatus();
}

// Expressions for one table and legacy parameters for another do not go
// together either.
absl::Status CheckOneLanguage(const wire::BatchGetItemRequest& request) {
  bool expressions = false, legacy = false;
  for (const auto& [name, reads] : request.request_items()) {
    expressions = expressions || reads.has_projection_expression();
    legacy = legacy || !reads.attributes_to_get().empty();
  }
  if (!expressions || !legacy) return absl::OkStatus();
  return model::ValidationError(
      "Can not use both expression and non-expression parameters in the same "
      "request: Non-expression parameters: {AttributesToGet} Expression "
      "parameters: {ProjectionExpression}");
}

// Everything before the tables are looked up.
absl::StatusOr<std::vector<TableReads>> Parse(
    const wire::BatchGetItemRequest& request, ExpressionCache& cache) {
  std::vector<TableReads> tables;
  for (const auto& [name, reads] : request.request_items()) {
    TableReads& table = tables.emplace_back();
    table.request_name = name;
    table.request = &reads;
    ASSIGN_OR_RETURN(table.name, TableOfItemRequest(&name));
  }
  RETURN_IF_ERROR(CheckCounts(request));
  RETURN_IF_ERROR(CheckBatchEnums(request));
  RETURN_IF_ERROR(CheckOneLanguage(request));
  RETURN_IF_ERROR(FreshnessOf(request.freshness()).status());
  for (TableReads& table : tables) {
    ASSIGN_OR_RETURN(table.language,
                     ParseItemLanguage(LanguageOf(*table.request), cache));
  }
  for (TableReads& table : tables) {
    for (const std::string& key : table.request->keys()) {
      ASSIGN_OR_RETURN(table.keys.emplace_back(), model::CanonicalizeItem(key));
    }
  }
  return tables;
}

absl::Status Route(const Router& router, std::vector<TableReads>* tables) {
  absl::flat_hash_set<std::string> seen;
  for (TableReads& reads : *tables) {
    ASSIGN_OR_RETURN(reads.table, router.Find(reads.name));
    RETURN_IF_ERROR(reads.language.CheckAgainst(*reads.table));
  }
  for (TableReads& reads : *tables) {
    for (const model::CanonicalItem& key : reads.keys) {
      ASSIGN_OR_RETURN(Row row, router.RowOfKey(*reads.table, key.bytes));
      if (!seen.insert(row.key).second) return DuplicateKeys();
      reads.rows.push_back(std::move(row));
    }
  }
  return absl::OkStatus();
}

// Reads rows until the response has its size.
class BatchReader {
 public:
  BatchReader(const Router& router, const wire::BatchGetItemRequest& request)
      : router_(router), capacity_(request.return_consumed_capacity()) {}

  absl::Status Read(const TableReads& reads) {
    std::string list;
    double units = 0;
    for (size_t i = 0; i < reads.rows.size(); ++i) {
      const absl::Status admitted = Admit(*reads.table, UnitKind::kRead);
      if (!admitted.ok()) throttled_ = admitted;
      std::optional<uint64_t> size;
      if (admitted.ok()) {
        ASSIGN_OR_RETURN(size, ReadRow(reads, reads.rows[i], &list));
      }
      if (!size.has_value()) {
        LeaveRest(reads, static_cast<int>(i));
        break;
      }
      const double taken = ReadUnits(*size, ConsistencyOf(*reads.request));
      Charge(*reads.table, UnitKind::kRead, taken);
      units += taken;
      read_any_ = true;
    }
    AppendMapEntry(wire::BatchGetItemResponse::kResponsesFieldNumber,
                   reads.request_name, list, &response_);
    if (units > 0 && WantsCapacity(capacity_)) {
      FillConsumedCapacity(capacity_, reads.request_name, units,
                           rest_.add_consumed_capacity());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Finish() {
    if (!read_any_ && !throttled_.ok()) return throttled_;
    AppendMessage(rest_, &response_);
    return std::move(response_);
  }

 private:
  // The item's size, 0 if it is not there; nullopt if it does not fit.
  absl::StatusOr<std::optional<uint64_t>> ReadRow(const TableReads& reads,
                                                  const Row& row,
                                                  std::string* list) {
    if (full_) return std::nullopt;
    uint64_t size = 0;
    RETURN_IF_ERROR(router_.host().Read(
        *row.partition,
        [&](storage::ReadTransaction& transaction) -> absl::Status {
          ASSIGN_OR_RETURN(const std::optional<storage::RowView> found,
                           transaction.Get(row.key));
          if (!found.has_value() ||
              IsHidden(*reads.table, found->item, router_.host().clock())) {
            return absl::OkStatus();
          }
          std::string part;
          absl::string_view item = found->item;
          if (reads.language.projection.has_value()) {
            part = model::expression::Project(
                reads.language.projection->tree->targets,
                model::ItemView(item));
            item = part;
          }
          const size_t field = FieldBytes(kListField, item.size());
          full_ = item_bytes_ + field > kBatchBytes;
          if (full_) return absl::OkStatus();
          item_bytes_ += field;
          AppendField(kListField, item, list);
          size = found->item_size;
          return absl::OkStatus();
        }));
    if (full_) return std::nullopt;
    return size;
  }

  void LeaveRest(const TableReads& reads, int from) {
    wire::KeysAndAttributes& left =
        (*rest_.mutable_unprocessed_keys())[reads.request_name];
    left = *reads.request;
    left.mutable_keys()->DeleteSubrange(0, from);
  }

  static constexpr uint32_t kListField = wire::ItemList::kItemsFieldNumber;

  const Router& router_;
  const wire::ReturnConsumedCapacity capacity_;
  std::string response_;
  wire::BatchGetItemResponse rest_;
  size_t item_bytes_ = 0;
  bool full_ = false;
  bool read_any_ = false;
  absl::Status throttled_;  // the last refusal by a table's meter
};

absl::StatusOr<std::string> BatchGetItem(
    const Router& router, ExpressionCache& cache,
    const wire::BatchGetItemRequest& request) {
  ASSIGN_OR_RETURN(std::vector<TableReads> tables, Parse(request, cache));
  RETURN_IF_ERROR(Route(router, &tables));
  BatchReader reader(router, request);
  for (const TableReads& reads : tables) {
    RETURN_IF_ERROR(reader.Read(reads));
    RETURN_IF_ERROR(router.CheckStillThere(*reads.table));
  }
  return reader.Finish();
}

}  // namespace

void RegisterBatchGetItem(const HandlerOptions& options,
                          OperationRegistry* registry) {
  registry->Add(
      "BatchGetItem",
      Pooled<wire::BatchGetItemRequest>(
          options.read_pool,
          [router = Router(options.host), cache = options.expressions](
              const wire::BatchGetItemRequest& request, const CallContext&) {
            return BatchGetItem(router, *cache, request);
          }));
}

}  // namespace pallet::service
