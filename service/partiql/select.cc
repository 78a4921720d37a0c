// SPDX-License-Identifier: Apache-2.0
#include "service/partiql/select.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/capacity.h"
#include "service/handlers/read_plans.h"
#include "service/handlers/row_source.h"
#include "service/partiql/expression_writer.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service::partiql {
namespace {

using model::partiql::OrderKey;
using model::partiql::Statement;
using model::partiql::Term;

constexpr uint32_t kItems = wire::ExecuteStatementResponse::kItemsFieldNumber;
static_assert(kItems == kItemsField);

// No further partition is begun when so much was read; each has pages of this
// size of its own.
constexpr double kPageBlocks = static_cast<double>(kPageBytes) / 4096;

absl::Status NoSuchIndex() {
  return model::ValidationError("The table does not have the specified index");
}

UnitsByArm UnitsOf(const wire::ConsumedCapacity& report) {
  UnitsByArm units;
  units.table = report.table().capacity_units();
  for (const auto& [name, arm] : report.local_secondary_indexes()) {
    units.local_indexes[name] = arm.capacity_units();
  }
  for (const auto& [name, arm] : report.global_secondary_indexes()) {
    units.global_indexes[name] = arm.capacity_units();
  }
  return units;
}

// The top-level attributes that terms read, in the order written.
void CollectAttributes(const Term& term, std::vector<std::string>* names) {
  if (term.kind == Term::Kind::kPath) {
    const std::string& name = term.path.attribute();
    if (std::find(names->begin(), names->end(), name) == names->end()) {
      names->push_back(name);
    }
  }
  for (const Term& operand : term.operands) CollectAttributes(operand, names);
}

}  // namespace

// What was read so far.
struct Select::Progress {
  std::string items;  // encoded fields
  int64_t evaluated = 0;
  UnitsByArm units = {};
  std::string last_key = {};  // of the page that was read last, if it was cut
  std::optional<Place> next = {};

  int64_t Left(const wire::ExecuteStatementRequest& request) const {
    return request.has_limit() ? request.limit() - evaluated : 1;
  }
};

absl::StatusOr<std::unique_ptr<Select>> Select::Prepare(
    const Router& router, ExpressionCache* cache,
    wire::ExecuteStatementRequest request, Statement statement) {
  std::unique_ptr<Select> select(
      new Select(router, cache, std::move(request), std::move(statement)));
  RETURN_IF_ERROR(select->Plan());
  return select;
}

absl::Status Select::Plan() {
  ASSIGN_OR_RETURN(columns_, Columns::Create(statement_.columns));
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfItemRequest(&statement_.table));
  absl::StatusOr<cluster::TablePtr> table = router_.Find(name);
  if (!table.ok()) {
    // What is wrong with the statement itself is told first.
    if (statement_.where.has_value()) {
      wire::ScanRequest scan;
      ExpressionWriter writer(request_.parameters());
      ASSIGN_OR_RETURN(const std::string text,
                       writer.Condition({&*statement_.where}));
      scan.set_filter_expression(text);
      writer.MoveInto(&scan);
      RETURN_IF_ERROR(ParseItemLanguage(LanguageOf(scan), *cache_).status());
    }
    return table.status();
  }
  table_ = *std::move(table);
  RETURN_IF_ERROR(CheckSource());
  const std::string* index =
      statement_.index.has_value() ? &*statement_.index : nullptr;
  const absl::StatusOr<RowSource> source = SourceOf(*table_, index);
  if (!source.ok()) return NoSuchIndex();
  const model::KeyAttributes key = source->key();
  partition_attribute_ = key.partition.front().name;
  ASSIGN_OR_RETURN(where_,
                   SplitQuery(statement_.where, key, request_.parameters()));
  // An index may have several items of one key.
  where_.is_one_item = where_.is_one_item && index == nullptr;
  RETURN_IF_ERROR(CheckProjected());
  RETURN_IF_ERROR(PlanOrder(key));
  binding_ = BindingOf(request_.statement(), request_.parameters(),
                       table_->id.value());
  if (request_.has_next_token()) {
    ASSIGN_OR_RETURN(start_, DecodeNextToken(binding_, request_.next_token()));
  }
  return absl::OkStatus();
}

