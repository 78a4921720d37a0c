// SPDX-License-Identifier: Apache-2.0
//
// Orders in PartiQL: statements with parameters, pages of what they find, a
// batch, and a transaction.
//
//   statements localhost:8001
#include <cstdlib>
#include <iostream>
#include <string>

#include "client/client.h"
#include "model/errors.h"

namespace {

absl::Status Run(pallet::Client client) {
  const auto table = client.CreateTable(
      {.table = "example_statements",
       .key = {.partition = {.name = "customer"},
               .sort = pallet::KeyAttribute{
                   .name = "number", .type = pallet::ScalarType::kNumber}}});
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }

  // What is there already is left as it is.
  for (int number = 1; number <= 3; ++number) {
    const auto inserted = client.ExecuteStatement(
        {.statement = "INSERT INTO example_statements VALUE {'customer': ?, "
                      "'number': ?, 'state': 'open', 'lines': [{'item': 'tea', "
                      "'count': ?}]}",
         .parameters = {"ann", number, 10 * number}});
    if (!inserted.ok() && pallet::model::ReasonOf(inserted.status()) !=
                              pallet::model::Reason::kDuplicateItem) {
      return inserted.status();
    }
  }

  // Page by page, the last order first.
  pallet::ExecuteStatementRequest select = {
      .statement =
          "SELECT number, lines[0].count FROM example_statements "
          "WHERE customer = ? AND state = 'open' ORDER BY number DESC",
      .parameters = {"ann"},
      .limit = 2};
  do {
    const auto page = client.ExecuteStatement(select);
    if (!page.ok()) return page.status();
    for (const pallet::Item& item : page->items) std::cout << item << "\n";
    select.page_token = page->next_page_token;
  } while (!select.page_token.empty());

  // Each by itself: what fails is told in its place.
  const auto batch = client.BatchExecute(
      {.statements = {
           {.statement = "UPDATE example_statements SET state = 'paid' WHERE "
                         "customer = 'ann' AND number = 1 RETURNING ALL NEW *"},
           {.statement = "UPDATE example_statements SET state = 'paid' WHERE "
                         "customer = 'bob' AND number = 1"}}});
  if (!batch.ok()) return batch.status();
  for (const auto& result : batch->results) {
    if (result.item) std::cout << *result.item << "\n";
    if (!result.error_code.empty()) std::cout << result.error_code << "\n";
  }

  // All or nothing.
  return client
      .ExecuteTransaction(
          {.statements =
               {{.statement = "EXISTS(SELECT * FROM example_statements WHERE "
                              "customer = 'ann' AND number = 1 AND state = "
                              "'paid')"},
                {.statement =
                     "UPDATE example_statements SET state = 'sent' WHERE "
                     "customer = 'ann' AND number = 2"}}})
      .status();
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = pallet::Client::Connect(
      {.address = argc > 1 ? argv[1] : "localhost:8001"});
  const absl::Status status = client.ok() ? Run(*client) : client.status();
  if (status.ok()) return EXIT_SUCCESS;
  std::cerr << status << "\n";
  return EXIT_FAILURE;
}
