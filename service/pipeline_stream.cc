// SPDX-License-Identifier: Apache-2.0
#include "service/pipeline_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "model/errors.h"
#include "service/dropped_reply.h"
#include "service/error_details.h"
#include "service/grpc_status.h"

namespace pallet::service {
namespace {

// While operations are being dispatched answers wait for company, up to this.
constexpr uint32_t kPumpResults = 32;
constexpr size_t kPumpBytes = 64 << 10;

absl::Status ShuttingDown() {
  return model::MakeError(model::Reason::kShuttingDown,
                          "The node is shutting down");
}

absl::Status UnknownMember(int member) {
  return model::MakeError(
      model::Reason::kNotBuilt,
      absl::StrCat("PipelineOperation field ", member, " is not built"));
}

}  // namespace

struct PipelineStream::Running {
  PipelineStream* stream;            // invariant 2: outlives this
  const ServedOperation* operation;  // nullptr: not one we know
  uint64_t tag;
  int member;
  uint64_t request_bytes;
  absl::Duration start;
};

// One pointer, so that the Reply around it needs no memory of its own.
class PipelineStream::Answer {
 public:
  explicit Answer(std::unique_ptr<Running> running)
      : running_(std::move(running)) {}
  Answer(Answer&&) noexcept = default;
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (running_ != nullptr) Send(DroppedReply(running_->operation->name));
  }

  void operator()(absl::StatusOr<std::string> result) {
    Send(std::move(result));
  }

 private:
  void Send(absl::StatusOr<std::string> result) {
    PipelineStream* const stream = running_->stream;
    stream->Answered(std::move(running_), std::move(result));
  }

  std::unique_ptr<Running> running_;
};

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
PipelineStream::Start(StreamMetrics* metrics, FrontEnd* front_end,
                      grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<PipelineStream>(metrics, front_end);
  stream->self_ = stream;
  const absl::Duration now = front_end->clock->Monotonic();
  stream->stream_deadline_ =
      DeadlineOf(*context, now, absl::InfiniteDuration(), front_end->clock);
  stream->call_.cancelled =
      std::shared_ptr<const std::atomic<bool>>(stream, &stream->cancelled_);
  metrics->open.fetch_add(1);
  // A stream that comes while the gate is closed is drained by streams.Add.
  (void)front_end->gate.Enter();
  // Headers at once: the client may wait for them before it sends.
  stream->StartSendInitialMetadata();
  front_end->streams.Add(stream);
  stream->Advance();
  return stream.get();
}

PipelineStream::PipelineStream(StreamMetrics* metrics, FrontEnd* front_end)
    : metrics_(metrics), front_end_(front_end) {
  call_.clock = front_end->clock;
}

// --- Dispatch ---

bool PipelineStream::HasRoom() const {
  const uint32_t in_flight = running_ + unsent_;
  return in_flight == 0 || (in_flight < front_end_->pipeline.max_in_flight &&
                            bytes_ < front_end_->pipeline.max_in_flight_bytes);
}

void PipelineStream::Pump() {
  {
    absl::MutexLock lock(&mutex_);
    if (pumping_) return;
    pumping_ = true;
  }
  PipelineOperation operation;
  while (TakeNext(&operation)) Dispatch(operation);
  Advance();
}

bool PipelineStream::TakeNext(PipelineOperation* next) {
  absl::MutexLock lock(&mutex_);
  if (frame_left_ && HasRoom()) {
    absl::StatusOr<PipelineOperation> operation = reader_->Next();
    if (operation.ok()) {
      *next = *std::move(operation);
      if (draining_) next->refused = ShuttingDown();
      ++running_;
      bytes_ += next->request.size();
      frame_left_ = !reader_->AtEnd();
      return true;
    }
    frame_left_ = false;
    read_done_ = true;
    end_.Update(operation.status());
  }
  pumping_ = false;
  return false;
}

void PipelineStream::Dispatch(const PipelineOperation& operation) {
  const ServedOperation* const served =
      front_end_->PipelineMember(operation.member);
  auto running = std::make_unique<Running>(
      Running{this, served, operation.tag, operation.member,
              operation.request.size(), frame_start_});
  if (served != nullptr) served->metrics->Started();
  if (!operation.refused.ok()) {
    return Answered(std::move(running), operation.refused);
  }
  if (served == nullptr) {
    return Answered(std::move(running), UnknownMember(operation.member));
  }
  if (served->run == nullptr) {
    return Answered(std::move(running), RpcNotBuilt(served->name));
  }
  call_.deadline = std::min(
      stream_deadline_, frame_start_ + std::min(operation.timeout,
                                                front_end_->grpc.max_deadline));
  (*served->run)(operation.request, call_, Answer(std::move(running)));
}

// --- Answers ---

