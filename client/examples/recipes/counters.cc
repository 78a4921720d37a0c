// SPDX-License-Identifier: Apache-2.0
//
// Counters: exact under any number of writers, counted once although a request
// may be sent twice, and fast although all count the same thing.
//
// ADD is atomic. A token makes a repetition harmless. A counter in parts spreads
// its writes over partitions; who reads adds the parts up.
#include <unistd.h>

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "client/examples/recipes/recipe.h"

namespace {

class Counter {
 public:
  Counter(pallet::Client client, std::string table, std::string name, int parts)
      : client_(std::move(client)),
        table_(std::move(table)),
        name_(std::move(name)),
        parts_(parts) {}

  // `event` names what is counted, in at most 36 bytes: it is counted once
  // within ten minutes.
  absl::Status Add(int64_t n, const std::string& event) {
    const size_t part = absl::HashOf(event) % static_cast<size_t>(parts_);
    return client_
        .UpdateItem({.table = table_,
                     .key = KeyOf(static_cast<int>(part)),
                     .update = "ADD n :n",
                     .values = {{":n", n}},
                     .token = event})
        .status();
  }

  absl::StatusOr<int64_t> Total() {
    pallet::BatchGetRequest request;
    for (int part = 0; part < parts_; ++part) {
      request.tables[table_].keys.push_back(KeyOf(part));
    }
    request.tables[table_].consistent_read = true;
    const auto parts = client_.BatchGet(request);
    if (!parts.ok()) return parts.status();
    if (!parts->unprocessed.empty()) {
      return absl::UnavailableError("some parts could not be read");
    }
    int64_t total = 0;
    const auto found = parts->items.find(table_);
    if (found == parts->items.end()) return total;
    for (const pallet::Item& part : found->second) {
      total += part.at("n").AsNumber()->ToInt64().value();
    }
    return total;
  }

 private:
  pallet::Item KeyOf(int part) const {
    return {{"counter", absl::StrCat(name_, "#", part)}};
  }

  pallet::Client client_;
  const std::string table_, name_;
  const int parts_;  // at most 100, and never fewer than there were
};

// Of this run of the program alone.
std::string EventOf(int i) { return absl::StrCat("view-", getpid(), "-", i); }

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  recipes::MakeTable(client, {.table = "recipe_counters",
                              .key = {.partition = {.name = "counter"}}});
  Counter views(client, "recipe_counters", "views", 8);

  using recipes::Expect;
  Expect(views.Total().value() == 0, "nothing yet");
  for (int i = 0; i < 100; ++i) {
    if (!views.Add(1, EventOf(i)).ok()) return EXIT_FAILURE;
  }
  Expect(views.Total().value() == 100, "a hundred views, in eight parts");
  for (int i = 0; i < 100; ++i) {
    if (!views.Add(1, EventOf(i)).ok()) return EXIT_FAILURE;
  }
  Expect(views.Total().value() == 100, "told again, they are no more");
  return EXIT_SUCCESS;
}
