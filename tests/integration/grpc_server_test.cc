// SPDX-License-Identifier: Apache-2.0
//
// The gRPC front door over a registry of test operations, through real sockets:
// what a client may rely on whatever the operations do.
#include "service/grpc_server.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "base/thread.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "model/errors.h"
#include "pallet/v1/item_service.grpc.pb.h"
#include "pallet/v1/table_service.grpc.pb.h"
#include "service/message_bytes.h"

namespace pallet::service {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

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
std::string ItemNamed(const std::string& name) {
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

std::string ReasonOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  return HasDetail(status, &info) ? info.reason() : "";
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  return ReasonOf(details);
}

// --- Unary calls ---

TEST_F(GrpcServerTest, Example) {
  Start();
  grpc::ClientContext context;
  v1::GetItemResponse response;
  ASSERT_TRUE(Get("Places", &response, &context).ok());
  EXPECT_EQ(response.item().attributes().at("name").s(), "Places");
  EXPECT_THAT(metrics_.Text(), HasSubstr("pallet_operations_total{operation="
                                         "\"GetItem\",code=\"OK\"} 1"));
}

TEST_F(GrpcServerTest, ErrorsCarryTheirDetails) {
  Start();
  const grpc::Status none = Get("none");
  EXPECT_EQ(none.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(none), "RESOURCE_NOT_FOUND");

  const grpc::Status full = Get("full");
  EXPECT_EQ(full.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status details;
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.ParseFromString(full.error_details()));
  ASSERT_TRUE(HasDetail(details, &retry));
  EXPECT_GT(retry.retry_delay().nanos(), 0);
}

TEST_F(GrpcServerTest, EveryRpcThatIsNotBuiltIsNamed) {
  Start();
  int unary = 0;
  for (const auto* file :
       {v1::PipelineOperation::descriptor()->file(),
        v1::CreateTableRequest::descriptor()->file(),
        google::protobuf::DescriptorPool::generated_pool()->FindFileByName(
            "pallet/v1/change_service.proto"),
        google::protobuf::DescriptorPool::generated_pool()->FindFileByName(
            "pallet/v1/cluster_service.proto")}) {
    const auto* service = file->service(0);
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      if (operations_.Find(method->name()) != nullptr ||
          operations_.FindStream(method->name()) != nullptr ||
          method->client_streaming()) {
        continue;
      }
      unary += !method->server_streaming();
      const auto [status, answer] = RawCall(
          absl::StrCat("/", service->full_name(), "/", method->name()), "");
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
      EXPECT_THAT(status.error_message(), HasSubstr(method->name()));
      EXPECT_EQ(ReasonOf(status), "NOT_BUILT") << method->full_name();
    }
  }
  EXPECT_GT(unary, 20);
  EXPECT_EQ(RawCall("/pallet.v1.ItemService/Nothing", "").first.error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServerTest, MessagesOfSixteenMegabytesPassBothWays) {
  Start();
  grpc::ClientContext context;
  v1::GetItemResponse response;
  ASSERT_TRUE(Get("big", &response, &context).ok());
  EXPECT_EQ(response.item().attributes().at("name").s().size(), 16u << 20);

  grpc::ClientContext put_context;
  v1::PutItemRequest request;
  (*request.mutable_item()->mutable_attributes())["a"].set_s(
      std::string(16 << 20, 'a'));
  v1::PutItemResponse put;
  ASSERT_TRUE(items_->PutItem(&put_context, request, &put).ok());
  EXPECT_EQ(put.attributes().attributes().at("a").s().size(), 16u << 20);
}

TEST_F(GrpcServerTest, LargerRequestsAreRefused) {
  Start();
  const auto [status, answer] =
      RawCall("/pallet.v1.ItemService/GetItem", std::string(18 << 20, 'x'));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Get("Places").ok());
}

