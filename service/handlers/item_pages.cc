// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_pages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/throttling.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using OneResponse = wire::QueryResponse;
using StreamResponse = wire::StreamQueryResponse;

template <typename A, typename B>
constexpr bool SameNumbers() {
  return int{A::kItemsFieldNumber} == int{B::kItemsFieldNumber} &&
         int{A::kCountFieldNumber} == int{B::kCountFieldNumber} &&
         int{A::kScannedCountFieldNumber} == int{B::kScannedCountFieldNumber} &&
         int{A::kConsumedCapacityFieldNumber} ==
             int{B::kConsumedCapacityFieldNumber} &&
         A::kItemsFieldNumber == kItemsField;
}
static_assert(SameNumbers<OneResponse, wire::ScanResponse>());
static_assert(SameNumbers<StreamResponse, wire::StreamScanResponse>());
static_assert(int{OneResponse::kLastEvaluatedKeyFieldNumber} ==
              int{wire::ScanResponse::kLastEvaluatedKeyFieldNumber});
static_assert(int{StreamResponse::kResumeTokenFieldNumber} ==
              int{wire::StreamScanResponse::kResumeTokenFieldNumber});

UnitsByArm UnitsOf(const ItemPages& pages, const Page& page) {
  UnitsByArm units;
  const double evaluated = ReadUnits(page.size, pages.consistency);
  if (pages.source.global != nullptr) {
    units.global_indexes[pages.source.global->schema->name()] = evaluated;
  } else if (pages.source.local != nullptr) {
    units.local_indexes[pages.source.local->name()] = evaluated;
    units.table = UnitsOfBlocks(page.fetched_blocks, pages.consistency);
  } else {
    units.table = evaluated;
  }
  return units;
}

// Whether the source is still there is asked behind the read.
absl::StatusOr<Page> Read(const ItemPages& pages,
                          const std::optional<std::string>& after,
                          int64_t limit, size_t reserve) {
  RETURN_IF_ERROR(pages.source.global == nullptr
                      ? Admit(*pages.table, UnitKind::kRead)
                      : AdmitRead(*pages.table, *pages.source.global));
  PageOptions options;
  options.schema = &pages.table->key;
  options.index = pages.source.index_keys();
  if (pages.fetch_items) options.items_of = pages.table->keyspace;
  options.with_items = pages.with_items;
  options.limit = limit;
  options.reserve = reserve;
  const auto& time_to_live = pages.table->time_to_live;
  if (time_to_live.has_value() && time_to_live->hides_expired) {
    options.hides_expired_of = pages.table.get();
  }
  if (pages.language.filter.has_value()) {
    options.filter = &*pages.language.filter;
  }
  if (pages.language.projection.has_value()) {
    options.projection = &pages.language.projection->tree->targets;
  }
  ASSIGN_OR_RETURN(Page page,
                   ReadPage(pages.router.host(), pages.walk, after, options));
  RETURN_IF_ERROR(CheckStillThere(pages.router, pages.source));
  Charge(*pages.table, UnitKind::kRead, UnitsOf(pages, page));
  return page;
}

// Fills everything but the items and where to go on.
template <typename Response>
void FillAccounts(const ItemPages& pages, const Page& page,
                  Response* response) {
  response->set_count(page.count);
  response->set_scanned_count(page.evaluated);
  if (WantsCapacity(pages.capacity)) {
    FillConsumedCapacity(pages.capacity, pages.table_name, UnitsOf(pages, page),
                         response->mutable_consumed_capacity());
  }
}

// Items first, as they were read; the rest behind them.
template <typename Response>
std::string Encode(Page page, const Response& rest) {
  std::string encoded = std::move(page.items);
  AppendMessage(rest, &encoded);
  return encoded;
}

// Room for what follows the items of a page.
constexpr size_t kRestBytes = 16384;

// Memory: one page, whatever the length of the stream.
class ItemPageSource final : public PageSource {
 public:
  ItemPageSource(ItemPages pages, CallContext context)
      : pages_(std::move(pages)),
        context_(std::move(context)),
        after_(pages_.after),
        left_(pages_.limit) {}

  absl::StatusOr<std::optional<std::string>> Next() override {
    if (ended_) return std::nullopt;
    RETURN_IF_ERROR(context_.Check());
    ASSIGN_OR_RETURN(Page page, Read(pages_, after_, left_, reserve_));
    reserve_ = page.items.size() + kRestBytes;
    left_ -= page.evaluated;
    ended_ = !page.last.has_value() || left_ == 0;

    StreamResponse rest;
    FillAccounts(pages_, page, &rest);
    if (page.last.has_value()) {
      after_ = page.last->row_key;
      rest.set_resume_token(EncodeResumeToken(*after_));
    }
    return Encode(std::move(page), rest);
  }

 private:
  const ItemPages pages_;
  const CallContext context_;
  std::optional<std::string> after_;
  int64_t left_;        // items it may still evaluate
  size_t reserve_ = 0;  // as much as the page before had
  bool ended_ = false;
};

}  // namespace

absl::Status CheckSelect(wire::Select select, bool has_index,
                         const LanguageParameters& parameters) {
  const absl::string_view projected =
      parameters.projection_expression != nullptr ? "ProjectionExpression"
      : parameters.attributes_to_get != nullptr   ? "AttributesToGet"
                                                  : "";
  if (select == wire::SELECT_ALL_PROJECTED_ATTRIBUTES && !has_index) {
    return model::ValidationError(
        "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES "
        "can be used only when Querying using an IndexName");
  }
  if (select == wire::SELECT_SPECIFIC_ATTRIBUTES && projected.empty()) {
    // Query has this in the envelope, Scan has not.
    return model::EnvelopedValidationError(
        "Must specify the AttributesToGet or ProjectionExpression when "
        "choosing to get SPECIFIC_ATTRIBUTES");
  }
  if (!projected.empty() && select != wire::SELECT_UNSPECIFIED &&
      select != wire::SELECT_SPECIFIC_ATTRIBUTES) {
    return model::ValidationError(absl::StrCat(
        "Cannot specify the ", projected, " when choosing to get ",
        select == wire::SELECT_COUNT            ? "COUNT"
        : select == wire::SELECT_ALL_ATTRIBUTES ? "ALL_ATTRIBUTES"
                                                : "ALL_PROJECTED_ATTRIBUTES"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> OnePage(const ItemPages& pages) {
  ASSIGN_OR_RETURN(Page page, Read(pages, pages.after, pages.limit, 0));
  OneResponse rest;
  FillAccounts(pages, page, &rest);
  if (page.last.has_value()) {
    rest.set_last_evaluated_key(page.last->key_item);
  }
  return Encode(std::move(page), rest);
}

absl::StatusOr<std::unique_ptr<PageSource>> StreamPages(
    ItemPages pages, const std::string* resume_token,
    const CallContext& context) {
  if (resume_token != nullptr) {
    if (pages.after.has_value()) {
      return model::ValidationError(
          "The resume token and ExclusiveStartKey exclude each other");
    }
    ASSIGN_OR_RETURN(pages.after, DecodeResumeToken(pages.walk, *resume_token));
  }
  return std::make_unique<ItemPageSource>(std::move(pages), context);
}

}  // namespace pallet::service
