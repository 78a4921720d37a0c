// SPDX-License-Identifier: Apache-2.0
//
// The first five minutes: a table, an item, and the item back.
//
//   quickstart localhost:8001
#include <cstdlib>
#include <iostream>

#include "client/client.h"
#include "model/errors.h"

namespace {

absl::Status Run(pallet::Client client) {
  // A table by country and name. It may be there from an earlier run.
  const auto table = client.CreateTable(
      {.table = "example_cities",
       .key = {.partition = {.name = "country"},
               .sort = pallet::KeyAttribute{.name = "name"}}});
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }

  // An item is attributes by name; values are what C++ has for them.
  const pallet::Item berlin{{"country", "DE"},
                            {"name", "Berlin"},
                            {"population", 3'769'000},
                            {"area", 891.7},
                            {"tags", pallet::StringSet{{"capital", "river"}}}};
  const auto put = client.PutItem({.table = "example_cities", .item = berlin});
  if (!put.ok()) return put.status();

  const auto found =
      client.GetItem({.table = "example_cities",
                      .key = {{"country", "DE"}, {"name", "Berlin"}},
                      .consistent_read = true});
  if (!found.ok()) return found.status();
  if (!found->item.has_value()) return absl::NotFoundError("no Berlin");

  const pallet::Number* population = found->item->at("population").AsNumber();
  std::cout << *found->item << "\n"
            << "population: " << population->text() << "\n";
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = pallet::Client::Connect(
      {.address = argc > 1 ? argv[1] : "localhost:8001"});
  const absl::Status status = client.ok() ? Run(*client) : client.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