absl::Status Select::CheckSource() const {
  if (statement_.index.has_value()) {
    const cluster::GlobalIndex* global =
        table_->FindGlobalIndex(*statement_.index);
    if (global == nullptr &&
        table_->FindLocalIndex(*statement_.index) == nullptr) {
      return NoSuchIndex();
    }
    if (global != nullptr) {
      const model::IndexKeySchema& key = global->schema->key();
      if (key.partition.size() > 1 || key.sort.size() > 1) {
        return model::ValidationError(
            "PartiQL statements cannot be executed on tables with "
            "multi-attribute HASH keys or multi-attribute RANGE keys.");
      }
      if (request_.consistent_read()) {
        return model::ValidationError(
            "Strongly consistent read is not supported on Global Secondary "
            "Indexes");
      }
    }
  }
  if (statement_.count.has_value()) {
    return model::ValidationError(absl::StrCat("Unexpected path component at ",
                                               ToString(*statement_.count)));
  }
  return absl::OkStatus();
}

// Entries of an index have no other attributes; items behind those of a local
// one do, but only for the list.
absl::Status Select::CheckProjected() const {
  if (!statement_.index.has_value()) return absl::OkStatus();
  const std::string& index = *statement_.index;
  const cluster::GlobalIndex* global = table_->FindGlobalIndex(index);
  const model::LocalIndex* local = table_->FindLocalIndex(index);
  const auto missing = [&](const std::vector<std::string>& names) {
    std::vector<std::string> not_there;
    for (const std::string& name : names) {
      const bool projects = global != nullptr ? global->schema->Projects(name)
                                              : local->Projects(name);
      if (!projects) not_there.push_back(name);
    }
    return absl::StrJoin(not_there, ", ");
  };
  if (global != nullptr) {
    const std::string list = missing(columns_.attributes());
    if (!list.empty()) {
      return model::ValidationError(absl::StrCat(
          "One or more parameter values were invalid: Global secondary index ",
          index, " does not project [", list, "]"));
    }
  }
  std::vector<std::string> names;
  for (const Term* term : where_.filter) CollectAttributes(*term, &names);
  const std::string list = missing(names);
  if (list.empty()) return absl::OkStatus();
  return model::ValidationError(absl::StrCat(
      "One or more parameter values were invalid: Secondary index ", index,
      " does not project one or more filter attributes: [", list, "]"));
}

// The rows of a partition are in the order of their sort key already.
absl::Status Select::PlanOrder(const model::KeyAttributes& key) {
  if (statement_.order.empty()) return absl::OkStatus();
  if (!statement_.where.has_value()) {
    return model::ValidationError(
        "Must have WHERE clause in the statement when using ORDER BY clause.");
  }
  if (where_.partitions.empty()) {
    return model::ValidationError(
        "Must have at least one non-optional hash key condition in WHERE "
        "clause when using ORDER BY clause.");
  }
  const OrderKey* by_partition = nullptr;
  for (const OrderKey& each : statement_.order) {
    const std::string& name = each.path.attribute();
    if (each.path.nested() || !key.Contains(name)) {
      return model::ValidationError(
          absl::StrCat("Variable reference ", name,
                       " in ORDER BY clause must be part of the primary key"));
    }
    if (name == partition_attribute_) {
      by_partition = &each;
    } else {
      descending_ = each.descending;
    }
  }
  if (where_.partitions.size() == 1) return absl::OkStatus();
  if (by_partition != &statement_.order.front()) {
    return model::ValidationError(
        "ORDER BY must begin with the hash key when the WHERE clause names "
        "several values of it");
  }
  const auto before = [](const std::string& a, const std::string& b) {
    const auto x = model::ScalarOf(model::ValueView(a));
    const auto y = model::ScalarOf(model::ValueView(b));
    // Values of other types are refused by the Query.
    if (!x.has_value() || !y.has_value() || x->type != y->type) return a < b;
    return model::Compare(*x, *y) < 0;
  };
  std::sort(where_.partitions.begin(), where_.partitions.end(), before);
  if (by_partition->descending) {
    std::reverse(where_.partitions.begin(), where_.partitions.end());
  }
  return absl::OkStatus();
}

