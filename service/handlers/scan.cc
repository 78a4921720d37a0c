// SPDX-License-Identifier: Apache-2.0
//
// Scan and StreamScan: a whole table, or one of the segments that divide its
// hashes evenly, in the order of row keys.
#include <algorithm>
#include <cstdint>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
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

constexpr int32_t kMaxSegments = 1000000;

absl::Status CheckConstraints(const wire::ScanRequest& request) {
  model::Constraints constraints;
  CheckIndexName(request, &constraints);
  CheckEnum(EnumRule::kSelect, request.select(), "select", &constraints);
  if (request.has_limit()) {
    CheckRange(request.limit(), 1, INT32_MAX, "limit", &constraints);
  }
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            &constraints);
  if (request.has_total_segments()) {
    CheckRange(request.total_segments(), 1, kMaxSegments, "totalSegments",
               &constraints);
  }
  if (request.has_segment()) {
    CheckRange(request.segment(), 0, kMaxSegments - 1, "segment", &constraints);
  }
  return constraints.ToStatus();
}

absl::Status CheckSegments(const wire::ScanRequest& request) {
  if (request.has_segment() && !request.has_total_segments()) {
    return model::ValidationError(
        "The TotalSegments parameter is required but was not present in the "
        "request when Segment parameter is present");
  }
  if (request.has_total_segments() && !request.has_segment()) {
    return model::ValidationError(
        "The Segment parameter is required but was not present in the request "
        "when parameter TotalSegments is present");
  }
  if (request.has_segment() && request.segment() >= request.total_segments()) {
    return model::ValidationError(absl::StrCat(
        "The Segment parameter is zero-based and must be less than parameter "
        "TotalSegments: Segment: ",
        request.segment(),
        " is not less than TotalSegments: ", request.total_segments()));
  }
  return absl::OkStatus();
}

// The hashes of a segment: segment * 2^64 / total and on, up to the next one's.
storage::HashRange HashesOf(const wire::ScanRequest& request) {
  if (!request.has_segment()) return {};
  const auto begin = [&](int32_t segment) {
    return absl::uint128(segment) * (absl::uint128(1) << 64) /
           absl::uint128(request.total_segments());
  };
  return {absl::Uint128Low64(begin(request.segment())),
          absl::Uint128Low64(begin(request.segment() + 1) - 1)};
}

// The first possible row key behind all hashes up to `last`.
std::string EndOf(storage::KeyspaceId keyspace, uint64_t last) {
  return storage::PrefixEnd(storage::HashPrefix(keyspace, last));
}

Walk WalkOf(const RowSource& source, const storage::HashRange& hashes) {
  Walk walk;
  for (const cluster::TablePartition& partition : source.partitions()) {
    const uint64_t first = std::max(hashes.first, partition.range.first);
    const uint64_t last = std::min(hashes.last, partition.range.last);
    if (first > last) continue;
    walk.ranges.push_back({&partition,
                           storage::HashPrefix(source.keyspace, first),
                           EndOf(source.keyspace, last)});
  }
  return walk;
}

absl::StatusOr<std::string> RowKeyOf(const Router& router,
                                     const RowSource& source,
                                     absl::string_view start_key) {
  if (const auto keys = source.index_keys(); keys.has_value()) {
    ASSIGN_OR_RETURN(const model::IndexPlace place,
                     model::PlaceOfStartKey(*keys, model::ItemView(start_key)));
    return EntryKey(router, source, place);
  }
  absl::StatusOr<Row> row = router.RowOfKey(*source.table, start_key);
  if (row.ok()) return std::move(row->key);
  return model::ValidationError(
      absl::StrCat("The provided starting key is invalid: ",
                   absl::string_view(row.status().message())));
}

absl::StatusOr<std::string> StartOf(const Router& router,
                                    const RowSource& source,
                                    const wire::ScanRequest& request,
                                    const storage::HashRange& hashes,
                                    const model::CanonicalItem& start_key) {
  ASSIGN_OR_RETURN(std::string row_key,
                   RowKeyOf(router, source, start_key.bytes));
  if (!hashes.Contains(storage::HashOfRowKey(row_key))) {
    return model::ValidationError(absl::StrCat(
        "The provided starting key is invalid: Invalid ExclusiveStartKey. "
        "Please use ExclusiveStartKey with correct Segment. TotalSegments: ",
        request.total_segments(), " Segment: ", request.segment()));
  }
  return row_key;
}

}  // namespace

absl::StatusOr<ItemPages> PlanScan(const Router& router, ExpressionCache& cache,
                                   const wire::ScanRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckConstraints(request));
  const LanguageParameters parameters = LanguageOf(request);
  RETURN_IF_ERROR(
      CheckSelect(request.select(), request.has_index_name(), parameters));
  RETURN_IF_ERROR(CheckSegments(request));
  ASSIGN_OR_RETURN(ItemLanguage language, ParseItemLanguage(parameters, cache));
  model::CanonicalItem start_key;
  if (request.has_exclusive_start_key()) {
    ASSIGN_OR_RETURN(start_key,
                     model::CanonicalizeItem(request.exclusive_start_key()));
  }

  ItemPages pages(router);
  ASSIGN_OR_RETURN(pages.table, router.Find(name));
  const storage::HashRange hashes = HashesOf(request);
  ASSIGN_OR_RETURN(
      pages.source,
      SourceOf(*pages.table, PALLET_OPTIONAL(request, index_name)));
  RETURN_IF_ERROR(CheckGlobalRead(pages.source, request.consistent_read(),
                                  request.select(), language));
  RETURN_IF_ERROR(language.CheckAgainst(*pages.table));
  pages.walk = WalkOf(pages.source, hashes);
  if (request.has_exclusive_start_key()) {
    ASSIGN_OR_RETURN(pages.after,
                     StartOf(router, pages.source, request, hashes, start_key));
  }
  FillChoices(request, std::move(language), &pages);
  return pages;
}

namespace {

absl::StatusOr<std::string> Scan(const Router& router, ExpressionCache& cache,
                                 const wire::ScanRequest& request) {
  ASSIGN_OR_RETURN(const ItemPages pages, PlanScan(router, cache, request));
  return OnePage(pages);
}

absl::StatusOr<std::unique_ptr<PageSource>> StreamScan(
    const Router& router, ExpressionCache& cache,
    const wire::StreamScanRequest& request, const CallContext& context) {
  ASSIGN_OR_RETURN(ItemPages pages, PlanScan(router, cache, request.scan()));
  return StreamPages(std::move(pages), PALLET_OPTIONAL(request, resume_token),
                     context);
}

}  // namespace

void RegisterScan(const HandlerOptions& options, OperationRegistry* registry) {
  registry->Add(
      "Scan",
      FreshPooled<wire::ScanRequest>(
          options, [router = Router(options.host), cache = options.expressions](
                       const wire::ScanRequest& request, const CallContext&) {
            return Scan(router, *cache, request);
          }));
  registry->AddStream(
      "StreamScan",
      Streamed<wire::StreamScanRequest>(
          [options, router = Router(options.host), cache = options.expressions](
              const wire::StreamScanRequest& request,
              const CallContext& context)
              -> absl::StatusOr<std::unique_ptr<PageSource>> {
            ASSIGN_OR_RETURN(auto pages,
                             StreamScan(router, *cache, request, context));
            return FreshPages(options, request.scan(), context,
                              std::move(pages));
          }));
}

}  // namespace pallet::service
