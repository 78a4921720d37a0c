// SPDX-License-Identifier: Apache-2.0
//
// A whole node, in this process and as a palletd of its own: what a client
// writes it reads back, after restarts and kills too.
#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "base/thread.h"
#include "pallet/v1/cluster_service.grpc.pb.h"
#include "pallet/v1/item_service.grpc.pb.h"
#include "pallet/v1/table_service.grpc.pb.h"
#include "service/message_bytes.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using ::testing::HasSubstr;
using testing::MiniCluster;
using testing::MiniClusterOptions;
using testing::NodeKind;

v1::CreateTableRequest PlacesTable() {
  v1::CreateTableRequest request;
  request.set_table_name("Places");
  for (const char* name : {"country", "name"}) {
    auto* attribute = request.add_attribute_definitions();
    attribute->set_attribute_name(name);
    attribute->set_attribute_type(v1::SCALAR_ATTRIBUTE_TYPE_S);
    auto* key = request.add_key_schema();
    key->set_attribute_name(name);
    key->set_key_type(request.key_schema_size() == 1 ? v1::KEY_TYPE_HASH
                                                     : v1::KEY_TYPE_RANGE);
  }
  request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
  return request;
}

v1::Item Key(const std::string& country, const std::string& name) {
  v1::Item key;
  (*key.mutable_attributes())["country"].set_s(country);
  (*key.mutable_attributes())["name"].set_s(name);
  return key;
}

v1::Item Place(const std::string& country, const std::string& name, int n) {
  v1::Item item = Key(country, name);
  (*item.mutable_attributes())["n"].set_n(absl::StrCat(n));
  return item;
}

std::string ReasonOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  for (const auto& any : status.details()) {
    if (any.UnpackTo(&info)) return info.reason();
  }
  return "";
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  return ReasonOf(details);
}

class NodeTest : public ::testing::TestWithParam<NodeKind> {
 protected:
  void Start(std::vector<std::string> flags = {}) {
    MiniClusterOptions options;
    options.kind = GetParam();
    options.data_dir = directory_.path() + "/data";
    options.flags = std::move(flags);
    auto cluster = MiniCluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    Connect();
  }

  void Connect() {
    channel_ = cluster_->Channel();
    items_ = v1::ItemService::NewStub(channel_);
    tables_ = v1::TableService::NewStub(channel_);
  }

