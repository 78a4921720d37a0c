// SPDX-License-Identifier: Apache-2.0
//
// What Query and Scan do with their pages: one of them as a response, or all of
// them as a stream. Their messages have the same numbers on the wire.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pallet/wire/v1/query.pb.h"
#include "service/capacity.h"
#include "service/handlers/item_language.h"
#include "service/handlers/page.h"
#include "service/handlers/row_source.h"
#include "service/operation.h"
#include "service/router.h"
#include "service/validation.h"

namespace pallet::service {

// A query or scan, validated and routed.
struct ItemPages {
  explicit ItemPages(Router with) : router(with) {}

  Router router;
  cluster::TablePtr table;   // lent to the walk
  RowSource source;          // what the walk is over
  bool fetch_items = false;  // return the items behind the entries
  Walk walk;
  std::optional<std::string> after;  // row key
  ItemLanguage language;
  bool with_items = true;
  int64_t limit = std::numeric_limits<int64_t>::max();  // evaluated items
  Consistency consistency = Consistency::kEventual;
  wire::v1::ReturnConsumedCapacity capacity =
      wire::v1::RETURN_CONSUMED_CAPACITY_UNSPECIFIED;
  std::string table_name;  // as the request has it
};

// What a query and a scan have in common. REQUIRES: the request is valid, and
// table and source are known. `language` is the request's.
template <typename Request>
void FillChoices(const Request& request, ItemLanguage language,
                 ItemPages* pages) {
  pages->with_items = request.select() != wire::v1::SELECT_COUNT;
  if (request.has_limit()) pages->limit = request.limit();
  pages->consistency = ConsistencyOf(request);
  pages->capacity = request.return_consumed_capacity();
  pages->table_name = request.table_name();
  pages->fetch_items =
      WantsMoreThanEntries(pages->source, request.select(), language);
  pages->language = std::move(language);
}

// "Must specify the AttributesToGet or ProjectionExpression when ..." and the
// like: what Select may be beside what the request projects.
absl::Status CheckSelect(wire::v1::Select select, bool has_index,
                         const LanguageParameters& parameters);

// Step 3. The form of an index's name, if there is one.
template <typename Request>
void CheckIndexName(const Request& request, model::Constraints* constraints) {
  if (request.has_index_name()) {
    CheckName(request.index_name(), "indexName", constraints);
  }
}

// Reads one page: an encoded QueryResponse or ScanResponse.
absl::StatusOr<std::string> OnePage(const ItemPages& pages);

// All pages as StreamQueryResponses or StreamScanResponses; `resume_token`, if
// not null, is where to go on.
absl::StatusOr<std::unique_ptr<PageSource>> StreamPages(
    ItemPages pages, const std::string* resume_token,
    const CallContext& context);

}  // namespace pallet::service
