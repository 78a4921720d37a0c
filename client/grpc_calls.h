// SPDX-License-Identifier: Apache-2.0
//
// What the calls of one channel share: the channel, how its errors are read,
// timers, and the count of what is under way, so that Shutdown can end it all.
// Not installed: the only client headers with gRPC in them are this one and
// pipeline.h.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/stub.h"

namespace pallet {

// Something under way that can be told to end soon.
class Cancellable {
 public:
  virtual ~Cancellable() = default;
  virtual void Cancel() = 0;
};

// Thread-safe.
class GrpcCalls {
 public:
  GrpcCalls(std::shared_ptr<grpc::Channel> channel, std::string target)
      : target_(std::move(target)), stub_(std::move(channel)) {}
  ~GrpcCalls();

  grpc::GenericStub& stub() { return stub_; }

  // How a call that ended with `status` failed. `context` is the call's.
  Failure FailureOf(const grpc::Status& status,
                    const grpc::ClientContext& context) const;

  static void SetTimeout(absl::Duration timeout, grpc::ClientContext* context);

  // Calls `done` after `delay`; with false, if Shutdown came first.
  void After(absl::Duration delay, absl::AnyInvocable<void(bool)> done);

  // Between the two, Shutdown waits for `call`. False: Shutdown was called
  // before, and `call` must not start.
  [[nodiscard]] bool Enter(Cancellable* call);
  void Leave(Cancellable* call);

  // Cancels all that has entered and waits until it has left.
  void Shutdown();

 private:
  const std::string target_;
  grpc::GenericStub stub_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<Cancellable*> under_way_ ABSL_GUARDED_BY(mutex_);
};

// The failure of a call that was not made because Shutdown came first.
Failure ShutDownFailure();

// The bytes of a message, in one piece. Copies them only if they are in several
// slices; `slice` keeps them.
absl::string_view ToView(const grpc::ByteBuffer& buffer, grpc::Slice* slice);

// A buffer that owns `bytes`, without copying them.
grpc::ByteBuffer ToBuffer(std::string bytes);

}  // namespace pallet
