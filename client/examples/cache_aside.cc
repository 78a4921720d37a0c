// SPDX-License-Identifier: Apache-2.0
//
// A cache in front of a table: what is read is kept in this process, what this
// program writes is seen by its next read, and what others write is heard of.
// With pallet::MakeRedisCache (client/redis/redis_cache.h) in place of
// MakeInProcessCache the same items are shared by all processes.
//
//   cache_aside localhost:8001
#include "client/cache_aside.h"

#include <cstdlib>
#include <iostream>
#include <string>

#include "client/client.h"
#include "model/errors.h"

namespace {

constexpr char kTable[] = "example_cached";

absl::Status Run(pallet::Client client) {
  const auto table = client.CreateTable(
      {.table = kTable,
       .key = {.partition = {.name = "id"}},
       .stream = pallet::StreamView::kKeysOnly});  // for the watch
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }
  const auto cache = pallet::CacheAside::Create(
      client, pallet::MakeInProcessCache({.max_bytes = 16 << 20}),
      {.table = kTable, .ttl = absl::Minutes(5)});
  if (!cache.ok()) return cache.status();
  pallet::CacheAside& users = **cache;

  const auto put = users.Put({.item = {{"id", "ann"}, {"seen", 1}}});
  if (!put.ok()) return put.status();
  for (int i = 0; i < 1000; ++i) {
    const auto ann = users.Get({{"id", "ann"}});
    if (!ann.ok()) return ann.status();
  }
  std::cout << users.stats().hits << " reads of 1000 from the cache\n";

  // By somebody else, past this cache.
  const auto changed =
      client.PutItem({.table = kTable, .item = {{"id", "ann"}, {"seen", 2}}});
  if (!changed.ok()) return changed.status();
  while (true) {
    const auto ann = users.Get({{"id", "ann"}});
    if (!ann.ok()) return ann.status();
    if ((*ann)->at("seen") == pallet::Value(2)) break;
  }
  std::cout << "and a change by somebody else was heard of\n";
  return client.DeleteTable({.table = kTable}).status();
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = pallet::Client::Connect(
      {.address = argc > 1 ? argv[1] : "localhost:8001"});
  const absl::Status status = client.ok() ? Run(*client) : client.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
