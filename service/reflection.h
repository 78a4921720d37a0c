// SPDX-License-Identifier: Apache-2.0
//
// Server reflection (grpc.reflection.v1 and, the same on the wire, v1alpha), so
// that grpcurl and the like need no proto files. gRPC's own plugin is a
// synchronous service, whose polling threads would compete with ours.
#pragma once

#include <string>
#include <vector>

#include "service/open_streams.h"
#include "service/raw_service.h"

namespace pallet::service {

// Adds its methods to `service`. What it points to outlives the server.
void AddReflection(const std::vector<std::string>* service_names,
                   OpenStreams* streams, RawService* service);

}  // namespace pallet::service
