// SPDX-License-Identifier: Apache-2.0
//
// CacheStore: where a cache-aside (client/cache_aside.h) keeps what it has read.
//
// A store hands out leases, after Nishtala et al., "Scaling Memcache at
// Facebook" (NSDI 2013): who misses gets a lease on the key, and only its holder
// may fill. Whoever invalidates the key ends the lease. So an item that was read
// before a write is never filled in after it, and of all that miss at once one
// fills.
//
//   Lookup    a value   -> kHit
//             nothing   -> kLeased: read the table, then Fill with the lease
//             a lease   -> kBusy: somebody fills; read the table, do not Fill
//
// Values are bytes; the caller makes the keys. Nothing outlives its time to live.
// Implementations are thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace pallet {

class CacheStore {
 public:
  struct Found {
    enum class Kind { kHit, kLeased, kBusy };
    Kind kind = Kind::kBusy;
    std::string value = {};  // kHit
    std::string lease = {};  // kLeased
  };

  virtual ~CacheStore() = default;

  // A store that cannot be reached answers kBusy.
  virtual Found Lookup(absl::string_view key) = 0;

  // Keeps `value` for `ttl` and gives the lease back. False if the lease was
  // ended meanwhile: nothing is kept.
  virtual bool Fill(absl::string_view key, absl::string_view lease,
                    absl::string_view value, absl::Duration ttl) = 0;

  // Gives the lease back without a value: the read failed.
  virtual void Release(absl::string_view key, absl::string_view lease) = 0;

  // Forgets the value and ends the lease. If the store cannot be reached now, it
  // is done before this object looks up the key again.
  virtual void Invalidate(absl::string_view key) = 0;

  // The same with all keys.
  virtual void Clear() = 0;

  // How often the store could not be reached. Zero for one in process.
  virtual uint64_t errors() const { return 0; }
};

struct InProcessCacheOptions {
  // Keys, values and 100 bytes for each; the least recently used go first. A
  // value of more than a 16th of it is not kept.
  size_t max_bytes = size_t{64} << 20;
  // A lease that was not given back for so long is over.
  absl::Duration lease = absl::Seconds(10);
  Clock* clock = Clock::Real();
};

// In this process, in 16 parts with a lock each.
std::unique_ptr<CacheStore> MakeInProcessCache(
    const InProcessCacheOptions& options = {});

}  // namespace pallet
