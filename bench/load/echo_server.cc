// SPDX-License-Identifier: Apache-2.0
#include "bench/load/echo_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "service/channel_arguments.h"
#include "service/raw_service.h"

namespace pallet::bench {
namespace {

using grpc::ByteBuffer;

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                 const ByteBuffer& answer,
                                 ByteBuffer* response) {
  *response = answer;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

// Reads and writes at once; stops reading while many messages wait.
class EchoStream final
    : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  EchoStream() { StartRead(&incoming_); }

 private:
  static constexpr size_t kMaxWaiting = 1024;

  void OnReadDone(bool ok) override {
    bool write = false, read = false, finish = false;
    {
      absl::MutexLock lock(&mutex_);
      if (ok) {
        waiting_.push_back(incoming_);
      } else {
        read_done_ = true;
      }
      read = ok && waiting_.size() < kMaxWaiting;
      paused_ = ok && !read;
      write = TakeWrite();
      finish = TakeFinish();
    }
    Act(write, read, finish);
  }

  void OnWriteDone(bool ok) override {
    bool write = false, read = false, finish = false;
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) waiting_.clear();
      read = std::exchange(paused_, false);
      write = TakeWrite();
      finish = TakeFinish();
    }
    Act(write, read, finish);
  }

  void OnDone() override { delete this; }

  bool TakeWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || waiting_.empty()) return false;
    outgoing_ = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    return true;
  }

  bool TakeFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return read_done_ && !writing_ && waiting_.empty();
  }

  void Act(bool write, bool read, bool finish) {
    if (write) StartWrite(&outgoing_);
    if (read) StartRead(&incoming_);
    if (finish) Finish(grpc::Status::OK);
  }

  ByteBuffer incoming_;  // the reader's
  ByteBuffer outgoing_;  // the writer's
  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_done_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<ByteBuffer> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

class EchoServer::Impl {
 public:
  explicit Impl(size_t answer_bytes) {
    if (answer_bytes == 0) {
      service_.AddUnary(kEchoUnaryPath,
                        [](grpc::CallbackServerContext* context,
                           const ByteBuffer* request, ByteBuffer* response) {
                          return Answer(context, *request, response);
                        });
    } else {
      grpc::Slice slice(std::string(answer_bytes, 'x'));
      service_.AddUnary(kEchoUnaryPath,
                        [answer = ByteBuffer(&slice, 1)](
                            grpc::CallbackServerContext* context,
                            const ByteBuffer*, ByteBuffer* response) {
                          return Answer(context, answer, response);
                        });
    }
    service_.AddBidi(kEchoStreamPath, [](grpc::CallbackServerContext*) {
      return new EchoStream;
    });
  }

  ~Impl() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  absl::Status Start(const std::string& address) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    service::SetChannelArguments(service::GrpcConfig(), &builder);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
    }
    address_ =
        absl::StartsWith(address, "unix:")
            ? address
            : absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
    return absl::OkStatus();
  }

  const std::string& address() const { return address_; }

 private:
  service::RawService service_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::unique_ptr<EchoServer>> EchoServer::Start(
    const std::string& address, size_t answer_bytes) {
  auto impl = std::make_unique<Impl>(answer_bytes);
  if (absl::Status status = impl->Start(address); !status.ok()) return status;
  return std::unique_ptr<EchoServer>(new EchoServer(std::move(impl)));
}

EchoServer::EchoServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EchoServer::~EchoServer() = default;

const std::string& EchoServer::address() const { return impl_->address(); }

}  // namespace pallet::bench
