// SPDX-License-Identifier: Apache-2.0
//
// The gRPC front door: what a client may rely on whatever the operations do.
// The Pipeline has a test of its own.
#include <set>

#include "base/random.h"
#include "base/thread.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "pallet/v1/table_service.grpc.pb.h"
#include "tests/integration/grpc_server_fixture.h"

namespace pallet::service {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

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
