// SPDX-License-Identifier: Apache-2.0
//
// Users, their orders and what is in them in one table, with one index: keys are
// overloaded, so that each question is one Query.
//
//   pk       sk                what            g1pk        g1sk   (index: turned)
//   USER#u   PROFILE           a user          EMAIL#e     USER#u
//   USER#u   ORDER#time#o      an order        STATUS#s    time#o
//   ORDER#o  ITEM#n            a line of it    PRODUCT#p   ORDER#o
//
//   who is u, with the latest orders       pk = USER#u
//   what is in order o                     pk = ORDER#o
//   whose is this address                  g1pk = EMAIL#e
//   open orders, the oldest first          g1pk = STATUS#open
//   which orders have product p            g1pk = PRODUCT#p
#include "absl/strings/str_cat.h"
#include "client/examples/recipes/recipe.h"

namespace {

using pallet::Item;
using recipes::Expect;

constexpr char kTable[] = "example_shop";

void MakeTable(pallet::Client& client) {
  recipes::MakeTable(
      client, {.table = kTable,
               .key = {.partition = {.name = "pk"}, .sort = {{.name = "sk"}}},
               .global_indexes = {{.name = "turned",
                                   .partition = {{.name = "g1pk"}},
                                   .sort = {{.name = "g1sk"}}}}});
}

// A user, and his address as an item of its own that nobody else may have: the
// transaction makes both or neither.
absl::Status AddUser(pallet::Client& client, const std::string& user,
                     const std::string& email) {
  using Put = pallet::TransactWriteRequest::Put;
  return client
      .TransactWrite(
          {.actions = {Put{.table = kTable,
                           .item = {{"pk", "USER#" + user},
                                    {"sk", "PROFILE"},
                                    {"g1pk", "EMAIL#" + email},
                                    {"g1sk", "USER#" + user}},
                           .condition = "attribute_not_exists(pk)"},
                       Put{.table = kTable,
                           .item = {{"pk", "EMAIL#" + email}, {"sk", "-"}},
                           .condition = "attribute_not_exists(pk)"}}})
      .status();
}

// The order and its lines, together or not at all, and only for a user there is.
absl::Status AddOrder(pallet::Client& client, const std::string& user,
                      const std::string& order, const std::string& time,
                      const std::vector<std::string>& products) {
  using Transaction = pallet::TransactWriteRequest;
  Transaction request = {
      .actions = {
          Transaction::Check{.table = kTable,
                             .key = {{"pk", "USER#" + user}, {"sk", "PROFILE"}},
                             .condition = "attribute_exists(pk)"},
          Transaction::Put{
              .table = kTable,
              .item = {{"pk", "USER#" + user},
                       {"sk", absl::StrCat("ORDER#", time, "#", order)},
                       {"g1pk", "STATUS#open"},
                       {"g1sk", absl::StrCat(time, "#", order)}}}}};
  for (size_t i = 0; i < products.size(); ++i) {
    request.actions.push_back(
        Transaction::Put{.table = kTable,
                         .item = {{"pk", "ORDER#" + order},
                                  {"sk", absl::StrCat("ITEM#", i)},
                                  {"g1pk", "PRODUCT#" + products[i]},
                                  {"g1sk", "ORDER#" + order}}});
  }
  return client.TransactWrite(request).status();
}

int Count(pallet::Client& client, const std::string& pk) {
  return client
      .Query({.table = kTable,
              .key_condition = "pk = :pk",
              .values = {{":pk", pk}},
              .consistent_read = true})
      .value()
      .count;
}

int CountInIndex(pallet::Client& client, const std::string& pk) {
  return client
      .Query({.table = kTable,
              .index = "turned",
              .key_condition = "g1pk = :pk",
              .values = {{":pk", pk}},
              .freshness = {.strong = true}})
      .value()
      .count;
}

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  MakeTable(client);
  Expect(AddUser(client, "ann", "ann@example.com").ok(), "a user");
  Expect(!AddUser(client, "eve", "ann@example.com").ok(),
         "no other with the same address");
  Expect(Count(client, "USER#eve") == 0, "so nothing of eve is there");
  Expect(AddOrder(client, "ann", "1", "2026-11-22", {"tea", "cup"}).ok(),
         "an order of two products");
  Expect(AddOrder(client, "ann", "2", "2026-11-23", {"tea"}).ok(), "another");
  Expect(!AddOrder(client, "eve", "3", "2026-11-23", {"tea"}).ok(),
         "none for who is not there");

  Expect(Count(client, "USER#ann") == 3, "one Query: a profile and two orders");
  Expect(Count(client, "ORDER#1") == 2, "what is in an order");
  Expect(CountInIndex(client, "EMAIL#ann@example.com") == 1, "whose address");
  Expect(CountInIndex(client, "STATUS#open") == 2, "open orders");
  Expect(CountInIndex(client, "PRODUCT#tea") == 2, "orders with tea");

  // Sent: it leaves the open orders by a change of one attribute.
  const auto sent = client.UpdateItem(
      {.table = kTable,
       .key = {{"pk", "USER#ann"}, {"sk", "ORDER#2026-11-22#1"}},
       .update = "SET g1pk = :sent",
       .condition = "g1pk = :open",
       .values = {{":sent", "STATUS#sent"}, {":open", "STATUS#open"}}});
  Expect(sent.ok(), "an order is sent");
  Expect(CountInIndex(client, "STATUS#open") == 1, "one order is open");
  return EXIT_SUCCESS;
}
