// SPDX-License-Identifier: Apache-2.0
//
// Your code under test, without a service: a Client over a MockConnection.
// Takes no argument; exits with 0 if the test passes.
#include <cstdlib>
#include <iostream>
#include <memory>

#include "client/client.h"
#include "client/mock_connection.h"
#include "model/errors.h"

namespace {

// What is to be tested: greets a user by name, a stranger as such.
std::string Greet(pallet::Client client, const std::string& user) {
  const auto found = client.GetItem({.table = "users", .key = {{"id", user}}});
  if (!found.ok()) return "try again later";
  if (!found->item.has_value()) return "who are you?";
  return "hello " + *found->item->at("name").AsString();
}

}  // namespace

int main() {
  auto mock = std::make_shared<pallet::MockConnection>();
  mock->On<pallet::GetItemRequest>(
      [](const pallet::GetItemRequest& request)
          -> absl::StatusOr<pallet::GetItemResponse> {
        const std::string& id = *request.key.at("id").AsString();
        if (id == "1") {
          return pallet::GetItemResponse{
              .item = pallet::Item{{"id", "1"}, {"name", "Ada"}}};
        }
        if (id == "2") return pallet::GetItemResponse{};
        return pallet::model::MakeError(pallet::model::Reason::kThrottling,
                                        "slow down");
      });
  const pallet::Client client(mock);
  const bool passed = Greet(client, "1") == "hello Ada" &&
                      Greet(client, "2") == "who are you?" &&
                      Greet(client, "3") == "try again later" &&
                      mock->Calls<pallet::GetItemRequest>() == 3;
  std::cout << (passed ? "passed" : "failed") << "\n";
  return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
