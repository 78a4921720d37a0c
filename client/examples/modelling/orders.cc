// SPDX-License-Identifier: Apache-2.0
//
// An order as a document. What belongs to an order and changes with it is in one
// item: its lines, its address, its payments. One read shows it, one write changes
// it, and no write ever leaves half of it. The customer is not part of an order,
// but named by it: he lives longer, and changes by himself.
//
//   orders: order (partition key) -> {customer, placed, status, address, lines,
//           total};  index by-customer: customer, placed
//   customers: customer -> {name, email}
#include "client/examples/recipes/recipe.h"

namespace {

using pallet::Item;
using pallet::List;
using recipes::Expect;

constexpr char kOrders[] = "example_order_documents";
constexpr char kCustomers[] = "example_customers";

void MakeTables(pallet::Client& client) {
  recipes::MakeTable(client, {.table = kCustomers,
                              .key = {.partition = {.name = "customer"}}});
  recipes::MakeTable(
      client,
      {.table = kOrders,
       .key = {.partition = {.name = "order"}},
       .global_indexes = {{.name = "by-customer",
                           .partition = {{.name = "customer"}},
                           .sort = {{.name = "placed"}},
                           .projection = pallet::IndexProjection::kInclude,
                           .included = {"status", "total"}}}});
}

Item Line(const char* sku, int quantity, const char* price) {
  return {{"sku", sku},
          {"quantity", quantity},
          {"price", pallet::Number::Parse(price).value()}};
}

// The whole order at once. The address is copied: it is where this order went,
// whatever becomes of the customer's.
absl::Status Place(pallet::Client& client) {
  return client
      .PutItem({.table = kOrders,
                .item = {{"order", "o-1001"},
                         {"customer", "c-7"},
                         {"placed", "2026-11-23T10:00:00Z"},
                         {"status", "open"},
                         {"address", Item{{"city", "Bern"}, {"zip", "3011"}}},
                         {"lines", List{Line("tea", 2, "4.50"),
                                        Line("cup", 1, "12.00")}},
                         {"total", pallet::Number::Parse("21.00").value()}},
                .condition = "attribute_not_exists(#o)",
                .names = {{"#o", "order"}}})
      .status();
}

// Changes deep inside, without reading it first: one more line, one quantity, and
// the total with them. What is set beyond the end of a list is appended. Only
// while the order is open.
absl::StatusOr<pallet::UpdateItemResponse> Change(pallet::Client& client) {
  return client.UpdateItem(
      {.table = kOrders,
       .key = {{"order", "o-1001"}},
       .update = "SET #l[0].quantity = :three, #l[999] = :more, "
                 "#t = #t + :difference",
       .returned = pallet::ReturnedItem::kNew,
       .condition = "#s = :open",
       .names = {{"#l", "lines"}, {"#t", "total"}, {"#s", "status"}},
       .values = {{":more", Line("pot", 1, "30.00")},
                  {":three", 3},
                  {":difference", pallet::Number::Parse("34.50").value()},
                  {":open", "open"}}});
}

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  MakeTables(client);
  (void)client
      .PutItem(
          {.table = kCustomers, .item = {{"customer", "c-7"}, {"name", "Ann"}}})
      .value();
  Expect(Place(client).ok(), "an order is placed, whole");
  Expect(recipes::Is(Place(client),
                     pallet::model::Reason::kConditionalCheckFailed),
         "placing it again does nothing");

  const Item changed = *Change(client).value().item;
  std::cout << changed << "\n";
  Expect(changed.at("lines").AsList()->size() == 3, "there are three lines");
  Expect(changed.at("total").AsNumber()->text() == "55.5", "and a new total");

  // A screen with an order and its customer: two keys, one round trip.
  const auto screen =
      client
          .BatchGet(
              {.tables = {{kOrders, {.keys = {Item{{"order", "o-1001"}}}}},
                          {kCustomers, {.keys = {Item{{"customer", "c-7"}}}}}}})
          .value();
  Expect(screen.items.at(kCustomers)[0].at("name").AsString() != nullptr,
         "its customer is read with it");

  // The list of a customer's orders has what a list shows, the newest first.
  const auto list =
      client
          .Query({.table = kOrders,
                  .index = "by-customer",
                  .key_condition = "customer = :c AND placed >= :since",
                  .values = {{":c", "c-7"}, {":since", "2026"}},
                  .forward = false,
                  .freshness = {.strong = true}})
          .value();
  Expect(list.count == 1 && !list.items[0].contains("lines"),
         "the list of orders goes without their lines");
  return EXIT_SUCCESS;
}
