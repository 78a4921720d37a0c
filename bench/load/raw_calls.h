// SPDX-License-Identifier: Apache-2.0
//
// Unary calls with bytes in and bytes out, nothing of ours in between: the same
// client code drives the bare echo and the real service, so that their ratio
// says something about the service alone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bench/load/closed_loop.h"

namespace pallet::bench {

// Makes the request of the next call.
using MakeRequest = std::function<std::string(Random& random)>;

// Calls `method` ("/pallet.v1.ItemService/GetItem") at `address`.
LoadResult RunUnary(const std::string& address, const std::string& method,
                    const MakeRequest& make, const LoadOptions& options);

// Reads one server stream to its end, counting only bytes.
struct StreamResult {
  absl::Status status;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  absl::Duration elapsed;
};
StreamResult DrainStream(const std::string& address, const std::string& method,
                         const std::string& request);

}  // namespace pallet::bench
