// SPDX-License-Identifier: Apache-2.0
//
// The connection to a service: encodes, makes attempts through a Stub, repeats
// those the retry policy allows, decodes. Batches ask again for what the
// service left unprocessed; streams go on where they broke.
//
// Thread-safe. The destructor shuts the stub down; see Connection for what that
// means.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/connection.h"
#include "client/options.h"
#include "client/stub.h"

namespace pallet {

// Over gRPC. kValidation if the options make no sense.
absl::StatusOr<std::shared_ptr<Connection>> MakeRemoteConnection(
    const ClientOptions& options);

// Over any stub, with any clock (which must outlive it).
std::shared_ptr<Connection> MakeRemoteConnection(const ClientOptions& options,
                                                 std::unique_ptr<Stub> stub,
                                                 Clock* clock, uint64_t seed);

}  // namespace pallet
