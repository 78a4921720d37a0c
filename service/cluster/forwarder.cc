// SPDX-License-Identifier: Apache-2.0
#include "service/cluster/forwarder.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/thread.h"
#include "model/errors.h"
#include "service/error_details.h"

namespace pallet::service {
namespace {

namespace v1 = internal::v1;

constexpr char kNotSent[] = "pallet.cluster/not-sent";
constexpr int kMaxMessageBytes = 64 << 20;
// Of a call without a deadline of its own.
constexpr absl::Duration kLongestCall = absl::Minutes(5);
// How many pages of a stream wait here for their reader.
constexpr size_t kPagesWaiting = 2;

void SetDeadline(const CallContext& context, bool bounded,
                 grpc::ClientContext* out) {
  absl::Duration left = absl::InfiniteDuration();
  if (context.deadline != absl::InfiniteDuration()) {
    left = context.deadline - context.clock->Monotonic();
  }
  if (bounded) left = std::min(left, kLongestCall);
  if (left == absl::InfiniteDuration()) return;
  out->set_deadline(std::chrono::system_clock::now() +
                    absl::ToChronoMilliseconds(left));
}

absl::StatusOr<std::string> Unwrap(v1::ForwardResponse response) {
  if (response.has_error()) return DecodeError(response.error());
  return std::move(*response.mutable_response());
}

// The call itself failed. `sent`: the request may have been there.
absl::Status Broken(const grpc::Status& status, bool sent) {
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return model::MakeError(model::Reason::kDeadlineExceeded,
                            "The call's deadline has passed");
  }
  if (status.error_code() == grpc::StatusCode::CANCELLED) {
    return model::MakeError(model::Reason::kCancelled,
                            "The call was cancelled");
  }
  // Said by a node that does not lead, or is not the one that was meant.
  if (!sent || status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
    return NotSent(status.error_message());
  }
  return model::MakeError(
      model::Reason::kOutcomeUnknown,
      absl::StrCat("the connection to the node that leads broke: ",
                   status.error_message()));
}

}  // namespace

absl::Status NotSent(absl::string_view why) {
  absl::Status status = model::MakeError(
      model::Reason::kThrottling,
      absl::StrCat("no node leads the cluster at the moment: ", why));
  status.SetPayload(kNotSent, absl::Cord());
  return status;
}

bool IsNotSent(const absl::Status& status) {
  return status.GetPayload(kNotSent).has_value();
}

struct Forwarder::Peer {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Peer::Stub> stub;
};

struct Forwarder::Call {
  std::string node;
  std::atomic<bool> left{false};
  std::shared_ptr<Peer> peer;
  grpc::ClientContext context;
  v1::ForwardRequest request;
  v1::ForwardResponse response;
  Reply reply;
};

Forwarder::Forwarder(ForwarderOptions options) : options_(std::move(options)) {}

Forwarder::~Forwarder() { Stop(); }

void Forwarder::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  for (const auto& [call, shared] : calls_) call->context.TryCancel();
  mutex_.Await(absl::Condition(
      +[](decltype(calls_)* calls) { return calls->empty(); }, &calls_));
}

void Forwarder::LeaveOthers(const std::string& node) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [call, shared] : calls_) {
    if (call->node == node) continue;
    call->left = true;
    call->context.TryCancel();
  }
}

std::shared_ptr<Forwarder::Peer> Forwarder::PeerOf(const std::string& node) {
  const std::string address = options_.address_of(node);
  if (address.empty()) return nullptr;
  absl::MutexLock lock(&mutex_);
  if (stopped_) return nullptr;
  std::shared_ptr<Peer>& peer = peers_[node];
  if (peer != nullptr && peer->address == address) return peer;
  peer = std::make_shared<Peer>();
  peer->address = address;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 2000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  peer->channel = grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), arguments);
  peer->stub = v1::Peer::NewStub(peer->channel);
  return peer;
}

void Forwarder::Fill(const std::string& node, absl::string_view operation,
                     absl::string_view request, const CallContext& context,
                     v1::ForwardRequest* out) const {
  out->mutable_hello()->set_incarnation(options_.incarnation);
  out->mutable_hello()->set_from_node(options_.self);
  out->mutable_hello()->set_to_node(node);
  out->set_operation(std::string(operation));
  out->set_request(std::string(request));
  out->set_endpoint(context.endpoint);
}

