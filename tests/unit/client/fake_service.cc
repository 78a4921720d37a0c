// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/client/fake_service.h"

#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace pallet::testing {
namespace {

std::string ToString(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  CHECK(buffer.DumpToSingleSlice(&slice).ok());
  return std::string(reinterpret_cast<const char*>(slice.begin()),
                     slice.size());
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// Reads a frame, answers it whole, reads the next.
class PipelineReactor final : public grpc::ServerGenericBidiReactor {
 public:
  explicit PipelineReactor(FakeService* service) : service_(*service) {
    ++service_.streams;
    StartRead(&buffer_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    v1::PipelineRequest frame;
    CHECK(frame.ParseFromString(ToString(buffer_)));
    ++service_.frames;
    service_.operations += frame.operations_size();
    if (service_.frames_to_break.load() > 0) {
      --service_.frames_to_break;
      return Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "broken"));
    }
    v1::PipelineResponse response;
    for (const v1::PipelineOperation& operation : frame.operations()) {
      std::optional<v1::PipelineResult> result =
          service_.on_operation(operation);
      if (!result.has_value()) continue;
      result->set_tag(operation.tag());
      *response.add_results() = *std::move(result);
    }
    if (service_.reverse) {
      std::reverse(response.mutable_results()->begin(),
                   response.mutable_results()->end());
    }
    buffer_ = ToBuffer(response.SerializeAsString());
    StartWrite(&buffer_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    buffer_.Clear();
    StartRead(&buffer_);
  }

  void OnDone() override { delete this; }

 private:
  FakeService& service_;
  grpc::ByteBuffer buffer_;
};

// Reads one request, writes the messages, finishes.
class CallReactor final : public grpc::ServerGenericBidiReactor {
 public:
  CallReactor(FakeService* service, std::string method)
      : service_(*service), method_(std::move(method)) {
    StartRead(&buffer_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    answer_ = service_.on_call(method_, ToString(buffer_));
    WriteNext();
  }
  void OnWriteDone(bool ok) override {
    ok ? WriteNext() : Finish(grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (next_ == answer_.messages.size()) return Finish(answer_.status);
    buffer_ = ToBuffer(answer_.messages[next_++]);
    StartWrite(&buffer_);
  }

  FakeService& service_;
  const std::string method_;
  grpc::ByteBuffer buffer_;
  FakeService::Answer answer_;
  size_t next_ = 0;
};

class GrpcService final : public grpc::CallbackGenericService {
 public:
  explicit GrpcService(FakeService* service) : service_(service) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    if (context->method() == "/pallet.v1.ItemService/Pipeline") {
      return new PipelineReactor(service_);
    }
    return new CallReactor(service_, context->method());
  }

 private:
  FakeService* const service_;
};

}  // namespace

FakeService::FakeService() {
  on_operation = [](const v1::PipelineOperation& operation) {
    v1::PipelineResult result;
    if (operation.has_get_item()) {
      *result.mutable_get_item()->mutable_item() = operation.get_item().key();
    } else {
      result.mutable_put_item();
    }
    return result;
  };
  on_call = [](const std::string&, const std::string&) { return Answer{}; };
}

FakeService::~FakeService() { Stop(); }

void FakeService::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials(),
                           &port_);
  grpc_service_ = std::make_unique<GrpcService>(this);
  builder.RegisterCallbackGenericService(grpc_service_.get());
  server_ = builder.BuildAndStart();
  CHECK(server_ != nullptr);
}

void FakeService::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
  grpc_service_.reset();
}

}  // namespace pallet::testing
