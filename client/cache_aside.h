// SPDX-License-Identifier: Apache-2.0
//
// CacheAside: the items of one table, by their keys, from a cache; from the table
// if they are not there.
//
//   auto users = pallet::CacheAside::Create(
//       client, pallet::MakeInProcessCache(), {.table = "users"});
//   auto ann = (*users)->Get({{"id", "ann"}});
//   (*users)->Update({.key = {{"id", "ann"}}, .update = "SET seen = :t", ...});
//
// What may be stale:
//   1. After a write through this object has returned, whatever it returned, its
//      reads see that write, or a later one.
//   2. Somebody else's write is seen once its change was heard (`watch`: a few
//      milliseconds), at the latest when the entry's time to live is over. The
//      same goes for a write that was told kOutcomeUnknown and happens later.
// An item that was read before a write is never filled in after it
// (client/cache_store.h has how).
//
// Reads of one key that miss at the same time share one read of the table
// (single flight); over processes that share a store, one of them fills and each
// of the others reads at most once at a time.
//
// A store that cannot be reached slows nothing down for long and fails nothing:
// reads go to the table.
//
// Thread-safe; the calls wait. The client is a copy and must not be used from
// its own callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "client/cache_store.h"
#include "client/client.h"

namespace pallet {

struct CacheAsideOptions {
  std::string table = {};
  // How long an item is kept; a random part of up to `jitter` of it is taken
  // off, so that what was filled together does not expire together.
  absl::Duration ttl = absl::Minutes(1);
  double jitter = 0.1;  // 0..1
  // How long it is remembered that there is no such item. Zero: not at all.
  absl::Duration absent_ttl = absl::ZeroDuration();
  // Forgets what others change. The table's stream must be enabled (any view);
  // if it is not, Create fails with the service's error.
  bool watch = true;
  uint64_t seed = RealSeed();  // of the jitter
};

struct CacheStats {
  uint64_t hits = 0;  // of these `absent` said that there is no item
  uint64_t absent = 0;
  uint64_t misses = 0;     // reads of the table
  uint64_t coalesced = 0;  // reads that shared another one's miss
  uint64_t fills = 0;
  uint64_t refused_fills = 0;  // the key was invalidated meanwhile
  uint64_t invalidations = 0;  // by writes through this object
  uint64_t watched = 0;        // by changes that were heard
  uint64_t watch_breaks = 0;   // after each all is forgotten
  uint64_t store_errors = 0;   // the store could not be reached
};

class CacheAside {
 public:
  // Asks the service for the table's key. kValidation for options that make no
  // sense; with `watch`, returns once changes are being heard.
  static absl::StatusOr<std::unique_ptr<CacheAside>> Create(
      Client client, std::shared_ptr<CacheStore> store,
      const CacheAsideOptions& options);
  CacheAside(const CacheAside&) = delete;
  ~CacheAside();

  // The whole item; nullopt if there is none. The table is read strongly.
  // kValidation if `key` is not made of the table's key attributes.
  absl::StatusOr<std::optional<Item>> Get(const Item& key,
                                          const CallOptions& options = {});

  // As those of Client; `table` may be left empty.
  absl::StatusOr<PutItemResponse> Put(PutItemRequest request,
                                      const CallOptions& options = {});
  absl::StatusOr<UpdateItemResponse> Update(UpdateItemRequest request,
                                            const CallOptions& options = {});
  absl::StatusOr<DeleteItemResponse> Delete(DeleteItemRequest request,
                                            const CallOptions& options = {});

  // After a write by other means (a batch, a transaction, a statement): `key`
  // may be a whole item. kValidation if it lacks key attributes.
  absl::Status Invalidate(const Item& key);

  CacheStats stats() const;

 private:
  class State;
  class Watching;

  CacheAside(std::shared_ptr<State> state, std::unique_ptr<Watching> watching);

  const std::shared_ptr<State> state_;
  const std::unique_ptr<Watching> watching_;
};

}  // namespace pallet
