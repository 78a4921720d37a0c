// SPDX-License-Identifier: Apache-2.0
#include "client/pipeline.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "client/error_details.h"
#include "client/wire_fields.h"
#include "model/errors.h"

namespace pallet {
namespace {

constexpr char kPath[] = "/pallet.v1.ItemService/Pipeline";
// A frame is cut here; a larger operation has a frame of its own.
constexpr size_t kFrameBytes = 1 << 20;
// The service takes messages of 16 MB.
constexpr size_t kMaxOperationBytes = 16 << 20;

// Fields of PipelineRequest, PipelineOperation and PipelineResult.
constexpr int kOperations = 1;
constexpr int kTag = 1;
constexpr int kTimeout = 2;
constexpr int kResults = 1;
constexpr int kError = 2;

// The pipeline whose answers this thread is telling right now.
thread_local const Pipeline* telling = nullptr;

// What stands before an operation's request in a frame.
class OperationHead {
 public:
  OperationHead(uint64_t tag, absl::Duration timeout, int field,
                size_t request_bytes) {
    Varint(kTag << 3);
    Varint(tag);
    if (timeout != absl::InfiniteDuration()) {
      char duration[2 + 2 * kMaxVarintBytes];
      const size_t size = StoreDuration(timeout, duration) - duration;
      Varint(kTimeout << 3 | 2);
      Varint(size);
      std::memcpy(end_, duration, size);
      end_ += size;
    }
    Varint(static_cast<uint64_t>(field) << 3 | 2);
    Varint(request_bytes);
  }

  absl::string_view view() const {
    return {bytes_, static_cast<size_t>(end_ - bytes_)};
  }

 private:
  void Varint(uint64_t value) { end_ = StoreVarint(end_, value); }

  // A google.protobuf.Duration; returns the byte after it.
  static char* StoreDuration(absl::Duration duration, char* out) {
    const int64_t seconds = absl::ToInt64Seconds(duration);
    const int64_t nanos =
        absl::ToInt64Nanoseconds(duration - absl::Seconds(seconds));
    if (seconds != 0) out = StoreVarint(StoreVarint(out, 1 << 3), seconds);
    if (nanos != 0) out = StoreVarint(StoreVarint(out, 2 << 3), nanos);
    return out;
  }

  char bytes_[8 * kMaxVarintBytes];
  char* end_ = bytes_;
};

// Errors of operations that were refused here.
Attempt Refused(absl::Status status) {
  return {.failure = {.status = std::move(status), .not_sent = true}};
}

absl::Status Expired() {
  return model::MakeError(model::Reason::kDeadlineExceeded,
                          "no answer came in time");
}

// A result as it stands in a frame.
struct Result {
  uint64_t tag = 0;
  absl::string_view error;
  absl::string_view response;
  bool failed = false;
  Stub::Done done;
};

Result ReadResult(absl::string_view encoded) {
  Result result;
  for (internal::WireFields fields(encoded); fields.Next();) {
    switch (fields.number()) {
      case kTag:
        result.tag = fields.varint();
        break;
      case kError:
        result.error = fields.bytes();
        result.failed = true;
        break;
      default:
        result.response = fields.bytes();
    }
  }
  return result;
}

}  // namespace

// ---- One stream

// Lives from its construction until gRPC (or Start) is done with it.
class Pipeline::Stream final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public Cancellable {
 public:
  Stream(Pipeline* pipeline, Tag begin)
      : begin(begin), end(begin), pipeline_(*pipeline) {}

  // With the first frame.
  void Start(std::string frame) {
    if (!pipeline_.calls_.Enter(this)) {
      pipeline_.OnStreamEnd(this, ShutDownFailure());
      delete this;
      return;
    }
    pipeline_.calls_.stub().PrepareBidiStreamingCall(&context_, kPath,
                                                     grpc::StubOptions(), this);
    AddHold();
    StartRead(&incoming_);
    Write(std::move(frame));
    StartCall();
  }

  void Write(std::string frame) {
    outgoing_ = ToBuffer(std::move(frame));
    StartWrite(&outgoing_);
  }

  void Cancel() override { context_.TryCancel(); }

