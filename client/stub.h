// SPDX-License-Identifier: Apache-2.0
//
// Stub: one attempt of one call, as bytes. Below it is gRPC (client/
// grpc_stub.h), above it are retries. Also gives the timer retries wait on, so
// that a test owns time and network alike.
//
// Every callback is called exactly once, on any thread, perhaps before the call
// returns; after Shutdown none is. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/retry_policy.h"

namespace pallet {

// An rpc of the service.
struct Method {
  const char* path;  // "/pallet.v1.ItemService/GetItem"
  Repeat repeat;
  // Its field number in PipelineOperation and PipelineResult; 0: the operation
  // does not travel on the pipeline.
  int pipeline_field;
};

// How an attempt ended: `failure.status` is OK, and `response` the encoded
// message, valid during the callback only; or it is the error.
struct Attempt {
  Failure failure = {};
  absl::string_view response = {};
};

// Messages of a server stream, read one by one. Destroying it cancels; that may
// be done in its own callback.
class StubStream {
 public:
  virtual ~StubStream() = default;

  // The next message; an OK status with `ended` set behind the last one.
  // REQUIRES: the callback of the call before was called.
  virtual void Read(
      absl::AnyInvocable<void(Attempt attempt, bool ended)> done) = 0;
};

class Stub {
 public:
  using Done = absl::AnyInvocable<void(Attempt)>;

  virtual ~Stub() = default;

  // `request` need live only until the call returns.
  virtual void Call(const Method& method, absl::string_view request,
                    absl::Duration timeout, Done done) = 0;

  virtual std::shared_ptr<StubStream> Stream(const Method& method,
                                             absl::string_view request,
                                             absl::Duration timeout) = 0;

  // Calls `done` after `delay`; with false, if Shutdown came first.
  virtual void After(absl::Duration delay,
                     absl::AnyInvocable<void(bool)> done) = 0;

  // Fails what is under way with kCancelled and returns when every callback
  // has returned. Later calls fail at once. Must not be called from a callback.
  virtual void Shutdown() = 0;
};

}  // namespace pallet
