// SPDX-License-Identifier: Apache-2.0
//
// Global indexes that are paused and delayed by request, over real stores: it
// holds through a new start, for followed changes and for the backfill; and a
// backfill that is paused can be given up by dropping its index.
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "base/executor.h"
#include "cluster/partition_host.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handlers.h"
#include "service/indexing.h"
#include "service/operation.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::service {
namespace {

// The indexes are numbered as they come.
constexpr uint64_t kByWhat = 2;

// What one process has.
struct Node {
  explicit Node(const std::string& directory) {
    cluster::PartitionHostOptions options;
    options.data_directory = directory;
    options.open_store = storage::Store::Open;
    options.store.map_size = uint64_t{1} << 30;
    options.store_count = 2;
    auto opened = cluster::PartitionHost::Open(options);
    CHECK(opened.ok()) << opened.status();
    host = *std::move(opened);
    IndexingOptions indexing_options;
    indexing_options.host = host.get();
    indexing = std::make_unique<Indexing>(indexing_options);
    HandlerOptions handlers;
    handlers.host = host.get();
    handlers.read_pool = &read_pool;
    handlers.control = &control;
    handlers.index_keeper = indexing.get();
    RegisterHandlers(handlers, &registry);
  }
  ~Node() {
    indexing->Stop();
    read_pool.Shutdown();
    control.Shutdown();
  }

  std::unique_ptr<cluster::PartitionHost> host;
  std::unique_ptr<Indexing> indexing;
  Executor read_pool{{.name = "read", .threads = 2}};
  Executor control{{.name = "control"}};
  OperationRegistry registry;
};

class IndexPropagationSwitchTest : public ::testing::Test {
 protected:
  IndexPropagationSwitchTest() {
    Start();
    CreateOrders();
  }

