// SPDX-License-Identifier: Apache-2.0
//
// Moving an amount from one account to another: both items change, or none, and
// only if there is enough. Then both balances as they are at one moment, and a
// write that may be repeated without harm.
//
//   transaction localhost:8001
#include <cstdlib>
#include <iostream>
#include <string>

#include "client/client.h"
#include "model/errors.h"

namespace {

using Transaction = pallet::TransactWriteRequest;

constexpr char kTable[] = "example_accounts";

Transaction Move(const std::string& from, const std::string& to, int amount) {
  return {
      .actions = {Transaction::Update{.table = kTable,
                                      .key = {{"id", from}},
                                      .update = "SET balance = balance - :x",
                                      .condition = "balance >= :x",
                                      .values = {{":x", amount}},
                                      .return_item_on_failure = true},
                  Transaction::Update{.table = kTable,
                                      .key = {{"id", to}},
                                      .update = "SET balance = balance + :x",
                                      .condition = "attribute_exists(id)",
                                      .values = {{":x", amount}}}}};
}

absl::Status Run(pallet::Client client) {
  const auto table = client.CreateTable(
      {.table = kTable, .key = {.partition = {.name = "id"}}});
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }
  for (const char* id : {"ann", "bob"}) {
    const auto put = client.PutItem(
        {.table = kTable, .item = {{"id", id}, {"balance", 100}}});
    if (!put.ok()) return put.status();
  }

  if (const auto moved = client.TransactWrite(Move("ann", "bob", 30));
      !moved.ok()) {
    return moved.status();
  }

  // There is not enough: nothing happens, and each action has its reason.
  const auto refused = client.TransactWrite(Move("ann", "bob", 1000));
  for (const auto& reason : pallet::CancellationReasons(refused.status())) {
    std::cout << reason.code;
    if (reason.item) std::cout << ", as the item is " << *reason.item;
    std::cout << "\n";
  }

  const auto both =
      client.TransactGet({.gets = {{.table = kTable, .key = {{"id", "ann"}}},
                                   {.table = kTable, .key = {{"id", "bob"}}}}});
  if (!both.ok()) return both.status();
  for (const auto& item : both->items) std::cout << *item << "\n";

  // A counter that is counted once, even if the answer got lost and the program
  // asks again under its token.
  const pallet::UpdateItemRequest count = {
      .table = kTable,
      .key = {{"id", "moves"}},
      .update = "ADD moves :one",
      .returned = pallet::ReturnedItem::kUpdatedNew,
      .values = {{":one", 1}},
      .token = "the first move"};
  const auto first = client.UpdateItem(count);
  const auto again = client.UpdateItem(count);
  if (!first.ok()) return first.status();
  if (!again.ok()) return again.status();
  return first->item == again->item
             ? absl::OkStatus()
             : absl::UnknownError("it was counted twice");
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = pallet::Client::Connect(
      {.address = argc > 1 ? argv[1] : "localhost:8001"});
  const absl::Status status = client.ok() ? Run(*client) : client.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
