// SPDX-License-Identifier: Apache-2.0
#include "service/grpc_status.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "service/error_details.h"

namespace pallet::service {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(TrailerMessage(status.message())),
                      EncodeErrorForTrailers(status));
}

absl::Duration DeadlineOf(const grpc::ServerContextBase& context,
                          absl::Duration now, absl::Duration limit,
                          Clock* clock) {
  const absl::Duration latest = now + limit;
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return latest;
  const absl::Duration left = absl::FromChrono(deadline) - clock->Now();
  return std::min(latest, now + left);
}

}  // namespace pallet::service
