// SPDX-License-Identifier: Apache-2.0
//
// What a client is told when it is made. A value.
#pragma once

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "client/retry_policy.h"

namespace pallet {

struct ClientOptions {
  // "host:port", "dns:///host:port" or "unix:path". Of a cluster several, with
  // commas between: the client finds the node that leads, follows it, and goes
  // on with the others when one is gone (client/cluster_stub.h).
  std::string address = "localhost:8001";
  // For a call that does not give its own.
  absl::Duration timeout = absl::Seconds(10);
  RetryOptions retry = {};
  // One call per operation instead of the shared stream: slower, but what
  // simple proxies understand.
  bool unary_calls = false;
  // Bytes of operations that may wait to be sent. Beyond it they fail with
  // kThrottling, which is retried with backoff.
  size_t max_waiting_bytes = 64 << 20;
};

}  // namespace pallet
