// SPDX-License-Identifier: Apache-2.0
//
// RetryLoop: one call from the caller's point of view, made of as many attempts
// as the policy and the deadline allow. It owns itself: it is made by Start and
// dies when it has called back.
//
//   Start -> Attempt -> stub -> OnAttempt -> done
//               ^                  | may be repeated
//               +---- wait --------+
//
// Thread-safe by being under way in one place at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "client/retry_policy.h"
#include "client/stub.h"

namespace pallet {

// What all calls of a connection share. Outlives them: the stub's Shutdown ends
// them all. Thread-safe.
class RetryContext {
 public:
  RetryContext(Stub* stub, Clock* clock, RetryPolicy policy, uint64_t seed)
      : stub_(stub), clock_(clock), policy_(policy), random_(seed) {}

  Stub& stub() const { return *stub_; }
  absl::Duration Now() const { return clock_->Monotonic(); }
  std::optional<absl::Duration> Wait(const Failure& failure, Repeat repeat,
                                     int attempt) {
    absl::MutexLock lock(&mutex_);
    return policy_.Wait(failure, repeat, attempt, random_);
  }

 private:
  Stub* const stub_;
  Clock* const clock_;
  const RetryPolicy policy_;
  absl::Mutex mutex_;
  Random random_ ABSL_GUARDED_BY(mutex_);
};

class RetryLoop {
 public:
  // The encoded response, valid during the callback, or why there is none.
  using Done = absl::AnyInvocable<void(absl::StatusOr<absl::string_view>)>;

  static void Start(RetryContext* context, const Method& method,
                    std::string request, absl::Duration timeout, Done done);

 private:
  RetryLoop(RetryContext* context, const Method& method, std::string request,
            absl::Duration deadline, Done done)
      : context_(context),
        method_(method),
        request_(std::move(request)),
        deadline_(deadline),
        done_(std::move(done)) {}

  void MakeAttempt(absl::Duration timeout);
  void OnAttempt(const Attempt& attempt);
  // The status the caller sees; destroys the loop.
  void Fail(const Failure& failure);

  RetryContext* const context_;
  const Method& method_;
  const std::string request_;
  const absl::Duration deadline_;  // on the monotonic clock
  Done done_;
  int attempts_ = 0;
};

}  // namespace pallet