  void OnWriteDone(bool ok) override {
    outgoing_.Clear();
    ok ? pipeline_.OnWriteDone(this) : pipeline_.OnBroken(this, true);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return pipeline_.OnBroken(this, false);
    {
      grpc::Slice slice;
      pipeline_.OnFrame(ToView(incoming_, &slice));
    }
    incoming_.Clear();
    StartRead(&incoming_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::unique_ptr<Stream> self(this);
    Failure failure = status.ok()
                          ? Failure{.status = absl::UnavailableError(
                                        "the service ended the stream")}
                          : pipeline_.calls_.FailureOf(status, context_);
    pipeline_.OnStreamEnd(this, failure);
    pipeline_.calls_.Leave(this);
  }

  // Guarded by the pipeline's mutex.
  const Tag begin;  // of the tags written here
  Tag end;
  bool writing = false;
  bool broken = false;

 private:
  Pipeline& pipeline_;
  grpc::ClientContext context_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
};

// ---- Operations go out

void Pipeline::Submit(int field, absl::string_view request,
                      absl::Duration timeout, Stub::Done done) {
  if (timeout <= absl::ZeroDuration()) return done(Refused(Expired()));
  if (request.size() > kMaxOperationBytes) {
    return done(Refused(model::ValidationError(
        absl::StrCat("the request has ", request.size(),
                     " bytes, more than the 16 MB a message may have"))));
  }
  const absl::Duration deadline = clock_.Monotonic() + timeout;
  Turn turn;
  absl::Status refusal;
  bool arm = false;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) {
      refusal = ShutDownFailure().status;
    } else if (waiting_bytes_ + request.size() > max_waiting_bytes_ &&
               waiting_bytes_ > 0) {
      refusal = model::MakeError(model::Reason::kThrottling,
                                 "too much waits to be sent");
    } else {
      const Tag tag = next_tag_++;
      operations_.emplace(tag, Operation{std::move(done), deadline});
      arm = deadline < armed_for_;
      if (arm) armed_for_ = deadline;
      Append(tag, field, request, timeout);
      if (telling != this) turn = ClaimTurn();
    }
  }
  if (!refusal.ok()) return done(Refused(refusal));
  Write(std::move(turn));
  if (arm) ArmTimer(deadline);
}

void Pipeline::Append(Tag tag, int field, absl::string_view request,
                      absl::Duration timeout) {
  const OperationHead head_bytes(tag, timeout, field, request.size());
  const absl::string_view head = head_bytes.view();
  if (waiting_.empty() ||
      waiting_.back().bytes.size() + request.size() > kFrameBytes) {
    waiting_.emplace_back();
  }
  Frame& frame = waiting_.back();
  const size_t size_before = frame.bytes.size();
  AppendVarint(&frame.bytes, kOperations << 3 | 2);
  AppendVarint(&frame.bytes, head.size() + request.size());
  frame.bytes.append(head.data(), head.size());
  frame.bytes.append(request.data(), request.size());
  frame.end = tag + 1;
  waiting_bytes_ += frame.bytes.size() - size_before;
}

Pipeline::Turn Pipeline::ClaimTurn() {
  Turn turn;
  if (waiting_.empty() || stopped_) return turn;
  if (stream_ == nullptr) {
    stream_ = new Stream(this, sent_end_);
    turn.is_new = true;
  } else if (stream_->writing) {
    return turn;
  }
  turn.stream = stream_;
  turn.frame = std::move(waiting_.front().bytes);
  sent_end_ = waiting_.front().end;
  waiting_.pop_front();
  waiting_bytes_ -= turn.frame.size();
  stream_->end = sent_end_;
  stream_->writing = true;
  return turn;
}

void Pipeline::Write(Turn turn) {
  if (turn.stream == nullptr) return;
  turn.is_new ? turn.stream->Start(std::move(turn.frame))
              : turn.stream->Write(std::move(turn.frame));
}

void Pipeline::OnWriteDone(Stream* stream) {
  Turn turn;
  bool release = false;
  {
    absl::MutexLock lock(&mutex_);
    stream->writing = false;
    release = stream->broken;
    if (stream == stream_) turn = ClaimTurn();
  }
  if (release) stream->RemoveHold();
  Write(std::move(turn));
}

