// SPDX-License-Identifier: Apache-2.0
//
// What the programs here share and yours will have in its own way: a fresh table,
// a time that goes when it is told to, and a look at whether all came out as it
// should. Their classes are what is to be copied.
//
// Programs call value() on every answer, so that the first error ends them.
#pragma once

#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "model/errors.h"

namespace recipes {

// What time it is; a program of yours gives absl::Now.
using TimeSource = std::function<absl::Time()>;

inline bool Is(const absl::Status& status, pallet::model::Reason reason) {
  return pallet::model::ReasonOf(status) == reason;
}

// A new, empty table.
inline void MakeTable(pallet::Client& client,
                      const pallet::CreateTableRequest& request) {
  const auto gone = client.DeleteTable({.table = request.table});
  if (!gone.ok() &&
      !Is(gone.status(), pallet::model::Reason::kResourceNotFound)) {
    (void)gone.value();
  }
  (void)client.CreateTable(request).value();
}

// Items go when the time in `expires` is past.
inline void LetExpire(pallet::Client& client, const std::string& table) {
  (void)client.UpdateTimeToLive({.table = table, .attribute = "expires"})
      .value();
}

inline void Expect(bool holds, absl::string_view what) {
  std::cout << (holds ? "  " : "NOT ") << what << "\n";
  if (!holds) std::exit(EXIT_FAILURE);
}

// program [host:port]
inline pallet::Client Connect(int argc, char** argv) {
  return pallet::Client::Connect(
             {.address = argc > 1 ? argv[1] : "localhost:8001"})
      .value();
}

}  // namespace recipes
