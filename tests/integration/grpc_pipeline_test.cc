// SPDX-License-Identifier: Apache-2.0
//
// The Pipeline over a registry of test operations: many operations on one
// stream, answered one by one, within bounds.
#include "base/random.h"
#include "base/thread.h"
#include "tests/integration/grpc_server_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using GrpcPipelineTest = GrpcServerTest;

TEST_F(GrpcPipelineTest, PipelineAnswersThousandsOfMixedOperations) {
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

TEST_F(GrpcPipelineTest, PipelineOperationsFailOneByOne) {
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

TEST_F(GrpcPipelineTest, ASlowOperationHoldsNoOtherBack) {
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

TEST_F(GrpcPipelineTest, PipelineHoldsNoMoreInFlightThanItsLimit) {
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

TEST_F(GrpcPipelineTest, PipelineBytesAreBoundedToo) {
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

TEST_F(GrpcPipelineTest, AnswersAreCutIntoFrames) {
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

TEST_F(GrpcPipelineTest, OperationsUnderWayAreAnsweredAfterTheClientsEnd) {
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

TEST_F(GrpcPipelineTest, TimeoutsOfOperationsReachThem) {
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

TEST_F(GrpcPipelineTest, ABrokenFrameEndsTheStreamAfterItsAnswers) {
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

TEST_F(GrpcPipelineTest, AbruptDisconnectsHarmNobody) {
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

}  // namespace
}  // namespace pallet::service