template <typename Request>
absl::Status Select::FillRead(const Place& place, const Progress& progress,
                              Request* request) const {
  request->set_table_name(statement_.table);
  if (statement_.index.has_value()) request->set_index_name(*statement_.index);
  ExpressionWriter writer(request_.parameters());
  if constexpr (std::is_same_v<Request, wire::QueryRequest>) {
    std::string text =
        absl::StrCat(writer.Name(partition_attribute_), " = ",
                     writer.Value(where_.partitions[place.partition]));
    if (where_.sort != nullptr) {
      ASSIGN_OR_RETURN(const std::string sort,
                       writer.Condition({where_.sort}, Binding::kAnd));
      absl::StrAppend(&text, " AND ", sort);
    }
    request->set_key_condition_expression(std::move(text));
    request->set_scan_index_forward(!descending_);
  }
  if (!where_.filter.empty()) {
    ASSIGN_OR_RETURN(std::string text, writer.Condition(where_.filter));
    request->set_filter_expression(std::move(text));
  }
  if (!columns_.attributes().empty()) {
    request->set_projection_expression(
        writer.Projection(columns_.attributes()));
  }
  writer.MoveInto(request);
  if (!place.key.empty()) request->set_exclusive_start_key(place.key);
  if (request_.has_limit()) {
    request->set_limit(static_cast<int32_t>(progress.Left(request_)));
  }
  request->set_consistent_read(request_.consistent_read());
  request->set_return_consumed_capacity(wire::RETURN_CONSUMED_CAPACITY_INDEXES);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Select::ReadPage(const Place& place,
                                             const Progress& progress) const {
  if (where_.partitions.empty()) {
    wire::ScanRequest scan;
    RETURN_IF_ERROR(FillRead(place, progress, &scan));
    ASSIGN_OR_RETURN(const ItemPages pages, PlanScan(router_, *cache_, scan));
    return OnePage(pages);
  }
  wire::QueryRequest query;
  RETURN_IF_ERROR(FillRead(place, progress, &query));
  ASSIGN_OR_RETURN(const ItemPages pages,
                   PlanQuery(router_, *cache_, query, KeyFilter::kAllowed));
  return OnePage(pages);
}

// Items come first and have the same number in both responses.
void Select::Take(std::string page, Progress* progress) const {
  constexpr char kTag = static_cast<char>(kItems << 3 | 2);
  absl::string_view rest = page;
  while (!rest.empty() && rest.front() == kTag) {
    rest.remove_prefix(1);
    absl::string_view item;
    CHECK(ConsumeBytes(&rest, &item));
    if (columns_.picks()) {
      AppendField(kItems, columns_.Pick(model::ItemView(item)),
                  &progress->items);
    }
  }
  wire::QueryResponse accounts;
  CHECK(accounts.ParseFromArray(rest.data(), static_cast<int>(rest.size())));
  progress->evaluated += accounts.scanned_count();
  progress->units.Add(UnitsOf(accounts.consumed_capacity()));
  progress->last_key = accounts.last_evaluated_key();
  if (columns_.picks()) return;
  page.resize(page.size() - rest.size());
  if (progress->items.empty()) {
    progress->items = std::move(page);  // a megabyte that need not be copied
  } else {
    progress->items += page;
  }
}

absl::StatusOr<std::string> Select::Run(const CallContext& context) const {
  Progress progress;
  Place place = start_;
  const uint64_t end = std::max<uint64_t>(where_.partitions.size(), 1);
  const double full =
      request_.consistent_read() ? kPageBlocks : kPageBlocks / 2;
  while (place.partition < end) {
    RETURN_IF_ERROR(context.Check());
    ASSIGN_OR_RETURN(std::string page, ReadPage(place, progress));
    Take(std::move(page), &progress);
    if (!progress.last_key.empty() && !where_.is_one_item) {
      progress.next = Place{place.partition, progress.last_key};
      break;
    }
    place = Place{place.partition + 1};
    if (place.partition < end &&
        (progress.Left(request_) <= 0 || progress.units.Total() >= full)) {
      progress.next = place;
      break;
    }
  }
  return Respond(std::move(progress));
}

absl::StatusOr<std::string> Select::Respond(Progress progress) const {
  wire::ExecuteStatementResponse rest;
  if (progress.next.has_value()) {
    rest.set_next_token(EncodeNextToken(binding_, *progress.next));
    if (!progress.next->key.empty()) {
      rest.set_last_evaluated_key(progress.next->key);
    }
  }
  if (WantsCapacity(request_.return_consumed_capacity())) {
    FillConsumedCapacity(request_.return_consumed_capacity(), statement_.table,
                         progress.units, rest.mutable_consumed_capacity());
  }
  std::string response = std::move(progress.items);
  AppendMessage(rest, &response);
  return response;
}

}  // namespace pallet::service::partiql
