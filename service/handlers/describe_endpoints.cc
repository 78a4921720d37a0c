// SPDX-License-Identifier: Apache-2.0
//
// DescribeEndpoints: one endpoint, the one the client came by if its front end
// knows it.
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"

namespace pallet::service {
namespace {

constexpr int64_t kCacheMinutes = 1440;

}  // namespace

void RegisterDescribeEndpoints(const HandlerOptions& options,
                               OperationRegistry* registry) {
  registry->Add(
      "DescribeEndpoints",
      Inline<v1::DescribeEndpointsRequest>(
          [endpoint = options.endpoint](
              const v1::DescribeEndpointsRequest&,
              const CallContext& context) -> absl::StatusOr<std::string> {
            v1::DescribeEndpointsResponse response;
            v1::Endpoint* const only = response.add_endpoints();
            if (!context.endpoint.empty()) {
              only->set_address(context.endpoint);
            } else if (endpoint != nullptr) {
              only->set_address(endpoint());
            }
            only->set_cache_period_in_minutes(kCacheMinutes);
            return response.SerializeAsString();
          }));
}

}  // namespace pallet::service
