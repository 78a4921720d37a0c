// SPDX-License-Identifier: Apache-2.0
//
// Tables with global indexes through both doors of a node, after restarts and
// kills too. Whether an index is filled already is not asked here.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pallet/v1/table_service.grpc.pb.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/raw_connection.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using ::testing::HasSubstr;
using testing::JsonPost;
using testing::MiniCluster;
using testing::MiniClusterOptions;
using testing::NodeKind;
using testing::RawAnswer;
using testing::RawConnection;

template <typename Request>
void Define(const std::string& name, Request* request) {
  auto* attribute = request->add_attribute_definitions();
  attribute->set_attribute_name(name);
  attribute->set_attribute_type(v1::SCALAR_ATTRIBUTE_TYPE_S);
}

template <typename Keyed>
void AddKey(const std::string& name, v1::KeyType type, Keyed* keyed) {
  auto* element = keyed->add_key_schema();
  element->set_attribute_name(name);
  element->set_key_type(type);
}

template <typename Index>
void SetIndex(const std::string& name, const std::string& hash, Index* index) {
  index->set_index_name(name);
  AddKey(hash, v1::KEY_TYPE_HASH, index);
  AddKey("id", v1::KEY_TYPE_RANGE, index);
  index->mutable_projection()->set_projection_type(
      v1::PROJECTION_TYPE_KEYS_ONLY);
}

class GlobalIndexTablesTest : public ::testing::TestWithParam<NodeKind> {
 protected:
  void SetUp() override {
    MiniClusterOptions options;
    options.kind = GetParam();
    options.data_dir = directory_.path() + "/data";
    options.flags = {"--max-global-indexes=3"};
    auto cluster = MiniCluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    Connect();
  }

  void Connect() { tables_ = v1::TableService::NewStub(cluster_->Channel()); }

  grpc::Status Create(const std::vector<std::string>& indexes) {
    v1::CreateTableRequest request;
    request.set_table_name("Places");
    request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
    AddKey("id", v1::KEY_TYPE_HASH, &request);
    Define("id", &request);
    for (const std::string& index : indexes) {
      Define("of-" + index, &request);
      SetIndex(index, "of-" + index, request.add_global_secondary_indexes());
    }
    grpc::ClientContext context;
    v1::CreateTableResponse response;
    return tables_->CreateTable(&context, request, &response);
  }

  grpc::Status Update(const std::vector<std::string>& created,
                      const std::vector<std::string>& deleted) {
    v1::UpdateTableRequest request;
    request.set_table_name("Places");
    request.set_allow_several_index_changes(true);
    for (const std::string& index : created) {
      Define("of-" + index, &request);
      SetIndex(index, "of-" + index,
               request.add_global_secondary_index_updates()->mutable_create());
    }
    for (const std::string& index : deleted) {
      request.add_global_secondary_index_updates()
          ->mutable_delete_()
          ->set_index_name(index);
    }
    grpc::ClientContext context;
    v1::UpdateTableResponse response;
    return tables_->UpdateTable(&context, request, &response);
  }