void PipelineStream::Answered(std::unique_ptr<Running> running,
                              absl::StatusOr<std::string> result) {
  // Once the lock is given up another thread may finish the stream.
  const std::shared_ptr<PipelineStream> alive = shared_from_this();
  if (running->operation != nullptr) {
    running->operation->metrics->Finished(
        result.status().code(),
        front_end_->clock->Monotonic() - running->start);
  }
  const bool ok = result.ok();
  const std::string bytes =
      ok ? *std::move(result) : EncodeError(result.status());
  {
    absl::MutexLock lock(&mutex_);
    CHECK_GT(running_, 0u);
    --running_;
    bytes_ -= running->request_bytes;
    if (!cancelled_) Gather(*running, bytes, ok);
    if (pumping_ && gathered_.results() < kPumpResults &&
        gathered_.bytes() < kPumpBytes) {
      return;
    }
  }
  Advance();
}

void PipelineStream::Gather(const Running& running, absl::string_view bytes,
                            bool ok) {
  const PipelineConfig& bounds = front_end_->pipeline;
  if (!gathered_.empty() &&
      (gathered_.results() >= bounds.frame_operations ||
       gathered_.bytes() + bytes.size() > bounds.frame_bytes)) {
    CloseFrame();
  }
  if (ok) {
    gathered_.AddResponse(running.tag, running.member, bytes);
  } else {
    gathered_.AddError(running.tag, bytes);
  }
  ++unsent_;
  bytes_ += bytes.size();
}

void PipelineStream::CloseFrame() {
  OutFrame frame;
  frame.results = gathered_.results();
  frame.counted_bytes = gathered_.payload_bytes();
  frame.bytes = gathered_.Take();
  frames_.push_back(std::move(frame));
}

void PipelineStream::DropAnswers() {
  if (!gathered_.empty()) CloseFrame();
  for (const OutFrame& frame : frames_) {
    unsent_ -= frame.results;
    bytes_ -= frame.counted_bytes;
  }
  frames_.clear();
}

// --- Reading, writing, ending ---

bool PipelineStream::TakeWrite() {
  if (writing_ || finished_) return false;
  if (frames_.empty()) {
    if (gathered_.empty()) return false;
    CloseFrame();
  }
  sending_ = std::move(frames_.front());
  frames_.pop_front();
  grpc::ByteBuffer message = WrapMessage(std::move(sending_.bytes));
  write_buffer_.Swap(&message);
  writing_ = true;
  return true;
}

bool PipelineStream::TakeRead() {
  if (reading_ || starting_read_ || read_done_ || frame_left_ || pumping_ ||
      draining_ || finished_ || !HasRoom()) {
    return false;
  }
  reading_ = starting_read_ = true;
  return true;
}

bool PipelineStream::TakeFinish() {
  // A draining stream does not wait for a frame that may never come; one that
  // comes after this is dropped unread.
  const bool no_more = read_done_ || draining_;
  if (finished_ || !no_more || frame_left_ || pumping_ || starting_read_ ||
      running_ > 0 || writing_ || unsent_ > 0) {
    return false;
  }
  finished_ = true;
  if (draining_ && !read_done_) end_.Update(ShuttingDown());
  return true;
}

void PipelineStream::Advance() {
  while (AdvanceOnce()) {
  }
}

// True if the state must be looked at once more.
bool PipelineStream::AdvanceOnce() {
  bool write = false, read = false, finish = false;
  absl::Status end;
  {
    absl::MutexLock lock(&mutex_);
    write = TakeWrite();
    read = TakeRead();
    finish = TakeFinish();
    if (finish) end = end_;
  }
  if (write) StartWrite(&write_buffer_);
  if (finish) Finish(ToGrpcStatus(end));
  if (!read) return false;
  StartRead(&read_buffer_);
  absl::MutexLock lock(&mutex_);
  starting_read_ = false;
  return true;
}

void PipelineStream::OnReadDone(bool ok) {
  absl::Status status;
  if (ok) {
    metrics_->frames_in.fetch_add(1);
    absl::StatusOr<MessageBytes> bytes = MessageBytes::Of(read_buffer_);
    read_buffer_.Clear();
    status = bytes.status();
    if (bytes.ok()) {
      frame_ = *std::move(bytes);
      reader_.emplace(frame_.view());
      frame_start_ = front_end_->clock->Monotonic();
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    reading_ = false;
    if (finished_) return;
    if (!ok || !status.ok() || cancelled_) {
      read_done_ = true;
      end_.Update(status);
    } else {
      frame_left_ = !reader_->AtEnd();
    }
  }
  Pump();
}

void PipelineStream::OnWriteDone(bool ok) {
  metrics_->frames_out.fetch_add(1);
  bool resume = false;
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    unsent_ -= sending_.results;
    bytes_ -= sending_.counted_bytes;
    if (!ok) {
      cancelled_ = true;
      DropAnswers();
    }
    resume = frame_left_ && !pumping_ && HasRoom();
  }
  Advance();
  if (resume) Pump();
}

void PipelineStream::OnCancel() {
  {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    frame_left_ = false;
    if (!reading_) read_done_ = true;
    DropAnswers();
  }
  Advance();
}

void PipelineStream::Drain() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
  }
  Advance();
}

void PipelineStream::OnDone() {
  metrics_->open.fetch_sub(1);
  front_end_->streams.Remove(this);
  front_end_->gate.Leave();
  call_.cancelled.reset();  // it holds this stream
  self_.reset();
}

}  // namespace pallet::service
