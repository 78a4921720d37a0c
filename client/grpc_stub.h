// SPDX-License-Identifier: Apache-2.0
//
// The stub over gRPC: one channel; item operations on the shared pipeline (or
// as unary calls, if the options say so), everything else as calls of its own.
#pragma once

#include <memory>

#include "base/clock.h"
#include "client/options.h"
#include "client/stub.h"

namespace pallet {

// REQUIRES: `clock` outlives the stub.
std::unique_ptr<Stub> MakeGrpcStub(const ClientOptions& options, Clock* clock);

}  // namespace pallet
