// SPDX-License-Identifier: Apache-2.0
//
// The settings of a gRPC server that are not ours to implement: message sizes,
// keepalive, connection age. Shared with the benchmark's echo server, so that
// a ratio compares like with like.
#pragma once

#include <grpcpp/server_builder.h>

#include "service/config.h"

namespace pallet::service {

void SetChannelArguments(const GrpcConfig& config,
                         grpc::ServerBuilder* builder);

}  // namespace pallet::service
