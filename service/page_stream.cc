// SPDX-License-Identifier: Apache-2.0
#include "service/page_stream.h"

#include <chrono>
#include <utility>

#include "base/status_macros.h"
#include "model/errors.h"
#include "service/grpc_status.h"
#include "service/message_bytes.h"

namespace pallet::service {
namespace {

// A stream that found the read pool full in its middle asks again after this.
constexpr std::chrono::milliseconds kPoolRetry{5};

absl::Status PoolIsFull() {
  return model::MakeError(model::Reason::kThrottling,
                          "Too many reads are waiting on this node");
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* PageStream::Start(
    const ServedOperation* operation, FrontEnd* front_end,
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  auto stream = std::make_shared<PageStream>(operation, front_end);
  stream->self_ = stream;
  // A stream that comes while the gate is closed is drained by streams.Add.
  (void)front_end->gate.Enter();
  front_end->streams.Add(stream);
  stream->Open(*context, *request);
  // gRPC calls OnDone only after it has been given the reactor.
  return stream.get();
}

PageStream::PageStream(const ServedOperation* operation, FrontEnd* front_end)
    : operation_(operation),
      front_end_(front_end),
      stream_metrics_(front_end->metrics->Stream(operation->name)),
      start_(front_end->clock->Monotonic()) {}

void PageStream::Open(const grpc::CallbackServerContext& context,
                      const grpc::ByteBuffer& request) {
  operation_->metrics->Started();
  stream_metrics_->open.fetch_add(1);
  auto source = OpenSource(context, request);
  if (source.ok()) {
    source_ = *std::move(source);
  } else {
    End(source.status());
  }
  Advance();
}

absl::StatusOr<std::unique_ptr<PageSource>> PageStream::OpenSource(
    const grpc::CallbackServerContext& context,
    const grpc::ByteBuffer& request) {
  if (operation_->open == nullptr) return RpcNotBuilt(operation_->name);
  ASSIGN_OR_RETURN(MessageBytes bytes, MessageBytes::Of(request));
  CallContext call;
  call.clock = front_end_->clock;
  call.deadline =
      DeadlineOf(context, start_, absl::InfiniteDuration(), front_end_->clock);
  call.cancelled = std::shared_ptr<const std::atomic<bool>>(self_, &cancelled_);
  return (*operation_->open)(bytes.view(), call);
}

void PageStream::End(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (end_.has_value()) return;
  end_ = status;
  ready_.reset();
}

void PageStream::Advance() {
  bool write = false, produce = false, finish = false;
  absl::Status end;
  {
    absl::MutexLock lock(&mutex_);
    if (finished_) return;
    if (ready_.has_value() && !writing_) {
      grpc::ByteBuffer page = WrapMessage(*std::exchange(ready_, std::nullopt));
      writing_page_.Swap(&page);
      write = writing_ = wrote_ = true;
    }
    if (!producing_ && !waiting_ && !ready_.has_value() && !end_.has_value()) {
      produce = producing_ = true;
    }
    if (end_.has_value() && !producing_ && !writing_) {
      finish = finished_ = true;
      end = *end_;
    }
  }
  if (write) StartWrite(&writing_page_);
  if (produce) ProduceWhenReady();
  if (finish) {
    operation_->metrics->Finished(end.code(),
                                  front_end_->clock->Monotonic() - start_);
    Finish(ToGrpcStatus(end));
  }
}

// While it is producing, nobody takes the source away.
void PageStream::ProduceWhenReady() {
  if (!source_->Awaits([stream = shared_from_this()] { stream->OnReady(); })) {
    return Produce();
  }
  bool again = false;
  {
    absl::MutexLock lock(&mutex_);
    again = std::exchange(woken_, false);
    if (!again) {
      producing_ = false;
      waiting_ = true;
    }
  }
  // It may have come to its end meanwhile.
  again ? Produce() : Advance();
}

void PageStream::OnReady() {
  {
    absl::MutexLock lock(&mutex_);
    if (!waiting_) {
      woken_ = true;
      return;
    }
    waiting_ = false;
    if (finished_ || end_.has_value()) return;
    producing_ = true;
  }
  Produce();
}

void PageStream::Produce() {
  if (front_end_->read_pool->TrySubmit(
          [stream = shared_from_this()] { stream->ProduceOnPool(); })) {
    return;
  }
  bool wrote = false;
  {
    absl::MutexLock lock(&mutex_);
    wrote = wrote_;
  }
  if (wrote) return TryAgainLater();
  End(PoolIsFull());
  {
    absl::MutexLock lock(&mutex_);
    producing_ = false;
  }
  Advance();
}

void PageStream::TryAgainLater() {
  // A new one each time: the last one may be running its callback still.
  retry_ = std::make_unique<grpc::Alarm>();
  retry_->Set(std::chrono::system_clock::now() + kPoolRetry,
              [stream = shared_from_this()](bool) {
                {
                  absl::MutexLock lock(&stream->mutex_);
                  stream->producing_ = false;
                }
                stream->Advance();
              });
}

void PageStream::ProduceOnPool() {
  absl::StatusOr<std::optional<std::string>> page = std::nullopt;
  if (!cancelled_) page = source_->Next();
  {
    absl::MutexLock lock(&mutex_);
    producing_ = false;
    if (end_.has_value()) {
      // What was made comes too late.
    } else if (!page.ok()) {
      end_ = page.status();
    } else if (page->has_value() && (*page)->empty() &&
               source_->may_be_empty()) {
      // Nothing to be told.
    } else if (page->has_value()) {
      ready_ = *std::move(page);
    } else {
      end_ = absl::OkStatus();
    }
  }
  Advance();
}

void PageStream::OnWriteDone(bool ok) {
  stream_metrics_->frames_out.fetch_add(1);
  if (!ok) {
    End(model::MakeError(model::Reason::kCancelled, "The client is gone"));
  }
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
  }
  Advance();
}

void PageStream::OnCancel() {
  cancelled_ = true;
  End(model::MakeError(model::Reason::kCancelled, "The call was cancelled"));
  Advance();
}

void PageStream::Drain() {
  End(model::MakeError(model::Reason::kShuttingDown,
                       "The node is shutting down; go on from the last "
                       "resume_token elsewhere or later"));
  Advance();
}

void PageStream::OnDone() {
  stream_metrics_->open.fetch_sub(1);
  front_end_->streams.Remove(this);
  front_end_->gate.Leave();
  source_.reset();  // it may hold the call's context, which holds this stream
  self_.reset();
}

}  // namespace pallet::service