  // "id of-a of-b: a b": attributes and indexes.
  std::string Describe() {
    v1::DescribeTableRequest request;
    request.set_table_name("Places");
    grpc::ClientContext context;
    v1::DescribeTableResponse response;
    const grpc::Status status =
        tables_->DescribeTable(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const v1::TableDescription& table = response.table();
    return absl::StrCat(absl::StrJoin(table.attribute_definitions(), " ",
                                      [](std::string* out, const auto& each) {
                                        absl::StrAppend(out,
                                                        each.attribute_name());
                                      }),
                        ": ",
                        absl::StrJoin(table.global_secondary_indexes(), " ",
                                      [](std::string* out, const auto& each) {
                                        EXPECT_EQ(each.key_schema_size(), 2);
                                        absl::StrAppend(out, each.index_name());
                                      }));
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::unique_ptr<v1::TableService::Stub> tables_;
};

TEST_P(GlobalIndexTablesTest, ChangesOutliveTheProcess) {
  const auto start_again = [&] {
    if (GetParam() == NodeKind::kProcess) {
      cluster_->Kill();
    } else {
      ASSERT_TRUE(cluster_->Stop().ok());
    }
    ASSERT_TRUE(cluster_->Restart().ok());
    Connect();
  };
  ASSERT_TRUE(Create({"aaa", "bbb"}).ok());
  EXPECT_EQ(Describe(), "id of-aaa of-bbb: aaa bbb");
  start_again();
  EXPECT_EQ(Describe(), "id of-aaa of-bbb: aaa bbb");
  const grpc::Status updated = Update({"ccc", "ddd"}, {"aaa"});
  ASSERT_TRUE(updated.ok()) << updated.error_message();
  EXPECT_EQ(Describe(), "id of-bbb of-ccc of-ddd: bbb ccc ddd");
  start_again();
  EXPECT_EQ(Describe(), "id of-bbb of-ccc of-ddd: bbb ccc ddd");
  ASSERT_TRUE(Update({}, {"bbb", "ccc", "ddd"}).ok());
  start_again();
  EXPECT_EQ(Describe(), "id: ");
}

TEST_P(GlobalIndexTablesTest, TheLimitIsASetting) {
  EXPECT_EQ(Create({"aaa", "bbb", "ccc", "ddd"}).error_message(),
            "One or more parameter values were invalid: GlobalSecondaryIndex "
            "count exceeds the per-table limit of 3");
  ASSERT_TRUE(Create({"aaa", "bbb", "ccc"}).ok());
  const grpc::Status refused = Update({"ddd"}, {});
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("limit of 3"));
}

INSTANTIATE_TEST_SUITE_P(Both, GlobalIndexTablesTest,
                         ::testing::Values(NodeKind::kInProcess,
                                           NodeKind::kProcess),
                         [](const auto& info) {
                           return info.param == NodeKind::kProcess
                                      ? "Process"
                                      : "InProcess";
                         });

// The same in JSON.
class GlobalIndexJsonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MiniClusterOptions options;
    options.data_dir = directory_.path();
    auto cluster = MiniCluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    const RawAnswer made = Ask("CreateTable", R"({
      "TableName": "Places", "BillingMode": "PAY_PER_REQUEST",
      "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "zone", "AttributeType": "S"},
        {"AttributeName": "people", "AttributeType": "N"}],
      "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
      "GlobalSecondaryIndexes": [{
        "IndexName": "by-zone",
        "KeySchema": [{"AttributeName": "zone", "KeyType": "HASH"},
                      {"AttributeName": "people", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "INCLUDE",
                       "NonKeyAttributes": ["name"]}}]})");
    ASSERT_EQ(made.status, 200) << made.body;
  }

  RawAnswer Ask(const std::string& operation, const std::string& body) {
    RawConnection connection(cluster_->json_address());
    connection.Send(JsonPost(operation, body));
    return connection.Read().value_or(RawAnswer());
  }
  // With header lines.
  RawAnswer AskWith(const std::string& headers, const std::string& operation,
                    const std::string& body) {
    RawConnection connection(cluster_->json_address());
    connection.Send(JsonPost(operation, body, headers));
    return connection.Read().value_or(RawAnswer());
  }
  std::string Describe() {
    return Ask("DescribeTable", R"({"TableName": "Places"})").body;
  }
  void Pause(bool paused) {
    v1::UpdateIndexPropagationRequest request;
    request.set_table_name("Places");
    request.set_index_name("by-zone");
    request.set_paused(paused);
    grpc::ClientContext context;
    v1::UpdateIndexPropagationResponse response;
    const grpc::Status status =
        v1::TableService::NewStub(cluster_->Channel())
            ->UpdateIndexPropagation(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  static std::string NewIndex(const std::string& name) {
    return absl::StrCat(
        R"({"Create": {"IndexName": ")", name,
        R"(", "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}],)"
        R"( "Projection": {"ProjectionType": "ALL"}}})");
  }
  RawAnswer Update(const std::string& updates) {
    return Ask("UpdateTable",
               absl::StrCat(R"({"TableName": "Places", "AttributeDefinitions":)"
                            R"( [{"AttributeName": "name", "AttributeType":)"
                            R"( "S"}], "GlobalSecondaryIndexUpdates": [)",
                            updates, "]}"));
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
};

TEST_F(GlobalIndexJsonTest, IndexesAreMadeDescribedAndDeleted) {
  EXPECT_THAT(
      Describe(),
      HasSubstr(
          R"("GlobalSecondaryIndexes":[{"IndexName":"by-zone","KeySchema":)"
          R"([{"AttributeName":"zone","KeyType":"HASH"},)"
          R"({"AttributeName":"people","KeyType":"RANGE"}],)"
          R"("Projection":{"ProjectionType":"INCLUDE",)"
          R"("NonKeyAttributes":["name"]},"IndexStatus":)"));
  EXPECT_THAT(Describe(),
              HasSubstr(R"("IndexSizeBytes":0,"ItemCount":0,"IndexArn":"arn:)"
                        R"(aws:dynamodb:local:000000000000:table/Places/index/)"
                        R"(by-zone")"));
  const RawAnswer deleted = Update(R"({"Delete": {"IndexName": "by-zone"}})");
  EXPECT_EQ(deleted.status, 200) << deleted.body;
  EXPECT_THAT(Describe(), ::testing::Not(HasSubstr("by-zone")));
  EXPECT_THAT(Describe(), ::testing::Not(HasSubstr("people")));
  const RawAnswer created = Update(NewIndex("by-name"));
  EXPECT_EQ(created.status, 200) << created.body;
  EXPECT_THAT(Describe(), HasSubstr("by-name"));
}

TEST_F(GlobalIndexJsonTest, OneAtATime) {
  const RawAnswer both =
      Update(absl::StrCat(NewIndex("one"), ",", NewIndex("two")));
  EXPECT_EQ(both.status, 400);
  EXPECT_THAT(both.body, HasSubstr("LimitExceededException"));
  EXPECT_THAT(both.body,
              HasSubstr("Subscriber limit exceeded: Only 1 online index can be "
                        "created or deleted simultaneously per table"));
  const RawAnswer unknown = Update(R"({"Delete": {"IndexName": "none"}})");
  EXPECT_THAT(unknown.body, HasSubstr("ResourceNotFoundException"));
}

TEST_F(GlobalIndexJsonTest, HeadersAskHowFreshAnIndexIs) {
  constexpr char kQuery[] =
      R"({"TableName": "Places", "IndexName": "by-zone",)"
      R"( "KeyConditionExpression": "#z = :z",)"
      R"( "ExpressionAttributeNames": {"#z": "zone"},)"
      R"( "ExpressionAttributeValues": {":z": {"S": "utc"}}})";
  constexpr char kScan[] = R"({"TableName": "Places", "IndexName": "by-zone"})";
  Pause(true);
  const RawAnswer put =
      Ask("PutItem", R"({"TableName": "Places", "Item": {"id": {"S": "1"},)"
                     R"( "zone": {"S": "utc"}, "people": {"N": "7"}}})");
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.body, "{}");
  constexpr char kHeader[] = "\r\nx-pallet-position: ";
  const size_t at = put.head.find(kHeader);
  ASSERT_NE(at, std::string::npos) << put.head;
  const size_t from = at + sizeof(kHeader) - 1;
  const std::string position =
      put.head.substr(from, put.head.find("\r\n", from) - from);
  EXPECT_FALSE(position.empty());

  // Whoever asks for nothing gets what is there.
  EXPECT_THAT(Ask("Query", kQuery).body, HasSubstr(R"("Count":0)"));
  const std::string positions =
      absl::StrCat("x-pallet-positions: ", position, "\r\n");
  for (const std::string& asked :
       {positions, std::string("X-Pallet-Consistency: Strong\r\n"),
        std::string("x-pallet-max-staleness-ms: 0\r\n")}) {
    for (const char* wait :
         {"x-pallet-wait-ms: 0\r\n", "x-pallet-wait-ms: 20\r\n"}) {
      const RawAnswer late = AskWith(asked + wait, "Query", kQuery);
      EXPECT_EQ(late.status, 400) << asked << late.body;
      EXPECT_THAT(late.body,
                  HasSubstr("com.amazonaws.dynamodb.v20120810#"
                            "IndexNotFreshException\",\"message\":\""));
      EXPECT_THAT(late.body,
                  HasSubstr(R"("TableName":"Places","IndexName":"by-zone",)"
                            R"("ChangesBehind":1,"MillisecondsBehind":)"));
    }
  }
  EXPECT_THAT(AskWith("x-pallet-consistency: weak\r\n", "Scan", kScan).body,
              HasSubstr("#ValidationException\",\"message\":\"One or more "
                        "parameter values were invalid: the header "
                        "x-pallet-consistency must be strong or eventual\""));
  EXPECT_THAT(AskWith("x-pallet-positions: YWI=\r\n", "Scan", kScan).body,
              HasSubstr("#ValidationException"));
  // Tables are always fresh.
  EXPECT_THAT(AskWith(positions, "Scan", R"({"TableName": "Places"})").body,
              HasSubstr(R"("Count":1)"));

  Pause(false);
  EXPECT_THAT(AskWith(positions, "Query", kQuery).body,
              HasSubstr(R"("Count":1)"));
  EXPECT_THAT(AskWith("x-pallet-consistency: strong\r\nx-pallet-wait-ms: 0\r\n",
                      "Scan", kScan)
                  .body,
              HasSubstr(R"("Count":1)"));
}

}  // namespace
}  // namespace pallet
