// SPDX-License-Identifier: Apache-2.0
#include "client/retry_policy.h"

#include <algorithm>

#include "base/check.h"
#include "model/errors.h"

namespace pallet {

bool RetryPolicy::MayRepeat(const Failure& failure, Repeat repeat) {
  const absl::Status& status = failure.status;
  if (status.code() == absl::StatusCode::kDeadlineExceeded ||
      status.code() == absl::StatusCode::kCancelled) {
    return false;
  }
  if (failure.not_sent) return true;
  const model::Reason reason = model::ReasonOf(status);
  if (model::InfoOf(reason).retryable) return true;
  // All that was in the way passes by itself.
  if (reason == model::Reason::kTransactionCanceled) {
    return status.code() == absl::StatusCode::kAborted;
  }
  if (repeat == Repeat::kOnce) return false;
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kUnknown ||
         status.code() == absl::StatusCode::kInternal;
}

std::optional<absl::Duration> RetryPolicy::Wait(const Failure& failure,
                                                Repeat repeat, int attempt,
                                                Random& random) const {
  CHECK_GE(attempt, 2);
  if (attempt > options_.max_attempts || !MayRepeat(failure, repeat)) {
    return std::nullopt;
  }
  // 2^30 first backoffs are past any maximum.
  const int doublings = std::min(attempt - 2, 30);
  const absl::Duration whole = std::min(
      options_.max_backoff, options_.first_backoff * (int64_t{1} << doublings));
  return whole * (0.5 + random.Fraction() / 2);
}

}  // namespace pallet
