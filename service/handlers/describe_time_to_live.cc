// SPDX-License-Identifier: Apache-2.0
//
// DescribeTimeToLive: ENABLING until the items that were there before are taken
// in.
#include "pallet/v1/table_service.pb.h"
#include "service/expiry/expiry_keeper.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/table_description.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

absl::StatusOr<std::string> DescribeTimeToLive(
    const HandlerOptions& options,
    const v1::DescribeTimeToLiveRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfTableRequest(PALLET_OPTIONAL(request, table_name)));
  const cluster::TablePtr table = options.host->FindTable(name);
  if (table == nullptr) return DescribedTableNotFound(name);
  v1::DescribeTimeToLiveResponse response;
  v1::TimeToLiveDescription* description =
      response.mutable_time_to_live_description();
  description->set_time_to_live_status(v1::TIME_TO_LIVE_STATUS_DISABLED);
  ASSIGN_OR_RETURN(const std::optional<bool> complete,
                   IsTimeToLiveComplete(*options.host, *table));
  if (complete.has_value()) {
    description->set_time_to_live_status(
        *complete ? v1::TIME_TO_LIVE_STATUS_ENABLED
                  : v1::TIME_TO_LIVE_STATUS_ENABLING);
    description->set_attribute_name(table->time_to_live->attribute);
    description->set_hide_expired_items(table->time_to_live->hides_expired);
  }
  return response.SerializeAsString();
}

}  // namespace

void RegisterDescribeTimeToLive(const HandlerOptions& options,
                                OperationRegistry* registry) {
  registry->Add("DescribeTimeToLive",
                Pooled<v1::DescribeTimeToLiveRequest>(
                    options.control,
                    [options](const v1::DescribeTimeToLiveRequest& request,
                              const CallContext&) {
                      return DescribeTimeToLive(options, request);
                    }));
}

}  // namespace pallet::service