  void CreatePlaces() {
    grpc::ClientContext context;
    v1::CreateTableResponse response;
    const grpc::Status status =
        tables_->CreateTable(&context, PlacesTable(), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  grpc::Status Put(const v1::Item& item) {
    grpc::ClientContext context;
    v1::PutItemRequest request;
    request.set_table_name("Places");
    *request.mutable_item() = item;
    v1::PutItemResponse response;
    return items_->PutItem(&context, request, &response);
  }

  // "n" of the item, or why not.
  std::string Get(const std::string& country, const std::string& name) {
    grpc::ClientContext context;
    v1::GetItemRequest request;
    request.set_table_name("Places");
    request.set_consistent_read(true);
    *request.mutable_key() = Key(country, name);
    v1::GetItemResponse response;
    const grpc::Status status = items_->GetItem(&context, request, &response);
    if (!status.ok()) return status.error_message();
    if (!response.has_item()) return "none";
    return response.item().attributes().at("n").n();
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ItemService::Stub> items_;
  std::unique_ptr<v1::TableService::Stub> tables_;
};

TEST_P(NodeTest, OneNodeIsAClusterOfOne) {
  Start();
  CreatePlaces();
  const auto cluster = v1::ClusterService::NewStub(channel_);
  v1::GetTopologyRequest request;
  v1::GetTopologyResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(cluster->GetTopology(&context, request, &response).ok());
  }
  const v1::Topology& topology = response.topology();
  ASSERT_EQ(topology.nodes_size(), 1);
  const v1::Node& node = topology.nodes(0);
  EXPECT_EQ(node.grpc_address(), cluster_->grpc_address());
  EXPECT_EQ(node.node_id().size(), 32u);
  EXPECT_TRUE(node.alive() && node.member());
  ASSERT_EQ(topology.tables_size(), 1);
  const v1::TableTopology& table = topology.tables(0);
  EXPECT_EQ(table.table_name(), "Places");
  EXPECT_EQ(table.key_schema_size(), 2);
  uint64_t next = 0;
  for (const v1::Partition& partition : table.partitions()) {
    EXPECT_EQ(partition.first_hash(), next);
    next = partition.last_hash() + 1;
    EXPECT_EQ(partition.leader_node_id(), node.node_id());
    EXPECT_THAT(partition.replica_node_ids(),
                ::testing::ElementsAre(node.node_id()));
  }
  EXPECT_EQ(next, 0u);
  // Told once, and again after a change.
  request.set_known_map_version(topology.map_version());
  {
    grpc::ClientContext context;
    ASSERT_TRUE(cluster->GetTopology(&context, request, &response).ok());
    EXPECT_FALSE(response.has_topology());
  }
  {
    grpc::ClientContext context;
    v1::DeleteTableRequest gone;
    gone.set_table_name("Places");
    v1::DeleteTableResponse ignored;
    ASSERT_TRUE(tables_->DeleteTable(&context, gone, &ignored).ok());
  }
  {
    grpc::ClientContext context;
    ASSERT_TRUE(cluster->GetTopology(&context, request, &response).ok());
    EXPECT_NE(response.topology().map_version(), request.known_map_version());
    EXPECT_EQ(response.topology().tables_size(), 0);
  }
  grpc::ClientContext context;
  v1::DescribeClusterResponse described;
  ASSERT_TRUE(cluster->DescribeCluster(&context, {}, &described).ok());
  EXPECT_EQ(described.cluster_name(), "");
  EXPECT_EQ(described.leader_node_id(), node.node_id());
}

TEST_P(NodeTest, Example) {
  Start();
  CreatePlaces();
  ASSERT_TRUE(Put(Place("NO", "Bergen", 7)).ok());
  EXPECT_EQ(Get("NO", "Bergen"), "7");
  EXPECT_EQ(Get("NO", "Oslo"), "none");
  EXPECT_TRUE(cluster_->Stop().ok());
}

TEST_P(NodeTest, WhatWasWrittenIsThereAfterARestart) {
  Start();
  CreatePlaces();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Put(Place("NO", absl::StrCat("p", i), i)).ok());
  }
  ASSERT_TRUE(cluster_->Stop().ok());
  ASSERT_TRUE(cluster_->Restart().ok());
  Connect();
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(Get("NO", absl::StrCat("p", i)), absl::StrCat(i));
  }
  ASSERT_TRUE(cluster_->Stop().ok());
}

TEST_P(NodeTest, AcknowledgedWritesSurviveKill) {
  if (GetParam() == NodeKind::kInProcess) return;  // cannot be killed
  Start();
  CreatePlaces();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(Put(Place("NO", absl::StrCat(round, "-", i), i)).ok());
    }
    cluster_->Kill();
    ASSERT_TRUE(cluster_->Restart().ok());
    Connect();
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(Get("NO", absl::StrCat(round, "-", i)), absl::StrCat(i));
    }
  }
}

TEST_P(NodeTest, ADirectoryServesOneNode) {
  Start();
  MiniClusterOptions second;
  second.kind = NodeKind::kProcess;
  second.data_dir = directory_.path() + "/data";
  EXPECT_FALSE(MiniCluster::Start(second).ok());
  CreatePlaces();
  EXPECT_TRUE(Put(Place("NO", "Bergen", 7)).ok());
}

