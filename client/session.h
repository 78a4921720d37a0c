// SPDX-License-Identifier: Apache-2.0
//
// Session: a client that sees its own writes, in global indexes too.
//
//   pallet::Session session(client);
//   session->PutItem({.table = "orders", .item = order});
//   session->Query({.table = "orders", .index = "by-customer",  // has the order
//                   .key_condition = "customer = :c",
//                   .values = {{":c", "ann"}}});
//
// An index follows its table a little later. The reply of each write tells its
// position; a session remembers the newest one of each partition and gives them
// to its reads of indexes, which wait until the index is as far. A read can ask
// for more by its own Freshness.
//
// What a session has seen can be handed on, to another thread, process or
// machine: other.Join(session.Token()).
//
// A write whose outcome the client was not told has no position: what becomes
// of it is not waited for. The position of a batch that failed halfway is not
// known either.
//
// Invariants:
//   1. At most one position is kept per table and partition. A table with more
//      than a hundred of them is read strongly instead, which sees more.
//   2. What an operation was answered is remembered before its caller hears of
//      the answer.
//
// Thread-safe. Copies share what they remember. As with a Client, the last one
// to die waits for its callbacks, and must not die inside one of them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace pallet {

struct SessionOptions {
  // Reads of indexes see the session's writes.
  bool read_own_writes = true;
  // All of them are strong: they see everybody's acknowledged writes.
  bool strong = false;
  // None lags by more than this.
  std::optional<absl::Duration> max_staleness = {};
};

class Session {
 public:
  explicit Session(const Client& client, const SessionOptions& options = {});

  // All operations, ranges and streams are those of a Client.
  Client& operator*() { return client_; }
  Client* operator->() { return &client_; }

  // What is remembered, as printable text.
  std::string Token() const;
  // Remembers what the token says too. kValidation if it is none.
  absl::Status Join(absl::string_view token);

 private:
  class Memory;
  class SessionConnection;

  Session(const Client& client, const SessionOptions& options,
          std::shared_ptr<Memory> memory);

  // Shared with the operations under way.
  std::shared_ptr<Memory> memory_;
  Client client_;
};

}  // namespace pallet