TEST_F(GrpcServerTest, MalformedBytesAreInvalid) {
  Start();
  Random random(7);
  for (int i = 0; i < 50; ++i) {
    const std::string bytes = "\xFF" + random.Bytes(random.Below(50));
    const auto [status, answer] =
        RawCall("/pallet.v1.ItemService/GetItem", bytes);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(GrpcServerTest, AnOperationThatForgetsItsAnswerFails) {
  Start();
  EXPECT_EQ(ReasonOf(Get("drop")), "INTERNAL");
}

TEST_F(GrpcServerTest, DeadlineReachesTheOperationAndTheClient) {
  Start();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(30));
  v1::GetItemResponse response;
  ASSERT_TRUE(Get("deadline", &response, &context).ok());
  EXPECT_GT(left_, absl::Seconds(15));
  EXPECT_LE(left_, absl::Seconds(31));  // the wire rounds up

  grpc::ClientContext late;
  late.set_deadline(std::chrono::system_clock::now() +
                    std::chrono::milliseconds(100));
  EXPECT_EQ(Get("wait", &response, &late).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(GrpcServerTest, TheServersLimitCapsDeadlines) {
  GrpcServerOptions options;
  options.grpc.max_deadline = absl::Seconds(3);
  Start(options);
  ASSERT_TRUE(Get("deadline").ok());
  EXPECT_LE(left_, absl::Seconds(3));
  EXPECT_GT(left_, absl::ZeroDuration());
}

TEST_F(GrpcServerTest, CancellationReachesTheOperation) {
  Start();
  grpc::ClientContext context;
  Thread caller("caller", [&] {
    v1::GetItemResponse response;
    EXPECT_EQ(Get("wait", &response, &context).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  gate_.AwaitArrivals(1);
  context.TryCancel();
  caller.Join();
  absl::MutexLock lock(&call_mutex_);
  const std::atomic<bool>* cancelled = waiting_call_.cancelled.get();
  auto is_cancelled = [cancelled] { return cancelled->load(); };
  // Nobody signals the mutex; the time limit makes Await look again.
  while (!is_cancelled()) {
    call_mutex_.AwaitWithTimeout(absl::Condition(&is_cancelled),
                                 absl::Milliseconds(5));
  }
  EXPECT_EQ(waiting_call_.Check().code(), absl::StatusCode::kCancelled);
}

// --- Health and reflection ---

TEST_F(GrpcServerTest, HealthFollowsTheServer) {
  Start();
  EXPECT_EQ(Health(), 1);  // SERVING
  EXPECT_EQ(Health("pallet.v1.ItemService"), 1);
  server_->SetServing(false);
  EXPECT_EQ(Health(), 2);  // NOT_SERVING
  EXPECT_EQ(Health("pallet.v1.TableService"), 2);
  server_->SetServing(true);
  EXPECT_EQ(Health("pallet.v1.TableService"), 1);
}

// One question, one answer.
grpc::reflection::v1::ServerReflectionResponse Reflect(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
    const grpc::reflection::v1::ServerReflectionRequest& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto stream = stub.PrepareCall(&context, path, &queue);
  void* tag = nullptr;
  bool ok = false;
  grpc::ByteBuffer answer;
  stream->StartCall(nullptr);
  queue.Next(&tag, &ok);
  stream->Write(WrapMessage(request.SerializeAsString()), nullptr);
  queue.Next(&tag, &ok);
  stream->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  context.TryCancel();
  grpc::Status status;
  stream->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  grpc::reflection::v1::ServerReflectionResponse response;
  if (answer.Valid()) {
    const auto bytes = MessageBytes::Of(answer);
    response.ParseFromArray(bytes->view().data(), bytes->view().size());
  }
  return response;
}

TEST_F(GrpcServerTest, ReflectionTellsServicesAndFiles) {
  Start();
  for (const char* path :
       {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    grpc::reflection::v1::ServerReflectionRequest request;
    request.set_list_services("");
    std::set<std::string> names;
    const auto list = Reflect(channel_, path, request);
    for (const auto& service : list.list_services_response().service()) {
      names.insert(service.name());
    }
    EXPECT_THAT(names, Contains("pallet.v1.ItemService"));
    EXPECT_THAT(names, Contains("pallet.v1.TableService"));

    request.set_file_containing_symbol("pallet.v1.ItemService");
    const auto files = Reflect(channel_, path, request);
    google::protobuf::FileDescriptorProto file;
    ASSERT_GT(files.file_descriptor_response().file_descriptor_proto_size(), 1);
    ASSERT_TRUE(file.ParseFromString(
        files.file_descriptor_response().file_descriptor_proto(0)));
    EXPECT_EQ(file.name(), "pallet/v1/item_service.proto");

    request.set_file_containing_symbol("no.such.Thing");
    EXPECT_EQ(Reflect(channel_, path, request).error_response().error_code(),
              grpc::StatusCode::NOT_FOUND);
  }
}

TEST_F(GrpcServerTest, ReflectionCanBeTurnedOff) {
  GrpcServerOptions options;
  options.grpc.reflection = false;
  Start(options);
  grpc::reflection::v1::ServerReflectionRequest request;
  request.set_list_services("");
  EXPECT_FALSE(
      Reflect(channel_,
              "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
              request)
          .has_list_services_response());
}

// --- Server streams ---

TEST_F(GrpcServerTest, PagesComeInOrderToTheEnd) {
  Start();
  grpc::ClientContext context;
  v1::StreamScanRequest request;
  request.mutable_scan()->set_limit(500);
  auto reader = items_->StreamScan(&context, request);
  v1::StreamScanResponse page;
  int expected = 0;
  while (reader->Read(&page)) EXPECT_EQ(page.count(), ++expected);
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(expected, 500);
}

TEST_F(GrpcServerTest, ASlowReaderHoldsThePagesBack) {
  Start();
  page_size_ = 1 << 20;
  grpc::ClientContext context;
  v1::StreamScanRequest request;
  request.mutable_scan()->set_limit(200);
  auto reader = items_->StreamScan(&context, request);
  v1::StreamScanResponse page;
  for (int read = 1; read <= 10; ++read) {
    ASSERT_TRUE(reader->Read(&page));
    // Time for the server to run ahead, if it would.
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(Get("Places").ok());
    EXPECT_LE(pages_made_, read + 25);
  }
  context.TryCancel();
  reader->Finish();
}

TEST_F(GrpcServerTest, CancellationStopsTheScan) {
  Start();
  page_size_ = 1 << 20;
  grpc::ClientContext context;
  v1::StreamScanRequest request;
  request.mutable_scan()->set_limit(100000);
  auto reader = items_->StreamScan(&context, request);
  v1::StreamScanResponse page;
  ASSERT_TRUE(reader->Read(&page));
  context.TryCancel();
  while (reader->Read(&page)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  server_->Shutdown(absl::Seconds(20));  // returns only when the call is gone
  EXPECT_LT(pages_made_, 1000);
}

TEST_F(GrpcServerTest, AFullReadPoolIsSaidWithAWait) {
  Start();
  absl::Notification release;
  for (int i = 0; i < 2 + 16; ++i) {  // threads and queue
    while (!read_pool_.TrySubmit([&] { release.WaitForNotification(); })) {
    }
  }
  // The two threads may have taken theirs after the queue was full.
  while (read_pool_.TrySubmit([&] { release.WaitForNotification(); })) {
  }
  grpc::ClientContext context;
  v1::StreamScanRequest request;
  request.mutable_scan()->set_limit(1);
  auto reader = items_->StreamScan(&context, request);
  v1::StreamScanResponse page;
  EXPECT_FALSE(reader->Read(&page));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "THROTTLING");
  release.Notify();
  server_->Shutdown(absl::ZeroDuration());
  read_pool_.Shutdown();  // its tasks use what dies here
}

// --- Pipeline ---

using PipelineCall =
    grpc::ClientReaderWriter<v1::PipelineRequest, v1::PipelineResponse>;

void AddGet(uint64_t tag, const std::string& table,
            v1::PipelineRequest* frame) {
  auto* operation = frame->add_operations();
  operation->set_tag(tag);
  operation->mutable_get_item()->set_table_name(table);
}

void AddPut(uint64_t tag, const std::string& value,
            v1::PipelineRequest* frame) {
  auto* operation = frame->add_operations();
  operation->set_tag(tag);
  (*operation->mutable_put_item()->mutable_item()->mutable_attributes())["v"]
      .set_s(value);
}

// Reads until `count` results came or the stream ended.
std::map<uint64_t, v1::PipelineResult> ReadResults(PipelineCall* call,
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

TEST_F(GrpcServerTest, PipelineAnswersThousandsOfMixedOperations) {
  Start();
  constexpr int kCount = 6000;
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  Thread writer("writer", [&] {
    Random random(42);
    v1::PipelineRequest frame;
    for (int tag = 0; tag < kCount; ++tag) {
      if (tag % 3 == 0) {
        AddGet(tag, tag % 2 == 0 ? absl::StrCat("table", tag) : "none", &frame);
      } else {
        AddPut(tag, absl::StrCat("value", tag), &frame);
      }
      if (random.OneIn(20) || tag == kCount - 1) {
        ASSERT_TRUE(call->Write(frame));
        frame.Clear();
      }
    }
    call->WritesDone();
  });
  const auto results = ReadResults(call.get(), kCount + 1);
  writer.Join();
  EXPECT_TRUE(call->Finish().ok());
  ASSERT_EQ(results.size(), static_cast<size_t>(kCount));
  for (const auto& [tag, result] : results) {
    if (tag % 3 != 0) {
      EXPECT_EQ(result.put_item().attributes().attributes().at("v").s(),
                absl::StrCat("value", tag));
    } else if (tag % 2 == 0) {
      EXPECT_EQ(result.get_item().item().attributes().at("name").s(),
                absl::StrCat("table", tag));
    } else {
      EXPECT_EQ(ReasonOf(result.error()), "RESOURCE_NOT_FOUND");
    }
  }
  EXPECT_THAT(
      metrics_.Text(),
      HasSubstr("pallet_operations_in_flight{operation=\"PutItem\"} 0"));
}

TEST_F(GrpcServerTest, PipelineOperationsFailOneByOne) {
  Start();
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  v1::PipelineRequest frame;
  AddGet(1, "good", &frame);
  frame.add_operations()->set_tag(2);  // no operation
  auto* unbuilt = frame.add_operations();
  unbuilt->set_tag(3);
  unbuilt->mutable_update_item()->set_table_name("t");
  AddGet(4, "drop", &frame);
  ASSERT_TRUE(call->Write(frame));
  const auto results = ReadResults(call.get(), 4);
  EXPECT_TRUE(results.at(1).has_get_item());
  EXPECT_EQ(ReasonOf(results.at(2).error()), "VALIDATION");
  EXPECT_EQ(ReasonOf(results.at(3).error()), "NOT_BUILT");
  EXPECT_THAT(results.at(3).error().message(), HasSubstr("UpdateItem"));
  EXPECT_EQ(ReasonOf(results.at(4).error()), "INTERNAL");
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(GrpcServerTest, ASlowOperationHoldsNoOtherBack) {
  Start();
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  v1::PipelineRequest frame;
  AddGet(1, "wait", &frame);
  AddGet(2, "quick", &frame);
  ASSERT_TRUE(call->Write(frame));
  EXPECT_EQ(ReadResults(call.get(), 1).begin()->first, 2u);
  gate_.Open();
  EXPECT_EQ(ReadResults(call.get(), 1).begin()->first, 1u);
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(GrpcServerTest, PipelineHoldsNoMoreInFlightThanItsLimit) {
  GrpcServerOptions options;
  options.pipeline.max_in_flight = 8;
  Start(options);
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  for (int f = 0; f < 10; ++f) {
    v1::PipelineRequest frame;
    for (int i = 0; i < 20; ++i) AddGet(f * 20 + i, "wait", &frame);
    ASSERT_TRUE(call->Write(frame));
  }
  gate_.AwaitArrivals(8);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Get("Places").ok());
  EXPECT_EQ(gate_.arrived(), 8);
  gate_.Open();
  EXPECT_EQ(ReadResults(call.get(), 200).size(), 200u);
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(GrpcServerTest, PipelineBytesAreBoundedToo) {
  GrpcServerOptions options;
  options.pipeline.max_in_flight_bytes = 1 << 20;
  Start(options);
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  v1::PipelineRequest frame;
  for (int i = 0; i < 4; ++i) AddGet(i, "big", &frame);  // 16 MB each
  ASSERT_TRUE(call->Write(frame));
  EXPECT_EQ(ReadResults(call.get(), 4).size(), 4u);
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(GrpcServerTest, AnswersAreCutIntoFrames) {
  GrpcServerOptions options;
  options.pipeline.frame_operations = 10;
  Start(options);
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  v1::PipelineRequest frame;
  for (int i = 0; i < 500; ++i) AddGet(i, "wait", &frame);
  ASSERT_TRUE(call->Write(frame));
  gate_.AwaitArrivals(500);
  gate_.Open();
  size_t results = 0;
  v1::PipelineResponse answer;
  while (results < 500 && call->Read(&answer)) {
    EXPECT_LE(answer.results_size(), 10);
    results += answer.results_size();
  }
  EXPECT_EQ(results, 500u);
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(GrpcServerTest, OperationsUnderWayAreAnsweredAfterTheClientsEnd) {
  Start();
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  v1::PipelineRequest frame;
  AddGet(1, "wait", &frame);
  ASSERT_TRUE(call->Write(frame));
  call->WritesDone();
  gate_.AwaitArrivals(1);
  gate_.Open();
  EXPECT_EQ(ReadResults(call.get(), 2).size(), 1u);
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(GrpcServerTest, TimeoutsOfOperationsReachThem) {
  Start();
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  v1::PipelineRequest frame;
  AddGet(1, "deadline", &frame);
  frame.mutable_operations(0)->mutable_timeout()->set_seconds(20);
  ASSERT_TRUE(call->Write(frame));
  ReadResults(call.get(), 1);
  EXPECT_GT(left_, absl::Seconds(5));
  EXPECT_LE(left_, absl::Seconds(20));
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(GrpcServerTest, ABrokenFrameEndsTheStreamAfterItsAnswers) {
  Start();
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto stream =
      stub.PrepareCall(&context, "/pallet.v1.ItemService/Pipeline", &queue);
  void* tag = nullptr;
  bool ok = false;
  v1::PipelineRequest frame;
  AddGet(1, "good", &frame);
  stream->StartCall(nullptr);
  queue.Next(&tag, &ok);
  stream->Write(WrapMessage(frame.SerializeAsString() + "\xFF\xFF"), nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  stream->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  EXPECT_TRUE(ok);  // the sound operation's result
  grpc::Status status;
  stream->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "VALIDATION");
  queue.Shutdown();
}

TEST_F(GrpcServerTest, AbruptDisconnectsHarmNobody) {
  Start();
  for (int round = 0; round < 20; ++round) {
    auto channel = Connect();
    auto stub = v1::ItemService::NewStub(channel);
    grpc::ClientContext pipeline_context, scan_context;
    auto call = stub->Pipeline(&pipeline_context);
    v1::PipelineRequest frame;
    for (int i = 0; i < 50; ++i) {
      AddGet(i, i % 5 == 0 ? "wait" : "quick", &frame);
      AddPut(1000 + i, std::string(1000, 'x'), &frame);
    }
    ASSERT_TRUE(call->Write(frame));
    v1::StreamScanRequest scan;
    scan.mutable_scan()->set_limit(100000);
    auto reader = stub->StreamScan(&scan_context, scan);
    v1::StreamScanResponse page;
    ASSERT_TRUE(reader->Read(&page));
    pipeline_context.TryCancel();
    scan_context.TryCancel();
    call->Finish();
    reader->Finish();
  }
  EXPECT_TRUE(Get("Places").ok());
  gate_.Open();  // answers whose streams are gone
  server_->Shutdown(absl::Seconds(20));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("pallet_streams_open{method=\"Pipeline\"} 0"));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("pallet_streams_open{method=\"StreamScan\"} 0"));
}

// --- Shutdown ---

TEST_F(GrpcServerTest, ShutdownFinishesWhatIsUnderWay) {
  Start();
  grpc::Status unary;
  Thread caller("caller", [&] { unary = Get("wait"); });
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  v1::PipelineRequest frame;
  AddGet(1, "wait", &frame);
  ASSERT_TRUE(call->Write(frame));
  gate_.AwaitArrivals(2);
  absl::Notification down;
  Thread stopper("stopper", [&] {
    server_->Shutdown(absl::Seconds(60));
    down.Notify();
  });
  EXPECT_FALSE(down.WaitForNotificationWithTimeout(absl::Milliseconds(50)));
  gate_.Open();
  EXPECT_EQ(ReadResults(call.get(), 2).size(), 1u);
  EXPECT_EQ(ReasonOf(call->Finish()), "SHUTTING_DOWN");
  caller.Join();
  EXPECT_TRUE(unary.ok()) << unary.error_message();
  stopper.Join();
}

TEST_F(GrpcServerTest, ShutdownEndsIdleStreamsAtOnce) {
  Start();
  page_size_ = 1 << 20;
  grpc::ClientContext pipeline_context, scan_context;
  auto call = items_->Pipeline(&pipeline_context);
  v1::PipelineRequest frame;
  AddGet(1, "quick", &frame);
  ASSERT_TRUE(call->Write(frame));
  EXPECT_EQ(ReadResults(call.get(), 1).size(), 1u);
  v1::StreamScanRequest scan;
  scan.mutable_scan()->set_limit(100000);
  auto reader = items_->StreamScan(&scan_context, scan);
  v1::StreamScanResponse page;
  ASSERT_TRUE(reader->Read(&page));
  const absl::Duration start = Clock::Real()->Monotonic();
  Thread stopper("stopper", [&] { server_->Shutdown(absl::Seconds(60)); });
  while (reader->Read(&page)) {
  }
  EXPECT_EQ(ReasonOf(reader->Finish()), "SHUTTING_DOWN");
  EXPECT_EQ(ReasonOf(call->Finish()), "SHUTTING_DOWN");
  stopper.Join();
  EXPECT_LT(Clock::Real()->Monotonic() - start, absl::Seconds(30));
}

TEST_F(GrpcServerTest, ShutdownCancelsWhatOutlastsItsPatience) {
  Start();
  grpc::Status unary;
  Thread caller("caller", [&] { unary = Get("wait"); });
  gate_.AwaitArrivals(1);
  Thread stopper("stopper", [&] { server_->Shutdown(absl::Milliseconds(50)); });
  caller.Join();
  EXPECT_FALSE(unary.ok());
  gate_.Open();  // the operation ends when it ends; Shutdown waits for it
  stopper.Join();
}

TEST_F(GrpcServerTest, AnAddressInUseIsAnError) {
  Start();
  GrpcServerOptions options;
  options.grpc.address = server_->address();
  options.operations = &operations_;
  options.read_pool = &read_pool_;
  options.metrics = &metrics_;
  EXPECT_EQ(GrpcServer::Start(options).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace pallet::service
