// SPDX-License-Identifier: Apache-2.0
//
// Following a table: a copy of it that is kept by what it is told, first of all
// items, then of every change; and going on from a token, as after a restart.
//
//   watch localhost:8001
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "client/client.h"
#include "client/watch.h"
#include "model/errors.h"

namespace {

constexpr char kTable[] = "example_prices";

using Prices = std::map<std::string, std::string>;

void Apply(const pallet::WatchBatch& batch, Prices* prices) {
  for (const pallet::Change& change : batch.changes) {
    const std::string fruit(*change.key.at("fruit").AsString());
    if (change.new_item.has_value()) {
      (*prices)[fruit] = *change.new_item->at("price").AsString();
    } else {
      prices->erase(fruit);
    }
  }
}

absl::Status Put(pallet::Client& client, const std::string& fruit,
                 const std::string& price) {
  return client
      .PutItem({.table = kTable, .item = {{"fruit", fruit}, {"price", price}}})
      .status();
}

absl::Status Run(pallet::Client client) {
  const auto table =
      client.CreateTable({.table = kTable,
                          .key = {.partition = {.name = "fruit"}},
                          .stream = pallet::StreamView::kNewAndOldImages});
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }
  if (absl::Status put = Put(client, "apple", "1"); !put.ok()) return put;

  // The items that are there, then what happens to them.
  Prices prices;
  std::string token;
  {
    const auto watch = client.Watch({.table = kTable, .snapshot = true});
    if (absl::Status put = Put(client, "pear", "2"); !put.ok()) return put;
    while (prices.size() < 2) {
      const absl::StatusOr<pallet::WatchBatch> batch = watch->Read();
      if (!batch.ok()) return batch.status();
      Apply(*batch, &prices);
      token = batch->resume_token;
    }
  }
  std::cout << "apple " << prices["apple"] << ", pear " << prices["pear"]
            << "\n";

  // What happens while nobody watches is told when one goes on.
  if (absl::Status put = Put(client, "apple", "3"); !put.ok()) return put;
  const auto gone =
      client.DeleteItem({.table = kTable, .key = {{"fruit", "pear"}}});
  if (!gone.ok()) return gone.status();
  const auto watch = client.Watch({.table = kTable, .resume_token = token});
  while (prices.size() > 1 || prices["apple"] != "3") {
    const absl::StatusOr<pallet::WatchBatch> batch = watch->Read();
    if (!batch.ok()) return batch.status();
    Apply(*batch, &prices);
  }
  std::cout << "apple " << prices["apple"] << ", and no pear\n";
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
