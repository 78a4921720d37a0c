// SPDX-License-Identifier: Apache-2.0
//
// A CacheStore (client/cache_store.h) in a Redis server, shared by all processes
// that use the same prefix. Link pallet::redis_cache; built where hiredis is.
//
//   auto store = pallet::MakeRedisCache({.address = "localhost:6379"});
//   auto users = pallet::CacheAside::Create(client, *store, {.table = "users"});
//
// Each look-up, fill and release is one script on the server, so leases hold
// between processes. A command that fails or takes longer than `timeout` counts
// as an error; for `retry_after` the server is then left alone and every look-up
// answers kBusy, so reads go to the table. Keys invalidated meanwhile are
// remembered and deleted before the first look-up or fill that reaches the
// server again; other processes may see their old values until then, at the
// longest for their time to live.
//
// The server's maxmemory and eviction policy bound what it holds: a lease or a
// value that it evicts is a miss. Redis 2.6 or newer, no cluster mode.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/cache_store.h"

namespace pallet {

struct RedisCacheOptions {
  std::string address = "localhost:6379";  // or unix:PATH
  std::string prefix = "pallet:";          // of all its keys
  // A lease that was not given back for so long is over.
  absl::Duration lease = absl::Seconds(10);
  absl::Duration timeout = absl::Milliseconds(100);  // of a command, a connect
  absl::Duration retry_after = absl::Seconds(1);
  size_t max_idle_connections = 16;
  Clock* clock = Clock::Real();
};

// kValidation for an address that is none. The server need not be there.
absl::StatusOr<std::shared_ptr<CacheStore>> MakeRedisCache(
    const RedisCacheOptions& options);

}  // namespace pallet
