// SPDX-License-Identifier: Apache-2.0
#include "bench/load/raw_calls.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/synchronization/notification.h"

namespace pallet::bench {
namespace {

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(17 << 20);
  // Every run its own connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

absl::Status ToAbsl(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

class StreamReader
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamReader(const std::string& request) : request_(ToBuffer(request)) {}

  void Start() {
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++result.messages;
    result.bytes += response_.Length();
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    result.status = ToAbsl(status);
    done.Notify();
  }

  StreamResult result;
  absl::Notification done;

 private:
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
};

}  // namespace

LoadResult RunUnary(const std::string& address, const std::string& method,
                    const MakeRequest& make, const LoadOptions& options) {
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
  };
  grpc::GenericStub stub(Connect(address));
  return RunClosedLoop(
      options,
      [&](int, Random& random, absl::AnyInvocable<void(absl::Status)> done) {
        auto call = std::make_unique<Call>();
        call->request = ToBuffer(make(random));
        Call* raw = call.get();
        // std::function wants a copyable callback.
        auto shared =
            std::make_shared<std::pair<std::unique_ptr<Call>,
                                       absl::AnyInvocable<void(absl::Status)>>>(
                std::move(call), std::move(done));
        stub.UnaryCall(&raw->context, method, grpc::StubOptions(),
                       &raw->request, &raw->response,
                       [shared](grpc::Status status) {
                         auto done = std::move(shared->second);
                         shared->first.reset();
                         done(ToAbsl(status));
                       });
      });
}

StreamResult DrainStream(const std::string& address, const std::string& method,
                         const std::string& request) {
  grpc::GenericStub stub(Connect(address));
  grpc::ClientContext context;
  StreamReader reader(request);
  stub.PrepareBidiStreamingCall(&context, method, grpc::StubOptions(), &reader);
  const absl::Duration started = Clock::Real()->Monotonic();
  reader.Start();
  reader.done.WaitForNotification();
  reader.result.elapsed = Clock::Real()->Monotonic() - started;
  return reader.result;
}

}  // namespace pallet::bench
