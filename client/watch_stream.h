// SPDX-License-Identifier: Apache-2.0
//
// WatchStream over a stub, and the messages it speaks.
#pragma once

#include <memory>

#include "client/connection.h"
#include "client/retry_loop.h"
#include "client/watch.h"

namespace pallet {

// `owner` owns `context`, and lives as long as the stream.
std::unique_ptr<WatchStream> OpenWatch(RetryContext* context,
                                       std::shared_ptr<Connection> owner,
                                       const WatchRequest& request,
                                       const CallOptions& options);

}  // namespace pallet