void Forwarder::Forward(const std::string& node, absl::string_view operation,
                        absl::string_view request, const CallContext& context,
                        Reply reply) {
  auto call = std::make_shared<Call>();
  call->node = node;
  call->peer = PeerOf(node);
  if (call->peer == nullptr) return reply(NotSent("its address is not known"));
  // What is not connected is not asked: it would not be known what came of it.
  if (call->peer->channel->GetState(/*try_to_connect=*/true) !=
      GRPC_CHANNEL_READY) {
    return reply(NotSent("it cannot be reached"));
  }
  Fill(node, operation, request, context, &call->request);
  SetDeadline(context, true, &call->context);
  call->reply = std::move(reply);
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return call->reply(NotSent("the node is shutting down"));
    calls_[call.get()] = call;
  }
  Call* const raw = call.get();
  call->peer->stub->async()->Forward(
      &raw->context, &raw->request, &raw->response,
      [this, raw](const grpc::Status& status) {
        if (status.ok()) {
          raw->reply(Unwrap(std::move(raw->response)));
        } else if (raw->left) {
          raw->reply(Broken({grpc::StatusCode::UNAVAILABLE,
                             "it leads no more, and did not answer"},
                            true));
        } else {
          raw->reply(Broken(status, true));
        }
        absl::MutexLock lock(&mutex_);
        calls_.erase(raw);
      });
}

// Pages come in on a thread of the stream's own and wait for their reader.
class Forwarder::Stream final : public PageSource {
 public:
  Stream(std::shared_ptr<Peer> peer, v1::ForwardRequest request,
         const CallContext& context)
      : peer_(std::move(peer)), request_(std::move(request)) {
    SetDeadline(context, false, &context_);
    cancelled_ = context.cancelled;
    thread_ = Thread("forward", [this] { Work(); });
  }

  ~Stream() override {
    context_.TryCancel();
    {
      absl::MutexLock lock(&mutex_);
      closing_ = true;
    }
    thread_.Join();
  }

  absl::StatusOr<std::optional<std::string>> Next() override {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Stream::HasSome));
    if (!pages_.empty()) {
      std::string page = std::move(pages_.front());
      pages_.pop_front();
      return std::optional<std::string>(std::move(page));
    }
    if (!end_->ok()) return *end_;
    return std::optional<std::string>();
  }

  bool Awaits(absl::AnyInvocable<void()> ready) override {
    absl::MutexLock lock(&mutex_);
    if (HasSome()) return false;
    ready_ = std::move(ready);
    return true;
  }

 private:
  bool HasSome() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !pages_.empty() || end_.has_value();
  }
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closing_ || pages_.size() < kPagesWaiting;
  }

  void Work() {
    const auto reader = peer_->stub->ForwardStream(&context_, request_);
    v1::ForwardResponse response;
    absl::Status end;
    while (end.ok() && reader->Read(&response)) {
      absl::StatusOr<std::string> page = Unwrap(std::move(response));
      if (!page.ok()) {
        end = page.status();
        break;
      }
      Put(*std::move(page), std::nullopt);
    }
    if (!end.ok()) context_.TryCancel();
    const grpc::Status status = reader->Finish();
    if (end.ok() && !status.ok()) end = Broken(status, true);
    Put("", end);
  }

  void Put(std::string page, std::optional<absl::Status> end) {
    absl::AnyInvocable<void()> ready;
    {
      absl::MutexLock lock(&mutex_);
      if (end.has_value()) {
        end_ = *std::move(end);
      } else {
        mutex_.Await(absl::Condition(this, &Stream::HasRoom));
        if (closing_) return;
        pages_.push_back(std::move(page));
      }
      ready = std::move(ready_);
      ready_ = nullptr;
    }
    if (ready != nullptr) ready();
  }

  const std::shared_ptr<Peer> peer_;
  const v1::ForwardRequest request_;
  grpc::ClientContext context_;
  std::shared_ptr<const std::atomic<bool>> cancelled_;
  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::string> pages_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  absl::AnyInvocable<void()> ready_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Thread thread_;
};

absl::StatusOr<std::unique_ptr<PageSource>> Forwarder::ForwardStream(
    const std::string& node, absl::string_view operation,
    absl::string_view request, const CallContext& context) {
  const std::shared_ptr<Peer> peer = PeerOf(node);
  if (peer == nullptr) return NotSent("its address is not known");
  if (peer->channel->GetState(true) != GRPC_CHANNEL_READY) {
    return NotSent("it cannot be reached");
  }
  v1::ForwardRequest out;
  Fill(node, operation, request, context, &out);
  return std::make_unique<Stream>(peer, std::move(out), context);
}

}  // namespace pallet::service
