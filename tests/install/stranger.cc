// SPDX-License-Identifier: Apache-2.0
//
// A program of somebody else's. With an address it talks to the service there,
// without one to a mock: both ways the item it puts must come back.
#include <client/client.h>
#include <client/mock_connection.h>

#include <iostream>
#include <memory>

namespace {

pallet::Client MockOfOneItem() {
  auto mock = std::make_shared<pallet::MockConnection>();
  auto item = std::make_shared<pallet::Item>();
  mock->On<pallet::CreateTableRequest>(
      [](const pallet::CreateTableRequest& request)
          -> absl::StatusOr<pallet::TableDescription> {
        return pallet::TableDescription{.name = request.table};
      });
  mock->On<pallet::PutItemRequest>(
      [item](const pallet::PutItemRequest& request)
          -> absl::StatusOr<pallet::PutItemResponse> {
        *item = request.item;
        return pallet::PutItemResponse{};
      });
  mock->On<pallet::GetItemRequest>(
      [item](const pallet::GetItemRequest&)
          -> absl::StatusOr<pallet::GetItemResponse> {
        return pallet::GetItemResponse{.item = *item};
      });
  return pallet::Client(mock);
}

absl::Status PutAndGet(pallet::Client client) {
  const pallet::Item key{{"id", 7}};
  const pallet::Item item{{"id", 7}, {"tags", pallet::StringSet{{"a", "b"}}}};
  const auto table = client.CreateTable(
      {.table = "stranger",
       .key = {
           .partition = {.name = "id", .type = pallet::ScalarType::kNumber}}});
  if (!table.ok()) return table.status();
  const auto put = client.PutItem({.table = "stranger", .item = item});
  if (!put.ok()) return put.status();
  const auto found = client.GetItem({.table = "stranger", .key = key});
  if (!found.ok()) return found.status();
  if (found->item != item) return absl::InternalError("another item came back");
  std::cout << *found->item << "\n";
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<pallet::Client> client =
      argc > 1 ? pallet::Client::Connect({.address = argv[1]})
               : MockOfOneItem();
  const absl::Status status =
      client.ok() ? PutAndGet(*client) : client.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
