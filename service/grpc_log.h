// SPDX-License-Identifier: Apache-2.0
//
// gRPC writes its own lines to standard error; this puts them among ours.
#pragma once

#include "base/log.h"

namespace pallet::service {

// From now on gRPC logs to `logger`, which must live as long as the process.
// gRPC has one hook per process: for main, not for a library.
void SendGrpcLogTo(Logger* logger);

}  // namespace pallet::service
