// SPDX-License-Identifier: Apache-2.0
//
// Query and StreamQuery: a part of one item collection, in sort key order,
// either way.
#include "model/expression/key_condition.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/query.pb.h"
#include "service/handlers/freshness.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/item_pages.h"
#include "service/handlers/read_plans.h"
#include "service/router.h"
#include "service/validation.h"
#include "service/wire.h"
#include "storage/key_codec.h"

namespace pallet::service {
namespace {

absl::Status CheckConstraints(const wire::QueryRequest& request) {
  model::Constraints constraints;
  CheckIndexName(request, &constraints);
  CheckEnum(EnumRule::kSelect, request.select(), "select", &constraints);
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  RETURN_IF_ERROR(constraints.ToStatus());
  if (request.has_limit() && request.limit() < 1) {
    // Unlike Scan's, this one does not tell the value.
    return model::ValidationError(
        "1 validation error detected: Value at 'Limit' failed to satisfy "
        "constraint: Member must have value greater than or equal to 1");
  }
  return absl::OkStatus();
}

// Parsed and checked as far as that goes without the table.
absl::StatusOr<ItemLanguage> Parse(const wire::QueryRequest& request,
                                   ExpressionCache& cache) {
  const LanguageParameters parameters = LanguageOf(request);
  RETURN_IF_ERROR(model::WithEnvelope(
      CheckSelect(request.select(), request.has_index_name(), parameters)));
  ASSIGN_OR_RETURN(ItemLanguage language, ParseItemLanguage(parameters, cache));
  if (!language.key_condition.has_value()) {
    return model::ValidationError(
        "Either the KeyConditions or KeyConditionExpression parameter must be "
        "specified in the request.");
  }
  return language;
}

// Narrows a range to what the sort condition leaves. `prefix` is what all its
// rows begin with. Behind a bound come the rows that begin with it: one in a
// table, in an index those of equal index keys.
void Narrow(const model::SortCondition& sort, const std::string& prefix,
            RowRange* range) {
  const std::string bound = prefix + storage::EncodeKeyValue(sort.bound);
  switch (sort.op) {
    case model::SortOperator::kEqual:
      range->begin = bound;
      range->end = storage::PrefixEnd(bound);
      return;
    case model::SortOperator::kLess:
      range->end = bound;
      return;
    case model::SortOperator::kLessOrEqual:
      range->end = storage::PrefixEnd(bound);
      return;
    case model::SortOperator::kGreater:
      range->begin = storage::PrefixEnd(bound);
      return;
    case model::SortOperator::kGreaterOrEqual:
      range->begin = bound;
      return;
    case model::SortOperator::kBetween:
      range->begin = bound;
      range->end =
          storage::PrefixEnd(prefix + storage::EncodeKeyValue(*sort.upper));
      return;
    case model::SortOperator::kBeginsWith:
      // Without the two zero bytes that end a string or binary.
      range->begin = bound.substr(0, bound.size() - 2);
      range->end = storage::PrefixEnd(range->begin);
      return;
  }
}

Walk WalkOf(const Router& router, const RowSource& source,
            const model::KeyCondition& condition, bool forward) {
  std::string prefix = storage::CollectionPrefix(
      source.keyspace, condition.partition, router.hash_seed());
  RowRange range;
  range.partition = &source.PartitionOf(storage::HashOfRowKey(prefix));
  for (const model::KeyValue& value : condition.equal) {
    prefix += storage::EncodeKeyValue(value);
  }
  range.begin = prefix;
  range.end = storage::PrefixEnd(prefix);
  if (condition.sort.has_value()) Narrow(*condition.sort, prefix, &range);
  return Walk{{std::move(range)}, forward};
}

// The row key that an ExclusiveStartKey names.
absl::StatusOr<std::string> StartOf(const Router& router,
                                    const RowSource& source,
                                    const model::KeyCondition& condition,
                                    model::ItemView start_key) {
  if (const auto keys = source.index_keys(); keys.has_value()) {
    ASSIGN_OR_RETURN(const model::IndexPlace place,
                     model::QueryStartPlace(*keys, condition, start_key));
    return EntryKey(router, source, place);
  }
  const cluster::Table& table = *source.table;
  ASSIGN_OR_RETURN(const model::Key start,
                   model::QueryStartKey(table.key, condition, start_key));
  return storage::RowKey(table.keyspace, start, router.hash_seed());
}

}  // namespace

absl::StatusOr<ItemPages> PlanQuery(const Router& router,
                                    ExpressionCache& cache,
                                    const wire::QueryRequest& request,
                                    KeyFilter key_filter) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckConstraints(request));
  ASSIGN_OR_RETURN(ItemLanguage language, Parse(request, cache));
  model::CanonicalItem start_key;
  if (request.has_exclusive_start_key()) {
    ASSIGN_OR_RETURN(start_key,
                     model::CanonicalizeItem(request.exclusive_start_key()));
  }

  ItemPages pages(router);
  ASSIGN_OR_RETURN(pages.table, router.Find(name));
  ASSIGN_OR_RETURN(
      pages.source,
      SourceOf(*pages.table, PALLET_OPTIONAL(request, index_name)));
  const RowSource& source = pages.source;
  RETURN_IF_ERROR(CheckGlobalRead(source, request.consistent_read(),
                                  request.select(), language));
  ASSIGN_OR_RETURN(const model::KeyCondition condition,
                   language.key_condition->Bind(source.key()));
  RETURN_IF_ERROR(language.CheckAgainst(*pages.table));
  if (key_filter == KeyFilter::kRefused) {
    RETURN_IF_ERROR(CheckQueryFilter(language, source.key()));
  }
  pages.walk =
      WalkOf(router, source, condition,
             !request.has_scan_index_forward() || request.scan_index_forward());
  if (request.has_exclusive_start_key()) {
    ASSIGN_OR_RETURN(pages.after, StartOf(router, source, condition,
                                          model::ItemView(start_key.bytes)));
  }
  FillChoices(request, std::move(language), &pages);
  return pages;
}

namespace {

absl::StatusOr<std::string> Query(const Router& router, ExpressionCache& cache,
                                  const wire::QueryRequest& request) {
  ASSIGN_OR_RETURN(const ItemPages pages,
                   PlanQuery(router, cache, request, KeyFilter::kRefused));
  return OnePage(pages);
}

absl::StatusOr<std::unique_ptr<PageSource>> StreamQuery(
    const Router& router, ExpressionCache& cache,
    const wire::StreamQueryRequest& request, const CallContext& context) {
  ASSIGN_OR_RETURN(ItemPages pages, PlanQuery(router, cache, request.query(),
                                              KeyFilter::kRefused));
  return StreamPages(std::move(pages), PALLET_OPTIONAL(request, resume_token),
                     context);
}

}  // namespace

void RegisterQuery(const HandlerOptions& options, OperationRegistry* registry) {
  registry->Add(
      "Query",
      FreshPooled<wire::QueryRequest>(
          options, [router = Router(options.host), cache = options.expressions](
                       const wire::QueryRequest& request, const CallContext&) {
            return Query(router, *cache, request);
          }));
  registry->AddStream(
      "StreamQuery",
      Streamed<wire::StreamQueryRequest>(
          [options, router = Router(options.host), cache = options.expressions](
              const wire::StreamQueryRequest& request,
              const CallContext& context)
              -> absl::StatusOr<std::unique_ptr<PageSource>> {
            ASSIGN_OR_RETURN(auto pages,
                             StreamQuery(router, *cache, request, context));
            return FreshPages(options, request.query(), context,
                              std::move(pages));
          }));
}

}  // namespace pallet::service