// ---- Answers come in

void Pipeline::OnFrame(absl::string_view frame) {
  std::vector<Result> results;
  for (internal::WireFields fields(frame); fields.Next();) {
    if (fields.number() == kResults) {
      results.push_back(ReadResult(fields.bytes()));
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    for (Result& result : results) result.done = Take(result.tag);
  }
  telling = this;
  for (Result& result : results) {
    if (!result.done) continue;  // its deadline has passed
    Attempt attempt{.response = result.response};
    if (result.failed)
      attempt.failure.status = DecodeErrorDetails(result.error);
    result.done(attempt);
  }
  telling = nullptr;
  Turn turn;
  {
    absl::MutexLock lock(&mutex_);
    turn = ClaimTurn();
  }
  Write(std::move(turn));
}

Stub::Done Pipeline::Take(Tag tag) {
  const auto found = operations_.find(tag);
  if (found == operations_.end()) return nullptr;
  Stub::Done done = std::move(found->second.done);
  operations_.erase(found);
  return done;
}

std::vector<Stub::Done> Pipeline::TakeRange(Tag begin, Tag end) {
  std::vector<Tag> tags;
  for (const auto& [tag, operation] : operations_) {
    if (tag >= begin && tag < end) tags.push_back(tag);
  }
  std::sort(tags.begin(), tags.end());
  std::vector<Stub::Done> taken;
  for (const Tag tag : tags) taken.push_back(Take(tag));
  return taken;
}

// ---- Streams break

void Pipeline::OnBroken(Stream* stream, bool wrote) {
  bool release = false;
  {
    absl::MutexLock lock(&mutex_);
    if (stream == stream_) stream_ = nullptr;
    const bool was_released = stream->broken && !stream->writing;
    stream->broken = true;
    if (wrote) stream->writing = false;
    release = !was_released && !stream->writing;
  }
  if (release) stream->RemoveHold();
}

void Pipeline::OnStreamEnd(Stream* stream, const Failure& failure) {
  std::vector<Stub::Done> failed;
  Turn turn;
  {
    absl::MutexLock lock(&mutex_);
    if (stream == stream_) stream_ = nullptr;
    if (failure.not_sent && stream_ == nullptr) {
      // What waits would meet the same fate; its callers know how long to wait.
      failed = TakeRange(stream->begin, next_tag_);
      waiting_.clear();
      waiting_bytes_ = 0;
      sent_end_ = next_tag_;
    } else {
      failed = TakeRange(stream->begin, stream->end);
      turn = ClaimTurn();
    }
  }
  for (Stub::Done& done : failed) done({.failure = failure});
  Write(std::move(turn));
}

void Pipeline::Shutdown() {
  std::vector<Stub::Done> failed;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    failed = TakeRange(0, next_tag_);
    waiting_.clear();
    waiting_bytes_ = 0;
  }
  for (Stub::Done& done : failed) done({.failure = ShutDownFailure()});
}

// ---- Time passes

void Pipeline::ArmTimer(absl::Duration deadline) {
  calls_.After(std::max(deadline - clock_.Monotonic(), absl::ZeroDuration()),
               [this, deadline](bool fired) {
                 if (fired) Expire(deadline);
               });
}

void Pipeline::Expire(absl::Duration armed_for) {
  const absl::Duration now = clock_.Monotonic();
  std::vector<Stub::Done> expired;
  absl::Duration next = absl::InfiniteDuration();
  {
    absl::MutexLock lock(&mutex_);
    // An earlier deadline came meanwhile, and has a timer of its own.
    if (armed_for != armed_for_) return;
    std::vector<Tag> tags;
    for (const auto& [tag, operation] : operations_) {
      if (operation.deadline <= now) {
        tags.push_back(tag);
      } else {
        next = std::min(next, operation.deadline);
      }
    }
    std::sort(tags.begin(), tags.end());
    for (const Tag tag : tags) expired.push_back(Take(tag));
    armed_for_ = next;
  }
  for (Stub::Done& done : expired) done({.failure = {.status = Expired()}});
  if (next != absl::InfiniteDuration()) ArmTimer(next);
}

}  // namespace pallet
