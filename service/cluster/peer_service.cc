// SPDX-License-Identifier: Apache-2.0
#include "service/cluster/peer_service.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "cluster/peer/peer_transport.h"
#include "model/errors.h"
#include "pallet/internal/v1/peer.grpc.pb.h"
#include "service/error_details.h"

namespace pallet::service {
namespace {

namespace v1 = internal::v1;

constexpr int kMaxMessageBytes = 64 << 20;

grpc::Status NotForUs(const absl::Status& why) {
  return {grpc::StatusCode::FAILED_PRECONDITION, std::string(why.message())};
}

absl::Duration DeadlineOf(const grpc::ServerContextBase& context,
                          Clock* clock) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) {
    return absl::InfiniteDuration();
  }
  return clock->Monotonic() +
         absl::FromChrono(deadline - std::chrono::system_clock::now());
}

void Wrap(absl::StatusOr<std::string> result, v1::ForwardResponse* response) {
  if (result.ok()) {
    response->set_response(*std::move(result));
  } else {
    response->set_error(EncodeError(result.status()));
  }
}

// A call that was told that nothing was done.
bool IsRefusal(const absl::StatusOr<std::string>& result) {
  return !result.ok() && DidNothing(result.status());
}

// A forwarded call. Lives until gRPC is done with it and it was answered.
class ForwardCall final : public grpc::ServerUnaryReactor {
 public:
  static ForwardCall* Start(const PeerServiceOptions& options,
                            grpc::CallbackServerContext* context,
                            const v1::ForwardRequest* request,
                            v1::ForwardResponse* response) {
    auto call = std::make_shared<ForwardCall>(response);
    call->self_ = call;
    CallContext run;
    run.clock = options.clock;
    run.deadline = DeadlineOf(*context, options.clock);
    run.cancelled =
        std::shared_ptr<const std::atomic<bool>>(call, &call->cancelled_);
    run.endpoint = request->endpoint();
    options.switchboard->RunHere(request->operation(), request->request(), run,
                                 [call](absl::StatusOr<std::string> result) {
                                   if (IsRefusal(result)) {
                                     call->Finish(NotForUs(result.status()));
                                     return;
                                   }
                                   Wrap(std::move(result), call->response_);
                                   call->Finish(grpc::Status::OK);
                                 });
    return call.get();
  }

  explicit ForwardCall(v1::ForwardResponse* response) : response_(response) {}
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { self_.reset(); }

 private:
  v1::ForwardResponse* const response_;
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<ForwardCall> self_;  // until OnDone
};

// A forwarded stream: one page is written while the next waits to be made.
class ForwardPages final : public grpc::ServerWriteReactor<v1::ForwardResponse>,
                           public std::enable_shared_from_this<ForwardPages> {
 public:
  static ForwardPages* Start(const PeerServiceOptions& options,
                             grpc::CallbackServerContext* context,
                             const v1::ForwardRequest* request) {
    auto pages = std::make_shared<ForwardPages>(options.read_pool);
    pages->self_ = pages;
    CallContext run;
    run.clock = options.clock;
    run.deadline = DeadlineOf(*context, options.clock);
    run.cancelled =
        std::shared_ptr<const std::atomic<bool>>(pages, &pages->cancelled_);
    run.endpoint = request->endpoint();
    auto source = options.switchboard->OpenHere(request->operation(),
                                                request->request(), run);
    if (source.ok()) {
      pages->source_ = *std::move(source);
      pages->Produce();
    } else if (DidNothing(source.status())) {
      pages->End(NotForUs(source.status()));
    } else {
      pages->EndWith(source.status());
    }
    return pages.get();
  }

  explicit ForwardPages(Executor* read_pool) : read_pool_(read_pool) {}

  void OnWriteDone(bool ok) override {
    if (last_) return End(grpc::Status::OK);
    if (!ok || cancelled_) return End(grpc::Status::CANCELLED);
    Produce();
  }
  void OnCancel() override {
    cancelled_ = true;
    // It may wait for a source that has nothing.
    bool waits = false;
    {
      absl::MutexLock lock(&mutex_);
      waits = std::exchange(waiting_, false);
    }
    if (waits) End(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    source_.reset();
    self_.reset();
  }

 private:
  void Produce() {
    const bool waits = source_->Awaits([pages = shared_from_this()] {
      {
        absl::MutexLock lock(&pages->mutex_);
        if (!pages->waiting_) {
          pages->woken_ = true;
          return;
        }
        pages->waiting_ = false;
      }
      pages->Make();
    });
    if (waits) {
      absl::MutexLock lock(&mutex_);
      if (!std::exchange(woken_, false)) {
        waiting_ = !cancelled_;
        if (waiting_) return;
      }
    }
    Make();
  }

  void Make() {
    if (cancelled_) return End(grpc::Status::CANCELLED);
    if (!read_pool_->TrySubmit(
            [pages = shared_from_this()] { pages->MakeNow(); })) {
      EndWith(model::MakeError(model::Reason::kThrottling,
                               "Too many reads are waiting on this node"));
    }
  }

  void MakeNow() {
    auto page = source_->Next();
    if (!page.ok()) return EndWith(page.status());
    if (!page->has_value()) return End(grpc::Status::OK);
    if ((*page)->empty() && source_->may_be_empty()) return Produce();
    page_.set_response(**std::move(page));
    StartWrite(&page_);
  }

  void EndWith(const absl::Status& status) {
    last_ = true;
    page_.set_error(EncodeError(status));
    StartWrite(&page_);
  }

  void End(const grpc::Status& status) {
    if (!ended_.exchange(true)) Finish(status);
  }

  Executor* const read_pool_;
  std::unique_ptr<PageSource> source_;
  v1::ForwardResponse page_;
  std::atomic<bool> last_{false};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> ended_{false};
  absl::Mutex mutex_;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<ForwardPages> self_;  // until OnDone
};

}  // namespace

