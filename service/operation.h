// SPDX-License-Identifier: Apache-2.0
//
// Operations: what both front ends and the Pipeline run. An operation takes an
// encoded request message and answers with an encoded response message, so that
// a page of items is written once, from the image to the wire
// (docs/adr/0010-operations-and-replies.md).
//
// Invariants:
//   1. A Reply is called exactly once, on any thread, during Run or after it.
//   2. An error is a model::MakeError status. Its details are its payloads
//      whose type URL starts with kDetailPrefix: encoded messages, as they go
//      into google.rpc.Status.details. The front end adds ErrorInfo.
//   3. A request with a field this version does not have is refused with
//      kNotBuilt before anything is done (not_built.h).
//
// The registry is filled at start, then only read: thread-safe from then on.
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
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "google/protobuf/message_lite.h"

namespace pallet::service {

inline constexpr char kDetailPrefix[] = "type.googleapis.com/";

// What an operation knows of its call. Cheap to copy.
struct CallContext {
  Clock* clock = Clock::Real();
  absl::Duration deadline = absl::InfiniteDuration();  // on clock->Monotonic()
  // Set by the front end when nobody waits any more; may be null. Shared
  // because either side may go first.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  // "host:port" under which the client reached this service, if the front end
  // knows it.
  std::string endpoint;

  // OK, or kDeadlineExceeded or kCancelled. Asked before work starts and
  // between pages; never in the middle of a write.
  absl::Status Check() const;
};

using Reply = absl::AnyInvocable<void(absl::StatusOr<std::string>)>;

// Runs one operation. Does not block: what reads much goes to the read pool.
// `request` need only live until it returns.
using Operation = absl::AnyInvocable<void(
    absl::string_view request, const CallContext& context, Reply reply) const>;

// The answers of a streaming operation, pulled one by one, so that the front
// end's flow control decides the pace. One thread at a time.
class PageSource {
 public:
  virtual ~PageSource() = default;

  // The next encoded response message; nullopt behind the last one. Reads the
  // image, so it is called on the read pool; looks at the call's deadline and
  // cancellation first. After an error it is not called again.
  virtual absl::StatusOr<std::optional<std::string>> Next() = 0;

  // Asked before each Next: true if there is nothing to be had yet. Then `ready`
  // is called once, on any thread, when it is worth asking again; destroying the
  // source is as good, and then it may come a little later still or never.
  virtual bool Awaits(absl::AnyInvocable<void()> ready) { return false; }

  // Whether an empty message of Next means that there was nothing.
  virtual bool may_be_empty() const { return false; }
};

// Checks a request and opens its pages. Does not block.
using StreamOperation =
    absl::AnyInvocable<absl::StatusOr<std::unique_ptr<PageSource>>(
        absl::string_view request, const CallContext& context) const>;

// Operations by the name of their rpc: "GetItem".
class OperationRegistry {
 public:
  // REQUIRES: `name` is new.
  void Add(absl::string_view name, Operation operation);
  void AddStream(absl::string_view name, StreamOperation operation);

  // Nullptr if this version has no such operation.
  const Operation* Find(absl::string_view name) const;
  const StreamOperation* FindStream(absl::string_view name) const;

  // All names, sorted.
  std::vector<std::string> Names() const;

 private:
  std::map<std::string, Operation, std::less<>> operations_;
  std::map<std::string, StreamOperation, std::less<>> streams_;
};

// Attaches a detail that goes to the client as it is. REQUIRES: !status->ok().
void AddDetail(const google::protobuf::MessageLite& detail,
               absl::Status* status);

// kNotBuilt: the answer to an rpc the registry does not have.
absl::Status RpcNotBuilt(absl::string_view name);

}  // namespace pallet::service