TEST_P(NodeTest, ErrorsSayTheirReason) {
  Start();
  const grpc::Status none = Put(Place("NO", "Bergen", 7));
  EXPECT_EQ(none.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(none), "RESOURCE_NOT_FOUND");
  CreatePlaces();
  grpc::ClientContext context;
  v1::CreateTableResponse response;
  const grpc::Status again =
      tables_->CreateTable(&context, PlacesTable(), &response);
  EXPECT_EQ(again.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  v1::Item keyless;
  (*keyless.mutable_attributes())["n"].set_n("1");
  EXPECT_EQ(ReasonOf(Put(keyless)), "VALIDATION");
}

TEST_P(NodeTest, PipelineWritesAndReads) {
  Start();
  CreatePlaces();
  constexpr int kCount = 2000;
  grpc::ClientContext context;
  auto call = items_->Pipeline(&context);
  const auto run = [&](bool put) {
    Thread writer("writer", [&] {
      Random random(put);
      v1::PipelineRequest frame;
      for (int tag = 0; tag < kCount; ++tag) {
        auto* operation = frame.add_operations();
        operation->set_tag(tag);
        const std::string name = absl::StrCat("p", tag);
        if (put) {
          operation->mutable_put_item()->set_table_name("Places");
          *operation->mutable_put_item()->mutable_item() =
              Place("NO", name, tag);
        } else {
          operation->mutable_get_item()->set_table_name("Places");
          operation->mutable_get_item()->set_consistent_read(true);
          *operation->mutable_get_item()->mutable_key() = Key("NO", name);
        }
        if (random.OneIn(50) || tag == kCount - 1) {
          ASSERT_TRUE(call->Write(frame));
          frame.Clear();
        }
      }
    });
    std::map<uint64_t, v1::PipelineResult> results;
    v1::PipelineResponse frame;
    while (results.size() < kCount && call->Read(&frame)) {
      for (const auto& result : frame.results()) {
        EXPECT_TRUE(results.emplace(result.tag(), result).second);
      }
    }
    writer.Join();
    return results;
  };
  for (const auto& [tag, result] : run(/*put=*/true)) {
    EXPECT_TRUE(result.has_put_item()) << result.ShortDebugString();
  }
  const auto read = run(/*put=*/false);
  ASSERT_EQ(read.size(), static_cast<size_t>(kCount));
  for (const auto& [tag, result] : read) {
    EXPECT_EQ(result.get_item().item().attributes().at("n").n(),
              absl::StrCat(tag));
  }
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_P(NodeTest, StreamScanReadsEverythingAPageAtATime) {
  Start();
  CreatePlaces();
  const std::string padding(2000, 'x');
  for (int i = 0; i < 1500; ++i) {
    v1::Item item = Place(absl::StrCat("c", i % 7), absl::StrCat("p", i), i);
    (*item.mutable_attributes())["padding"].set_s(padding);
    ASSERT_TRUE(Put(item).ok());
  }
  grpc::ClientContext context;
  v1::StreamScanRequest request;
  request.mutable_scan()->set_table_name("Places");
  auto reader = items_->StreamScan(&context, request);
  v1::StreamScanResponse page;
  int items = 0, pages = 0;
  while (reader->Read(&page)) {
    items += page.items_size();
    ++pages;
  }
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(items, 1500);
  EXPECT_GE(pages, 3);
}

// Whatever bytes come to whatever rpc: an answer, and the node goes on.
TEST_P(NodeTest, RubbishToEveryRpcIsAnswered) {
  Start();
  CreatePlaces();
  Random random(4711);
  grpc::GenericStub stub(channel_);
  for (const auto* service :
       {v1::PipelineOperation::descriptor()->file()->service(0),
        v1::CreateTableRequest::descriptor()->file()->service(0)}) {
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      if (method->client_streaming()) continue;
      for (int round = 0; round < 30; ++round) {
        grpc::ClientContext context;
        grpc::ByteBuffer response;
        const grpc::ByteBuffer request =
            service::WrapMessage(random.Bytes(1 + random.Below(40)));
        absl::Notification done;
        grpc::Status status;
        stub.UnaryCall(
            &context,
            absl::StrCat("/", service->full_name(), "/", method->name()), {},
            &request, &response, [&](grpc::Status result) {
              status = std::move(result);
              done.Notify();
            });
        done.WaitForNotification();
        EXPECT_FALSE(status.ok()) << method->name();
        EXPECT_NE(status.error_code(), grpc::StatusCode::INTERNAL)
            << method->name() << ": " << status.error_message();
        EXPECT_NE(ReasonOf(status), "") << method->name();
      }
    }
  }
  ASSERT_TRUE(Put(Place("NO", "Bergen", 7)).ok());
  EXPECT_EQ(Get("NO", "Bergen"), "7");
}

INSTANTIATE_TEST_SUITE_P(
    , NodeTest, ::testing::Values(NodeKind::kInProcess, NodeKind::kProcess),
    [](const auto& info) {
      return info.param == NodeKind::kInProcess ? "InProcess" : "Process";
    });

}  // namespace
}  // namespace pallet
