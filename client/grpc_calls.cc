// SPDX-License-Identifier: Apache-2.0
#include "client/grpc_calls.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "client/error_details.h"
#include "model/errors.h"

namespace pallet {
namespace {

// How long after now, on the clock gRPC waits by.
gpr_timespec FromNow(absl::Duration delay) {
  if (delay == absl::InfiniteDuration()) {
    return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  }
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(delay), GPR_TIMESPAN));
}

class Timer final : public Cancellable {
 public:
  Timer(GrpcCalls* calls, absl::AnyInvocable<void(bool)> done)
      : calls_(calls), done_(std::move(done)) {}

  void Start(absl::Duration delay) {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) delay = absl::ZeroDuration();
    alarm_.Set(FromNow(delay), [this](bool fired) { OnAlarm(fired); });
  }

  // Instead of Start.
  void Refuse() { done_(false); }

  void Cancel() override {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    alarm_.Cancel();
  }

 private:
  void OnAlarm(bool fired) {
    const std::unique_ptr<Timer> self(this);
    {
      absl::MutexLock lock(&mutex_);
      fired = fired && !cancelled_;
    }
    done_(fired);
    done_ = nullptr;
    calls_->Leave(this);
  }

  GrpcCalls* const calls_;
  absl::AnyInvocable<void(bool)> done_;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Alarm alarm_;
};

}  // namespace

GrpcCalls::~GrpcCalls() {
  absl::MutexLock lock(&mutex_);
  CHECK(under_way_.empty());
}

Failure GrpcCalls::FailureOf(const grpc::Status& status,
                             const grpc::ClientContext& context) const {
  Failure failure;
  if (!status.error_details().empty()) {
    failure.status = DecodeErrorDetails(status.error_details());
    return failure;
  }
  failure.status =
      TransportError(static_cast<absl::StatusCode>(status.error_code()),
                     status.error_message());
  // A call learns its peer's address when it is given to a transport; until
  // then it has the name the channel was made with.
  failure.not_sent = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                     context.peer() == target_;
  return failure;
}

void GrpcCalls::SetTimeout(absl::Duration timeout,
                           grpc::ClientContext* context) {
  context->set_deadline(FromNow(timeout));
}

void GrpcCalls::After(absl::Duration delay,
                      absl::AnyInvocable<void(bool)> done) {
  auto timer = std::make_unique<Timer>(this, std::move(done));
  if (!Enter(timer.get())) return timer->Refuse();
  timer.release()->Start(delay);
}

bool GrpcCalls::Enter(Cancellable* call) {
  absl::MutexLock lock(&mutex_);
  return !stopped_ && under_way_.insert(call).second;
}

void GrpcCalls::Leave(Cancellable* call) {
  absl::MutexLock lock(&mutex_);
  CHECK_EQ(under_way_.erase(call), 1u);
}

void GrpcCalls::Shutdown() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  // None can leave, and die, while the lock is held.
  for (Cancellable* call : under_way_) call->Cancel();
  mutex_.Await(absl::Condition(
      +[](absl::flat_hash_set<Cancellable*>* calls) { return calls->empty(); },
      &under_way_));
}

Failure ShutDownFailure() {
  return {.status = model::MakeError(model::Reason::kCancelled,
                                     "the client is being closed"),
          .not_sent = true};
}

absl::string_view ToView(const grpc::ByteBuffer& buffer, grpc::Slice* slice) {
  if (!buffer.TrySingleSlice(slice).ok() &&
      !buffer.DumpToSingleSlice(slice).ok()) {
    return {};
  }
  return {reinterpret_cast<const char*>(slice->begin()), slice->size()};
}

grpc::ByteBuffer ToBuffer(std::string bytes) {
  auto* owned = new std::string(std::move(bytes));
  const grpc::Slice slice(
      owned->data(), owned->size(),
      [](void* string) { delete static_cast<std::string*>(string); }, owned);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace pallet