  void CreateOrders() {
    Must<v1::CreateTableRequest, v1::CreateTableResponse>("CreateTable", R"(
        table_name: "orders"
        billing_mode: BILLING_MODE_PAY_PER_REQUEST
        attribute_definitions { attribute_name: "id"
                                attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
        attribute_definitions { attribute_name: "who"
                                attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
        key_schema { attribute_name: "id" key_type: KEY_TYPE_HASH }
        global_secondary_indexes {
          index_name: "by-who"
          key_schema { attribute_name: "who" key_type: KEY_TYPE_HASH }
          projection { projection_type: PROJECTION_TYPE_ALL }
        })");
  }

  void Start() {
    node_.reset();
    node_ = std::make_unique<Node>(directory_.path());
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(absl::string_view operation,
                                const std::string& text,
                                const CallContext& context = {}) {
    Request request;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &request))
        << text;
    absl::StatusOr<std::string> answer;
    absl::Notification answered;
    (*node_->registry.Find(operation))(request.SerializeAsString(), context,
                                       [&](absl::StatusOr<std::string> given) {
                                         answer = std::move(given);
                                         answered.Notify();
                                       });
    answered.WaitForNotification();
    if (!answer.ok()) return answer.status();
    Response response;
    CHECK(response.ParseFromString(*answer));
    return response;
  }
  template <typename Request, typename Response>
  Response Must(absl::string_view operation, const std::string& text) {
    auto response = Call<Request, Response>(operation, text);
    CHECK(response.ok()) << operation << ": " << response.status();
    return *std::move(response);
  }

  // What "by-who" says of itself in the answer.
  v1::IndexProgress Set(const std::string& index, const std::string& what) {
    return Must<v1::UpdateIndexPropagationRequest,
                v1::UpdateIndexPropagationResponse>(
               "UpdateIndexPropagation",
               absl::StrCat("table_name: 'orders' index_name: '", index, "' ",
                            what))
        .table_description()
        .global_secondary_indexes(index == "by-who" ? 0 : 1)
        .progress();
  }

  v1::TableDescription Describe() {
    return Must<v1::DescribeTableRequest, v1::DescribeTableResponse>(
               "DescribeTable", "table_name: 'orders'")
        .table();
  }
  v1::IndexProgress Progress(int index = 0) {
    return Describe().global_secondary_indexes(index).progress();
  }

  void Put(absl::string_view id, absl::string_view more) {
    Must<v1::PutItemRequest, v1::PutItemResponse>(
        "PutItem",
        absl::StrCat("table_name: 'orders' item { attributes { key: 'id' value "
                     "{ s: '",
                     id, "' } } ", more, "}"));
  }
  static std::string S(absl::string_view name, absl::string_view value) {
    return absl::StrCat("attributes { key: '", name, "' value { s: '", value,
                        "' } } ");
  }

  // How many items a strong read finds, or -1 if it waits for too long.
  int StrongCount(absl::Duration patience) {
    CallContext context;
    context.deadline = context.clock->Monotonic() + patience;
    const auto found = Call<v1::ScanRequest, v1::ScanResponse>(
        "Scan",
        "table_name: 'orders' index_name: 'by-who' freshness { strong: true }",
        context);
    if (found.ok()) return found->count();
    EXPECT_EQ(model::ReasonOf(found.status()), model::Reason::kDeadlineExceeded)
        << found.status();
    return -1;
  }
  static constexpr absl::Duration kSoon = absl::Milliseconds(50);
  static constexpr absl::Duration kEver = absl::Seconds(60);

  void AddByWhat() {
    Must<v1::UpdateTableRequest, v1::UpdateTableResponse>("UpdateTable", R"(
        table_name: "orders"
        attribute_definitions { attribute_name: "what"
                                attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
        global_secondary_index_updates { create {
          index_name: "by-what"
          key_schema { attribute_name: "what" key_type: KEY_TYPE_HASH }
          projection { projection_type: PROJECTION_TYPE_ALL }
        } })");
  }
  // Made and paused before it has read anything.
  void AddByWhatPaused() {
    node_->indexing->propagator().SetSwitch(kByWhat, {true, {}});
    AddByWhat();
    const v1::IndexProgress progress = Set("by-what", "paused: true");
    EXPECT_TRUE(progress.paused());
  }
  // Whether "by-what" comes to be ACTIVE.
  bool Fills() {
    const absl::Duration end = Clock::Real()->Monotonic() + kEver;
    while (Clock::Real()->Monotonic() < end) {
      if (Describe().global_secondary_indexes(1).index_status() ==
          v1::INDEX_STATUS_ACTIVE) {
        return true;
      }
    }
    return false;
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<Node> node_;
};

TEST_F(IndexPropagationSwitchTest, APauseOutlivesAStart) {
  Put("1", S("who", "ann"));
  ASSERT_EQ(StrongCount(kEver), 1);
  EXPECT_FALSE(Progress().paused());
  EXPECT_TRUE(Set("by-who", "paused: true").paused());
  Put("2", S("who", "bob"));
  EXPECT_EQ(StrongCount(kSoon), -1);
  EXPECT_EQ(Progress().changes_behind(), 1);
  Start();
  EXPECT_TRUE(Progress().paused());
  EXPECT_EQ(StrongCount(kSoon), -1);
  EXPECT_GE(Progress().changes_behind(), 1);
  EXPECT_FALSE(Set("by-who", "paused: false").paused());
  EXPECT_EQ(StrongCount(kEver), 2);
  Start();
  EXPECT_FALSE(Progress().paused());
}

TEST_F(IndexPropagationSwitchTest, ADelayOutlivesAStart) {
  EXPECT_EQ(Set("by-who", "delay { seconds: 3600 }").delay().seconds(), 3600);
  Put("1", S("who", "ann"));
  EXPECT_EQ(StrongCount(kSoon), -1);
  // What is not said stays.
  EXPECT_EQ(Set("by-who", "paused: false").delay().seconds(), 3600);
  Start();
  EXPECT_EQ(Progress().delay().seconds(), 3600);
  EXPECT_EQ(StrongCount(kSoon), -1);
  EXPECT_FALSE(Set("by-who", "delay {}").has_delay());
  EXPECT_EQ(StrongCount(kEver), 1);
}

TEST_F(IndexPropagationSwitchTest, ATableThatGoesWhileItsChangesWait) {
  for (int i = 0; i < 3; ++i) {
    Set("by-who", "delay { seconds: 3600 }");
    Put(absl::StrCat("new", i), S("who", "ann"));
    EXPECT_EQ(StrongCount(kSoon), -1);
    Must<v1::DeleteTableRequest, v1::DeleteTableResponse>(
        "DeleteTable", "table_name: 'orders'");
    CreateOrders();
    Put("1", S("who", "ann"));
    EXPECT_EQ(StrongCount(kEver), 1);
  }
}

TEST_F(IndexPropagationSwitchTest, ABackfillStandsStillThroughAStart) {
  for (const char* id : {"1", "2", "3"}) Put(id, S("what", "tea"));
  Put("4", "attributes { key: 'what' value { n: '7' } }");
  AddByWhatPaused();
  Put("5", S("what", "cake"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(StrongCount(kEver), 0);  // the other index goes on
    const v1::IndexProgress progress = Progress(1);
    EXPECT_TRUE(progress.paused());
    EXPECT_EQ(progress.items_read(), 0);
    EXPECT_EQ(progress.items_total(), 5);
    EXPECT_EQ(progress.backfill_fraction(), 0);
    EXPECT_EQ(progress.items_per_second(), 0);
    EXPECT_FALSE(progress.has_time_left());
    Start();
  }
  Set("by-what", "paused: false");
  ASSERT_TRUE(Fills());
  const v1::IndexProgress progress = Progress(1);
  EXPECT_FALSE(progress.has_items_read());
  EXPECT_FALSE(progress.has_items_per_second());
  EXPECT_EQ(progress.items_skipped(), 1);
  ASSERT_EQ(progress.skipped_size(), 1);
  EXPECT_EQ(progress.skipped(0).key().attributes().at("id").s(), "4");
  EXPECT_NE(progress.skipped(0).reason().find("Type mismatch"),
            std::string::npos)
      << progress.skipped(0).reason();
  EXPECT_EQ(Describe().global_secondary_indexes(1).item_count(), 4);
}

TEST_F(IndexPropagationSwitchTest, APausedBackfillIsGivenUpByDroppingIt) {
  for (const char* id : {"1", "2", "3"}) Put(id, S("what", "tea"));
  AddByWhatPaused();
  const auto drop = [&] {
    Must<v1::UpdateTableRequest, v1::UpdateTableResponse>(
        "UpdateTable",
        "table_name: 'orders' global_secondary_index_updates { delete { "
        "index_name: 'by-what' } }");
    EXPECT_EQ(Describe().global_secondary_indexes_size(), 1);
  };
  drop();
  Put("4", absl::StrCat(S("what", "tea"), S("who", "ann")));
  EXPECT_EQ(StrongCount(kEver), 1);
  // One of that name which comes later knows nothing of the pause.
  AddByWhat();
  EXPECT_FALSE(Progress(1).paused());
  ASSERT_TRUE(Fills());
  EXPECT_EQ(Describe().global_secondary_indexes(1).item_count(), 4);
  drop();
  Start();
  EXPECT_EQ(Describe().global_secondary_indexes_size(), 1);
  EXPECT_EQ(StrongCount(kEver), 1);
}

}  // namespace
}  // namespace pallet::service
