// SPDX-License-Identifier: Apache-2.0
//
// A gRPC front door over test operations, on a real socket: what a GetItem does
// stands in its table's name, a PutItem answers with its item from another
// thread.
#pragma once

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/executor.h"
#include "model/errors.h"
#include "pallet/v1/item_service.grpc.pb.h"
#include "service/grpc_server.h"
#include "service/message_bytes.h"

namespace pallet::service {

// A gate operations wait at until it is opened.
class Gate {
 public:
  void Wait(Reply reply, std::string answer) {
    {
      absl::MutexLock lock(&mutex_);
      ++arrived_;
      if (!open_) {
        waiting_.emplace_back(std::move(reply), std::move(answer));
        return;
      }
    }
    reply(std::move(answer));
  }
  void AwaitArrivals(int count) {
    absl::MutexLock lock(&mutex_);
    auto reached = [this, count] {
      mutex_.AssertHeld();
      return arrived_ >= count;
    };
    mutex_.Await(absl::Condition(&reached));
  }
  int arrived() {
    absl::MutexLock lock(&mutex_);
    return arrived_;
  }
  void Open() {
    std::vector<std::pair<Reply, std::string>> waiting;
    {
      absl::MutexLock lock(&mutex_);
      open_ = true;
      waiting.swap(waiting_);
    }
    for (auto& [reply, answer] : waiting) reply(std::move(answer));
  }

 private:
  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<Reply, std::string>> waiting_ ABSL_GUARDED_BY(mutex_);
};

// `count` pages of `size` bytes; counts those made.
class TestPages : public PageSource {
 public:
  TestPages(int count, size_t size, CallContext call, std::atomic<int>* made)
      : left_(count), size_(size), call_(std::move(call)), made_(made) {}

  absl::StatusOr<std::optional<std::string>> Next() override {
    if (absl::Status status = call_.Check(); !status.ok()) return status;
    if (left_-- == 0) return std::nullopt;
    v1::StreamScanResponse page;
    page.set_count(++*made_);
    page.set_resume_token(std::string(size_, 't'));
    return page.SerializeAsString();
  }

 private:
  int left_;
  const size_t size_;
  const CallContext call_;
  std::atomic<int>* const made_;
};

// An answer that tells the request it belongs to.
inline std::string ItemNamed(const std::string& name) {
  v1::GetItemResponse response;
  (*response.mutable_item()->mutable_attributes())["name"].set_s(name);
  return response.SerializeAsString();
}

class GrpcServerTest : public ::testing::Test {
 protected:
  void Start(GrpcServerOptions options = {}) {
    operations_.Add("GetItem", [this](absl::string_view bytes,
                                      const CallContext& call, Reply reply) {
      GetItem(bytes, call, std::move(reply));
    });
    operations_.Add("PutItem",
                    [this](absl::string_view bytes, const CallContext&,
                           Reply reply) { PutItem(bytes, std::move(reply)); });
    operations_.AddStream(
        "StreamScan",
        [this](absl::string_view bytes, const CallContext& call)
            -> absl::StatusOr<std::unique_ptr<PageSource>> {
          v1::StreamScanRequest request;
          if (!request.ParseFromArray(bytes.data(), bytes.size())) {
            return model::ValidationError("not a request");
          }
          return std::make_unique<TestPages>(request.scan().limit(), page_size_,
                                             call, &pages_made_);
        });
    options.grpc.address = "127.0.0.1:0";
    options.operations = &operations_;
    options.read_pool = &read_pool_;
    options.metrics = &metrics_;
    auto server = GrpcServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->SetServing(true);
    channel_ = Connect();
    items_ = v1::ItemService::NewStub(channel_);
  }

  void TearDown() override {
    gate_.Open();
    server_.reset();
    workers_.Shutdown();
  }

