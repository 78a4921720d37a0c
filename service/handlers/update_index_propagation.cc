// SPDX-License-Identifier: Apache-2.0
//
// UpdateIndexPropagation: pauses, resumes and delays global indexes. The catalog
// keeps it; the index keeper acts on it.
#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/table_description.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::GlobalIndexRecord;
using storage::v1::TableRecord;

constexpr absl::Duration kMaxDelay = absl::Hours(1);

absl::Status Invalid(absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

absl::Status CheckRequest(const v1::UpdateIndexPropagationRequest& request) {
  if (request.index_name().empty()) return Invalid("index_name is required");
  if (!request.has_paused() && !request.has_delay()) {
    return Invalid("one of paused and delay is required");
  }
  const absl::Duration delay = absl::Seconds(request.delay().seconds()) +
                               absl::Nanoseconds(request.delay().nanos());
  if (delay < absl::ZeroDuration() || delay > kMaxDelay) {
    return Invalid("delay must be from 0 to 1 hour");
  }
  return absl::OkStatus();
}

absl::Status Change(const v1::UpdateIndexPropagationRequest& request,
                    TableRecord* record) {
  for (GlobalIndexRecord& index : *record->mutable_global_indexes()) {
    if (index.name() != request.index_name()) continue;
    if (request.has_paused()) index.set_paused(request.paused());
    if (request.has_delay()) *index.mutable_delay() = request.delay();
    return absl::OkStatus();
  }
  return model::MakeError(
      model::Reason::kResourceNotFound,
      absl::StrCat("Requested resource not found: Table: ", record->name(),
                   " has no global secondary index ", request.index_name()));
}

absl::StatusOr<std::string> UpdateIndexPropagation(
    const HandlerOptions& options,
    const v1::UpdateIndexPropagationRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfTableRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckRequest(request));
  if (options.host->FindTable(name) == nullptr) {
    return DescribedTableNotFound(name);
  }
  ASSIGN_OR_RETURN(cluster::TablePtr table,
                   options.host->UpdateTable(name, [&](TableRecord& record) {
                     return Change(request, &record);
                   }));
  ASSIGN_OR_RETURN(table, KeepIndexes(options, std::move(table)));
  ASSIGN_OR_RETURN(const cluster::TableCounts counts,
                   options.host->CountsOf(*table));
  v1::UpdateIndexPropagationResponse response;
  v1::TableDescription* description = response.mutable_table_description();
  *description = Describe(*table, counts);
  RETURN_IF_ERROR(AddProgress(*table, options.index_keeper, description));
  return response.SerializeAsString();
}

}  // namespace

void RegisterUpdateIndexPropagation(const HandlerOptions& options,
                                    OperationRegistry* registry) {
  registry->Add("UpdateIndexPropagation",
                Pooled<v1::UpdateIndexPropagationRequest>(
                    options.control,
                    [options](const v1::UpdateIndexPropagationRequest& request,
                              const CallContext&) {
                      return UpdateIndexPropagation(options, request);
                    }));
}

}  // namespace pallet::service
