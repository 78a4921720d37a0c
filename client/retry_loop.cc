// SPDX-License-Identifier: Apache-2.0
#include "client/retry_loop.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "model/errors.h"

namespace pallet {

void RetryLoop::Start(RetryContext* context, const Method& method,
                      std::string request, absl::Duration timeout, Done done) {
  auto* loop = new RetryLoop(context, method, std::move(request),
                             context->Now() + timeout, std::move(done));
  loop->MakeAttempt(timeout);
}

void RetryLoop::MakeAttempt(absl::Duration timeout) {
  ++attempts_;
  context_->stub().Call(method_, request_, timeout,
                        [this](const Attempt& attempt) { OnAttempt(attempt); });
}

void RetryLoop::OnAttempt(const Attempt& attempt) {
  const Failure& failure = attempt.failure;
  if (failure.status.ok()) {
    const std::unique_ptr<RetryLoop> self(this);
    done_(attempt.response);
    return;
  }
  const std::optional<absl::Duration> wait =
      context_->Wait(failure, method_.repeat, attempts_ + 1);
  if (!wait.has_value() || context_->Now() + *wait >= deadline_) {
    return Fail(failure);
  }
  context_->stub().After(*wait, [this, failure](bool waited) {
    waited ? MakeAttempt(deadline_ - context_->Now()) : Fail(failure);
  });
}

void RetryLoop::Fail(const Failure& failure) {
  const std::unique_ptr<RetryLoop> self(this);
  // Without a reason the error comes from the transport: a write that went out
  // may have been done.
  const bool is_unavailable =
      failure.status.code() == absl::StatusCode::kUnavailable &&
      model::ReasonOf(failure.status) == model::Reason::kInternal;
  if (is_unavailable && !failure.not_sent && method_.repeat == Repeat::kOnce) {
    done_(model::MakeError(
        model::Reason::kOutcomeUnknown,
        absl::StrCat("the connection was lost before the answer came: ",
                     failure.status.message())));
    return;
  }
  done_(failure.status);
}

}  // namespace pallet
