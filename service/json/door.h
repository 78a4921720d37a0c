// SPDX-License-Identifier: Apache-2.0
//
// Door: what happens to one request of DynamoDB's JSON protocol between the
// socket and the operation, and back. It knows HTTP and knows no sockets.
//
//   preflight, health, 404 -> X-Amz-Target -> signature -> unpack -> JSON to
//   message -> operation (service/operation.h) -> message to JSON -> pack
//
// Invariants:
//   1. Each request is answered exactly once, whatever it holds.
//   2. Nothing of a body is looked at before its signature is good.
//
// Thread-safe; constant after its construction.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "service/json/http.h"
#include "service/json/request_reader.h"
#include "service/json/shape.h"
#include "service/json/signature.h"
#include "service/metrics.h"
#include "service/operation.h"

namespace pallet::service::json {

struct DoorOptions {
  Clock* clock = Clock::Real();
  // All outlive the door.
  const OperationRegistry* operations = nullptr;
  Metrics* metrics = nullptr;

  std::vector<AccessKey> access_keys;  // none: signatures are not looked at
  absl::Duration max_deadline = absl::Minutes(5);
  std::function<absl::Status()> health = [] { return absl::OkStatus(); };
};

// Answers shorter than this are sent as they are.
inline constexpr size_t kPackFrom = 4096;

class Door {
 public:
  using MakeAnswer = absl::AnyInvocable<HttpAnswer() &&>;
  using Respond = absl::AnyInvocable<void(MakeAnswer)>;

  explicit Door(DoorOptions options);
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door();

  // Calls `respond` once, before it returns or later, on any thread: a store's
  // too, which must not wait until an item has become JSON and is packed. So
  // the answer to a write is made when what `respond` gets is called, once, on
  // a thread that has time; the door must outlive that. `request`
  // and `reader` need live only until it returns; `cancelled` says that nobody
  // waits any more.
  void Handle(HttpRequest* request, RequestReader* reader,
              std::shared_ptr<const std::atomic<bool>> cancelled,
              Respond respond) const;

 private:
  struct Served;
  class Call;

  // The answer to what is no call of an operation; nullopt for one that is.
  std::optional<HttpAnswer> AnswerPage(const HttpRequest& request) const;
  const Served* FindTarget(absl::string_view target) const;
  // Checks the signature and unpacks the body; a problem is an answer.
  std::optional<HttpAnswer> Admit(HttpRequest* request) const;

  const DoorOptions options_;
  const Shapes shapes_;
  const std::unique_ptr<const SignatureVerifier> verifier_;  // null: open
  std::map<std::string, Served, std::less<>> targets_;
};

// Lines for the head of an answer to a page of another origin.
std::string CrossOriginHeaders(const HttpRequest& request);

}  // namespace pallet::service::json