// Packets have threads of their own, one for each stream: what a forwarded call
// does to gRPC's few threads must not hold them up.
class PeerService::Impl final
    : public v1::Peer::WithCallbackMethod_Forward<
          v1::Peer::WithCallbackMethod_ForwardStream<v1::Peer::Service>> {
 public:
  absl::Status Listen(const std::string& address) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(
        GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on the peer address ", address));
    }
    address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
    return absl::OkStatus();
  }

  void Serve(const PeerServiceOptions& options) {
    absl::MutexLock lock(&mutex_);
    options_ = std::make_unique<PeerServiceOptions>(options);
  }

  void Shut(absl::Duration patience) {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() +
                      absl::ToChronoMilliseconds(patience));
    server_->Wait();
  }

  const std::string& address() const { return address_; }

  grpc::Status Packets(grpc::ServerContext*,
                       grpc::ServerReader<v1::PacketFrame>* reader,
                       v1::PacketsDone*) override {
    const PeerServiceOptions* const options = this->options();
    if (options == nullptr) {
      return {grpc::StatusCode::UNAVAILABLE, "the node is starting"};
    }
    bool greeted = false;
    v1::PacketFrame frame;
    while (reader->Read(&frame)) {
      if (!greeted) {
        if (const absl::Status status = cluster::CheckHello(
                frame.hello(), options->incarnation, options->self);
            !status.ok()) {
          return NotForUs(status);
        }
        greeted = true;
      }
      std::vector<cluster::Packet> packets;
      if (const absl::Status status = cluster::DecodePackets(frame, &packets);
          !status.ok()) {
        return {grpc::StatusCode::INVALID_ARGUMENT,
                std::string(status.message())};
      }
      if (!packets.empty()) options->on_packets(std::move(packets));
      frame.Clear();
    }
    return grpc::Status::OK;
  }

  grpc::ServerUnaryReactor* Forward(grpc::CallbackServerContext* context,
                                    const v1::ForwardRequest* request,
                                    v1::ForwardResponse* response) override {
    const absl::Status status = Check(*request);
    if (!status.ok()) {
      grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
      reactor->Finish(NotForUs(status));
      return reactor;
    }
    return ForwardCall::Start(*options(), context, request, response);
  }

  grpc::ServerWriteReactor<v1::ForwardResponse>* ForwardStream(
      grpc::CallbackServerContext* context,
      const v1::ForwardRequest* request) override {
    const absl::Status status = Check(*request);
    if (!status.ok()) return new RefusedStream(NotForUs(status));
    return ForwardPages::Start(*options(), context, request);
  }

 private:
  class RefusedStream final
      : public grpc::ServerWriteReactor<v1::ForwardResponse> {
   public:
    explicit RefusedStream(const grpc::Status& status) { Finish(status); }
    void OnDone() override { delete this; }
  };

  const PeerServiceOptions* options() const {
    absl::MutexLock lock(&mutex_);
    return options_.get();
  }
  absl::Status Check(const v1::ForwardRequest& request) const {
    const PeerServiceOptions* const options = this->options();
    if (options == nullptr) {
      return absl::FailedPreconditionError("the node is starting");
    }
    return cluster::CheckHello(request.hello(), options->incarnation,
                               options->self);
  }

  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  mutable absl::Mutex mutex_;
  // Set once.
  std::unique_ptr<PeerServiceOptions> options_ ABSL_GUARDED_BY(mutex_);
};

PeerService::PeerService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PeerService::~PeerService() { Shut(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<PeerService>> PeerService::Listen(
    const std::string& address) {
  auto impl = std::make_unique<Impl>();
  if (absl::Status status = impl->Listen(address); !status.ok()) return status;
  return std::unique_ptr<PeerService>(new PeerService(std::move(impl)));
}

const std::string& PeerService::address() const { return impl_->address(); }

void PeerService::Serve(const PeerServiceOptions& options) {
  impl_->Serve(options);
}

void PeerService::Shut(absl::Duration patience) { impl_->Shut(patience); }

}  // namespace pallet::service
