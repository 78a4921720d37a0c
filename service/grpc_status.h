// SPDX-License-Identifier: Apache-2.0
//
// absl::Status -> grpc::Status with google.rpc details, and the start of a
// call: its deadline. Included by the files that speak gRPC.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace pallet::service {

grpc::Status ToGrpcStatus(const absl::Status& status);

// The call's deadline on clock->Monotonic(), at most `limit` after `now`.
absl::Duration DeadlineOf(const grpc::ServerContextBase& context,
                          absl::Duration now, absl::Duration limit,
                          Clock* clock);

}  // namespace pallet::service