  std::shared_ptr<grpc::Channel> Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        server_->address(), grpc::InsecureChannelCredentials(), arguments);
  }

  // What it does stands in the table's name.
  void GetItem(absl::string_view bytes, const CallContext& call, Reply reply) {
    v1::GetItemRequest request;
    if (!request.ParseFromArray(bytes.data(), bytes.size())) {
      return reply(model::ValidationError("not a GetItemRequest"));
    }
    const std::string& name = request.table_name();
    if (name == "wait") {
      {
        absl::MutexLock lock(&call_mutex_);
        waiting_call_ = call;
      }
      return gate_.Wait(std::move(reply), ItemNamed(name));
    }
    if (name == "none") {
      return reply(model::MakeError(model::Reason::kResourceNotFound, "none"));
    }
    if (name == "full") {
      return reply(model::MakeError(model::Reason::kThrottling, "full"));
    }
    if (name == "drop") return;
    if (name == "deadline") {
      left_ = call.deadline - call.clock->Monotonic();
    }
    if (name == "big") return reply(ItemNamed(std::string(16 << 20, 'b')));
    reply(ItemNamed(name));
  }

  // Answers from another thread, in no order.
  void PutItem(absl::string_view bytes, Reply reply) {
    v1::PutItemRequest request;
    if (!request.ParseFromArray(bytes.data(), bytes.size())) {
      return reply(model::ValidationError("not a PutItemRequest"));
    }
    v1::PutItemResponse response;
    *response.mutable_attributes() = request.item();
    const bool taken =
        workers_.TrySubmit([reply = std::move(reply),
                            answer = response.SerializeAsString()]() mutable {
          reply(std::move(answer));
        });
    EXPECT_TRUE(taken);
  }

  grpc::Status Get(const std::string& table, v1::GetItemResponse* response,
                   grpc::ClientContext* context) {
    v1::GetItemRequest request;
    request.set_table_name(table);
    return items_->GetItem(context, request, response);
  }
  grpc::Status Get(const std::string& table) {
    grpc::ClientContext context;
    v1::GetItemResponse response;
    return Get(table, &response, &context);
  }

  // A call of any method with any bytes.
  std::pair<grpc::Status, std::string> RawCall(const std::string& path,
                                               const std::string& bytes) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    grpc::ByteBuffer request = WrapMessage(bytes), response;
    absl::Notification done;
    grpc::Status status;
    stub.UnaryCall(&context, path, {}, &request, &response,
                   [&](grpc::Status result) {
                     status = std::move(result);
                     done.Notify();
                   });
    done.WaitForNotification();
    const auto answer = MessageBytes::Of(response);
    return {status, std::string(answer->view())};
  }

  // The byte of HealthCheckResponse.status.
  int Health(const std::string& service = "") {
    const std::string request =
        service.empty()
            ? ""
            : absl::StrCat("\x0A", std::string(1, service.size()), service);
    const auto [status, answer] =
        RawCall("/grpc.health.v1.Health/Check", request);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer.size() == 2 ? answer[1] : -1;
  }

  OperationRegistry operations_;
  Metrics metrics_{Clock::Real()};
  Executor read_pool_{{"read", 2, 16}};
  Executor workers_{{"worker", 3, 100000}};
  Gate gate_;
  absl::Mutex call_mutex_;
  CallContext waiting_call_ ABSL_GUARDED_BY(call_mutex_);
  absl::Duration left_;
  size_t page_size_ = 100;
  std::atomic<int> pages_made_{0};
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ItemService::Stub> items_;
};

template <typename Detail>
bool HasDetail(const google::rpc::Status& status, Detail* detail) {
  return std::any_of(status.details().begin(), status.details().end(),
                     [&](const auto& any) { return any.UnpackTo(detail); });
}

inline std::string ReasonOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  return HasDetail(status, &info) ? info.reason() : "";
}

inline std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  return ReasonOf(details);
}

using PipelineCall =
    grpc::ClientReaderWriter<v1::PipelineRequest, v1::PipelineResponse>;

inline void AddGet(uint64_t tag, const std::string& table,
                   v1::PipelineRequest* frame) {
  auto* operation = frame->add_operations();
  operation->set_tag(tag);
  operation->mutable_get_item()->set_table_name(table);
}

inline void AddPut(uint64_t tag, const std::string& value,
                   v1::PipelineRequest* frame) {
  auto* operation = frame->add_operations();
  operation->set_tag(tag);
  (*operation->mutable_put_item()->mutable_item()->mutable_attributes())["v"]
      .set_s(value);
}

// Reads until `count` results came or the stream ended.
inline std::map<uint64_t, v1::PipelineResult> ReadResults(PipelineCall* call,
                                                          size_t count) {
  std::map<uint64_t, v1::PipelineResult> results;
  v1::PipelineResponse frame;
  while (results.size() < count && call->Read(&frame)) {
    for (const auto& result : frame.results()) {
      EXPECT_TRUE(results.emplace(result.tag(), result).second)
          << "answered twice: " << result.tag();
    }
  }
  return results;
}

}  // namespace pallet::service
