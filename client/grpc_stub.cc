// SPDX-License-Identifier: Apache-2.0
#include "client/grpc_stub.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "client/grpc_calls.h"
#include "client/pipeline.h"

namespace pallet {
namespace {

// A message is at most 16 MB; what wraps it gets some more.
constexpr int kMaxMessageBytes = 17 << 20;

grpc::ByteBuffer CopyToBuffer(absl::string_view bytes) {
  return ToBuffer(std::string(bytes));
}

// Owns itself until it is done.
class UnaryCall final : public grpc::ClientUnaryReactor, public Cancellable {
 public:
  UnaryCall(GrpcCalls* calls, Stub::Done done)
      : calls_(*calls), done_(std::move(done)) {}

  void Start(const Method& method, absl::string_view request,
             absl::Duration timeout) {
    if (!calls_.Enter(this)) {
      const std::unique_ptr<UnaryCall> self(this);
      return done_({.failure = ShutDownFailure()});
    }
    request_ = CopyToBuffer(request);
    GrpcCalls::SetTimeout(timeout, &context_);
    calls_.stub().PrepareUnaryCall(&context_, method.path, grpc::StubOptions(),
                                   &request_, &response_, this);
    StartCall();
  }

  void Cancel() override { context_.TryCancel(); }

  void OnDone(const grpc::Status& status) override {
    const std::unique_ptr<UnaryCall> self(this);
    Attempt attempt;
    grpc::Slice slice;
    if (status.ok()) {
      attempt.response = ToView(response_, &slice);
    } else {
      attempt.failure = calls_.FailureOf(status, context_);
    }
    done_(attempt);
    done_ = nullptr;
    calls_.Leave(this);
  }

 private:
  GrpcCalls& calls_;
  Stub::Done done_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
};

// A server stream. gRPC and the handle the reader has (ServerStream) own it
// together; it dies when both are done with it.
class StreamCall final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public Cancellable {
 public:
  using Done = absl::AnyInvocable<void(Attempt, bool)>;

  static std::shared_ptr<StreamCall> Start(GrpcCalls* calls,
                                           const Method& method,
                                           absl::string_view request,
                                           absl::Duration timeout) {
    auto call = std::make_shared<StreamCall>(calls);
    if (!calls->Enter(call.get())) {
      absl::MutexLock lock(&call->mutex_);
      call->end_ = ShutDownFailure();
      return call;
    }
    call->self_ = call;
    call->request_ = CopyToBuffer(request);
    GrpcCalls::SetTimeout(timeout, &call->context_);
    calls->stub().PrepareBidiStreamingCall(&call->context_, method.path,
                                           grpc::StubOptions(), call.get());
    call->AddHold();  // for the reads
    call->StartWriteLast(&call->request_, grpc::WriteOptions());
    call->StartCall();
    return call;
  }

  explicit StreamCall(GrpcCalls* calls) : calls_(*calls) {}

  void Read(Done done) {
    std::optional<Failure> end;
    bool start = false;
    {
      absl::MutexLock lock(&mutex_);
      end = end_;
      if (!end.has_value()) {
        done_ = std::move(done);
        start = reading_ = !released_;
      }
    }
    if (end.has_value()) return Tell(std::move(done), *end);
    if (start) StartRead(&message_);
  }

  // The hold goes with the last read.
  void Cancel() override {
    bool release = false;
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      if (!reading_) release = !std::exchange(released_, true);
    }
    context_.TryCancel();
    if (release) RemoveHold();
  }

  void OnReadDone(bool ok) override {
    Done done;
    bool release = false;
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      if (!ok || cancelled_) release = !std::exchange(released_, true);
      // At the end, OnDone knows how it ended.
      if (ok) done = std::move(done_);
    }
    if (ok) {
      grpc::Slice slice;
      done({.response = ToView(message_, &slice)}, false);
    }
    if (release) RemoveHold();
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<StreamCall> self = std::move(self_);
    Failure failure;
    if (!status.ok()) failure = calls_.FailureOf(status, context_);
    Done done;
    {
      absl::MutexLock lock(&mutex_);
      end_ = failure;
      done = std::move(done_);
    }
    if (done) Tell(std::move(done), failure);
    calls_.Leave(this);
  }

 private:
  static void Tell(Done done, const Failure& end) {
    done({.failure = end}, end.status.ok());
  }

  GrpcCalls& calls_;
  std::shared_ptr<StreamCall> self_;  // while gRPC uses it
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer message_;

  absl::Mutex mutex_;
  Done done_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Failure> end_ ABSL_GUARDED_BY(mutex_);
};

class ServerStream final : public StubStream {
 public:
  explicit ServerStream(std::shared_ptr<StreamCall> call)
      : call_(std::move(call)) {}
  ~ServerStream() override { call_->Cancel(); }

  void Read(absl::AnyInvocable<void(Attempt, bool)> done) override {
    call_->Read(std::move(done));
  }

 private:
  // Shared with gRPC, which may need it longer than the reader.
  const std::shared_ptr<StreamCall> call_;
};

std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // What may be repeated is decided here, in one place.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Each client has a connection of its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Notices a connection that died without a word. The service takes pings
  // every 10 seconds.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  // Despite its name also how long an attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return grpc::CreateCustomChannel(
      options.address, grpc::InsecureChannelCredentials(), arguments);
}

// gRPC 1.51 now and then frees its callback queue twice when the last channel
// that uses it goes, so one channel that leads nowhere keeps the queue for the
// life of the process. Never freed: that is its purpose.
void KeepCallbackQueue() {
  struct Keeper {
    // Without credentials every call fails at once.
    grpc::GenericStub stub{grpc::CreateChannel("", nullptr)};
    grpc::ClientContext context;
    grpc::Slice nothing;
    grpc::ByteBuffer request{&nothing, 1};
    grpc::ByteBuffer response;
  };
  static Keeper* const keeper = [] {
    auto* const made = new Keeper;
    made->stub.UnaryCall(&made->context, "/", grpc::StubOptions(),
                         &made->request, &made->response, [](grpc::Status) {});
    return made;
  }();
  static_cast<void>(keeper);
}

class GrpcStub final : public Stub {
 public:
  GrpcStub(const ClientOptions& options, Clock* clock)
      : use_pipeline_(!options.unary_calls),
        calls_(MakeChannel(options), options.address),
        pipeline_(&calls_, clock, options.max_waiting_bytes) {
    KeepCallbackQueue();
  }
  ~GrpcStub() override { Shutdown(); }

  void Call(const Method& method, absl::string_view request,
            absl::Duration timeout, Done done) override {
    if (use_pipeline_ && method.pipeline_field != 0) {
      pipeline_.Submit(method.pipeline_field, request, timeout,
                       std::move(done));
    } else {
      (new UnaryCall(&calls_, std::move(done)))
          ->Start(method, request, timeout);
    }
  }

  std::shared_ptr<StubStream> Stream(const Method& method,
                                     absl::string_view request,
                                     absl::Duration timeout) override {
    return std::make_shared<ServerStream>(
        StreamCall::Start(&calls_, method, request, timeout));
  }

  void After(absl::Duration delay,
             absl::AnyInvocable<void(bool)> done) override {
    calls_.After(delay, std::move(done));
  }

  void Shutdown() override {
    pipeline_.Shutdown();
    calls_.Shutdown();
  }

 private:
  const bool use_pipeline_;
  GrpcCalls calls_;
  Pipeline pipeline_;
};

}  // namespace

std::unique_ptr<Stub> MakeGrpcStub(const ClientOptions& options, Clock* clock) {
  return std::make_unique<GrpcStub>(options, clock);
}

}  // namespace pallet
