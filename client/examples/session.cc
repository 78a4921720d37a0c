// SPDX-License-Identifier: Apache-2.0
//
// Reading your own writes in a global index, which follows its table a little
// later: a session waits for what it wrote, and hands that on to others.
//
//   session localhost:8001
#include <cstdlib>
#include <iostream>
#include <string>

#include "client/client.h"
#include "client/session.h"
#include "model/errors.h"

namespace {

constexpr char kTable[] = "example_orders";

const pallet::QueryRequest kOrdersOfAnn = {.table = kTable,
                                           .index = "by-customer",
                                           .key_condition = "customer = :c",
                                           .values = {{":c", "ann"}}};

absl::Status Run(pallet::Client client) {
  const auto table = client.CreateTable(
      {.table = kTable,
       .key = {.partition = {.name = "id"}},
       .global_indexes = {
           {.name = "by-customer", .partition = {{.name = "customer"}}}}});
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }

  // All of a client's operations, and every read of an index has the session's
  // own writes.
  pallet::Session session(client);
  const auto put = session->PutItem(
      {.table = kTable, .item = {{"id", "1"}, {"customer", "ann"}}});
  if (!put.ok()) return put.status();
  const auto own = session->Query(kOrdersOfAnn);
  if (!own.ok()) return own.status();
  std::cout << "the session sees " << own->count << " order\n";

  // Another process that is given the token sees them too.
  pallet::Session other(client);
  if (absl::Status joined = other.Join(session.Token()); !joined.ok()) {
    return joined;
  }
  const auto theirs = other->Query(kOrdersOfAnn);
  if (!theirs.ok()) return theirs.status();
  std::cout << "who is handed its token sees " << theirs->count << "\n";

  // Whoever asks for it sees what anybody was acknowledged before, or what was
  // true not long ago.
  pallet::QueryRequest strong = kOrdersOfAnn;
  strong.freshness.strong = true;
  const auto everybodys = client.Query(strong);
  if (!everybodys.ok()) return everybodys.status();
  pallet::Session loose(client, {.max_staleness = absl::Seconds(5)});
  const auto recent = loose->Query(kOrdersOfAnn);
  if (!recent.ok()) return recent.status();
  return own->count == 1 && theirs->count == 1 && everybodys->count == 1
             ? absl::OkStatus()
             : absl::UnknownError("an order is missing");
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = pallet::Client::Connect(
      {.address = argc > 1 ? argv[1] : "localhost:8001"});
  const absl::Status status = client.ok() ? Run(*client) : client.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
