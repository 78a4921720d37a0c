// SPDX-License-Identifier: Apache-2.0
//
// UpdateTimeToLive: begins and ends a table's time to live. Items that are there
// already are taken in behind the answer.
#include "absl/strings/str_cat.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/expiry/expiry_keeper.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/table_description.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::TableRecord;

constexpr size_t kMaxNameBytes = 255;

absl::Status CheckConstraints(const v1::UpdateTimeToLiveRequest& request) {
  model::Constraints constraints;
  const v1::TimeToLiveSpecification& specification =
      request.time_to_live_specification();
  CheckPresent(request.has_time_to_live_specification(),
               "timeToLiveSpecification", &constraints);
  if (request.has_time_to_live_specification()) {
    CheckPresent(specification.has_enabled(), "timeToLiveSpecification.enabled",
                 &constraints);
    constexpr char kName[] = "timeToLiveSpecification.attributeName";
    CheckPresent(specification.has_attribute_name(), kName, &constraints);
    if (specification.has_attribute_name()) {
      constraints.CheckLength(specification.attribute_name(), kName, 1,
                              kMaxNameBytes);
    }
  }
  return constraints.ToStatus();
}

absl::Status Change(const v1::TimeToLiveSpecification& wanted,
                    TableRecord* record) {
  if (!record->has_time_to_live()) {
    if (!wanted.enabled()) {
      return model::ValidationError("TimeToLive is already disabled");
    }
    auto* time_to_live = record->mutable_time_to_live();
    time_to_live->set_attribute(wanted.attribute_name());
    time_to_live->set_hides_expired(wanted.hide_expired_items());
    return absl::OkStatus();
  }
  auto* time_to_live = record->mutable_time_to_live();
  if (time_to_live->attribute() != wanted.attribute_name()) {
    return model::ValidationError(
        absl::StrCat("TimeToLive is active on a different AttributeName: "
                     "current AttributeName is ",
                     time_to_live->attribute()));
  }
  if (!wanted.enabled()) {
    record->clear_time_to_live();
    return absl::OkStatus();
  }
  if (!wanted.has_hide_expired_items() ||
      wanted.hide_expired_items() == time_to_live->hides_expired()) {
    return model::ValidationError("TimeToLive is already enabled");
  }
  time_to_live->set_hides_expired(wanted.hide_expired_items());
  return absl::OkStatus();
}

absl::StatusOr<std::string> UpdateTimeToLive(
    const HandlerOptions& options, const v1::UpdateTimeToLiveRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfTableRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckConstraints(request));
  if (options.host->FindTable(name) == nullptr) {
    return DescribedTableNotFound(name);
  }
  const v1::TimeToLiveSpecification& wanted =
      request.time_to_live_specification();
  ASSIGN_OR_RETURN(const cluster::TablePtr table,
                   options.host->UpdateTable(name, [&](TableRecord& record) {
                     return Change(wanted, &record);
                   }));
  RETURN_IF_ERROR(SettleTimeToLive(*options.host, *table));
  v1::UpdateTimeToLiveResponse response;
  *response.mutable_time_to_live_specification() = wanted;
  return response.SerializeAsString();
}

}  // namespace

void RegisterUpdateTimeToLive(const HandlerOptions& options,
                              OperationRegistry* registry) {
  registry->Add(
      "UpdateTimeToLive",
      Pooled<v1::UpdateTimeToLiveRequest>(
          options.control, [options](const v1::UpdateTimeToLiveRequest& request,
                                     const CallContext&) {
            return UpdateTimeToLive(options, request);
          }));
}

}  // namespace pallet::service
