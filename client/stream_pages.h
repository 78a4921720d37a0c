// SPDX-License-Identifier: Apache-2.0
//
// StreamPages: a query or scan on one server stream. A stream that breaks is
// opened again with the resume token of its last page, after backoff; what was
// read is neither lost nor read twice. Threads as PageStream says.
#pragma once

#include <memory>

#include "client/connection.h"
#include "client/retry_loop.h"

namespace pallet {

// `owner` owns `context`, and lives as long as the stream.
std::unique_ptr<PageStream> StreamPages(RetryContext* context,
                                        std::shared_ptr<Connection> owner,
                                        const QueryRequest& request,
                                        const CallOptions& options);
std::unique_ptr<PageStream> StreamPages(RetryContext* context,
                                        std::shared_ptr<Connection> owner,
                                        const ScanRequest& request,
                                        const CallOptions& options);

}  // namespace pallet
