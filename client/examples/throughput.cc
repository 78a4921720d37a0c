// SPDX-License-Identifier: Apache-2.0
//
// Many operations at once: the asynchronous form, a thousand puts under way,
// which the client sends in a few large messages by itself.
//
//   throughput localhost:8001
#include <atomic>
#include <cstdlib>
#include <iostream>

#include "absl/synchronization/blocking_counter.h"
#include "client/client.h"
#include "model/errors.h"

namespace {

constexpr char kTable[] = "example_numbers";
constexpr int kPuts = 1000;

absl::Status Run(pallet::Client client) {
  const auto table = client.CreateTable(
      {.table = kTable,
       .key = {.partition = {.name = "number",
                             .type = pallet::ScalarType::kNumber}}});
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }
  std::atomic<int> failures = 0;
  absl::BlockingCounter left(kPuts);
  for (int i = 0; i < kPuts; ++i) {
    client.PutItemAsync(
        {.table = kTable, .item = {{"number", i}, {"square", i * i}}},
        [&](absl::StatusOr<pallet::PutItemResponse> response) {
          // On one of gRPC's threads: be short, do not wait here.
          if (!response.ok()) ++failures;
          left.DecrementCount();
        },
        {.timeout = absl::Seconds(30)});
  }
  left.Wait();
  std::cout << kPuts - failures << " puts done\n";
  return failures == 0 ? absl::OkStatus() : absl::UnknownError("puts failed");
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = pallet::Client::Connect(
      {.address = argc > 1 ? argv[1] : "localhost:8001"});
  const absl::Status status = client.ok() ? Run(*client) : client.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
