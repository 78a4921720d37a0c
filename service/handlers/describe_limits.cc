// SPDX-License-Identifier: Apache-2.0
//
// DescribeLimits: DynamoDB's first quotas of an account. Nothing is held to
// them here.
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"

namespace pallet::service {
namespace {

constexpr int64_t kAccountUnits = 80000;
constexpr int64_t kTableUnits = 40000;

absl::StatusOr<std::string> DescribeLimits(const v1::DescribeLimitsRequest&,
                                           const CallContext&) {
  v1::DescribeLimitsResponse response;
  response.set_account_max_read_capacity_units(kAccountUnits);
  response.set_account_max_write_capacity_units(kAccountUnits);
  response.set_table_max_read_capacity_units(kTableUnits);
  response.set_table_max_write_capacity_units(kTableUnits);
  return response.SerializeAsString();
}

}  // namespace

void RegisterDescribeLimits(const HandlerOptions&,
                            OperationRegistry* registry) {
  registry->Add("DescribeLimits",
                Inline<v1::DescribeLimitsRequest>(DescribeLimits));
}

}  // namespace pallet::service
