// SPDX-License-Identifier: Apache-2.0
//
// What a write and a read of a global index promise each other, over real
// stores: a read may miss a write that has just been answered, unless it asks
// for it by position, or for all writes; and it says so when that takes too
// long.
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/executor.h"
#include "base/thread.h"
#include "cluster/partition_host.h"
#include "google/protobuf/text_format.h"
#include "gsi/index_checker.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handlers.h"
#include "service/indexing.h"
#include "service/operation.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::service {
namespace {

constexpr uint64_t kMaxBacklog = 50;

class IndexFreshnessTest : public ::testing::Test {
 protected:
  explicit IndexFreshnessTest(uint64_t max_backlog = kMaxBacklog) {
    cluster::PartitionHostOptions options;
    options.data_directory = directory_.path();
    options.open_store = storage::Store::Open;
    options.store.map_size = uint64_t{1} << 30;
    options.store_count = 2;
    auto host = cluster::PartitionHost::Open(options);
    CHECK(host.ok()) << host.status();
    host_ = *std::move(host);
    IndexingOptions indexing;
    indexing.host = host_.get();
    indexing.max_backlog = max_backlog;
    indexing_ = std::make_unique<Indexing>(indexing);
    RegisterHandlers({.host = host_.get(),
                      .read_pool = &read_pool_,
                      .control = &control_,
                      .index_keeper = indexing_.get()},
                     &registry_);
    const auto created = Call<v1::CreateTableResponse>(
        "CreateTable", Parsed<v1::CreateTableRequest>(R"(
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
          })"));
    CHECK(created.ok()) << created.status();
    const auto& index =
        created->table_description().global_secondary_indexes(0);
    CHECK_EQ(index.index_status(), v1::INDEX_STATUS_ACTIVE);
  }

  ~IndexFreshnessTest() override {
    indexing_->Stop();
    read_pool_.Shutdown();
    control_.Shutdown();
  }

  template <typename Request>
  static Request Parsed(const std::string& text) {
    Request request;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &request));
    return request;
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(absl::string_view operation,
                                const Request& request,
                                const CallContext& context = {}) {
    absl::StatusOr<std::string> answer;
    absl::Notification answered;
    (*registry_.Find(operation))(request.SerializeAsString(), context,
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

  // Returns the position.
  absl::StatusOr<std::string> Put(const std::string& id,
                                  const std::string& who) {
    v1::PutItemRequest request;
    request.set_table_name("orders");
    auto& attributes = *request.mutable_item()->mutable_attributes();
    attributes["id"].set_s(id);
    attributes["who"].set_s(who);
    auto response = Call<v1::PutItemResponse>("PutItem", request);
    if (!response.ok()) return response.status();
    return response->position();
  }

  // How many items of `who` the index has.
  absl::StatusOr<int> Count(const std::string& who,
                            const std::string& freshness = "",
                            const CallContext& context = {}) {
    auto request = Parsed<v1::QueryRequest>(freshness);
    request.set_table_name("orders");
    request.set_index_name("by-who");
    request.set_key_condition_expression("who = :w");
    (*request.mutable_expression_attribute_values())[":w"].set_s(who);
    auto response = Call<v1::QueryResponse>("Query", request, context);
    if (!response.ok()) return response.status();
    return response->count();
  }

  static std::string At(const std::string& position) {
    v1::QueryRequest request;
    request.mutable_freshness()->add_positions(position);
    std::string text;
    CHECK(google::protobuf::TextFormat::PrintToString(request, &text));
    return text;
  }

  CallContext Within(absl::Duration patience) {
    CallContext context;
    context.deadline = context.clock->Monotonic() + patience;
    return context;
  }

  void Switch(const gsi::IndexSwitch& value) {
    const cluster::TablePtr table = host_->FindTable("orders");
    indexing_->propagator().SetSwitch(table->global_indexes[0].id.value(),
                                      value);
  }

  v1::IndexProgress Progress() {
    v1::DescribeTableRequest request;
    request.set_table_name("orders");
    auto response = Call<v1::DescribeTableResponse>("DescribeTable", request);
    CHECK(response.ok()) << response.status();
    return response->table().global_secondary_indexes(0).progress();
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<cluster::PartitionHost> host_;
  std::unique_ptr<Indexing> indexing_;
  Executor read_pool_{{.name = "read", .threads = 2}};
  Executor control_{{.name = "control"}};
  OperationRegistry registry_;
};

// Writers that do nothing but write, beside those who write and then read.
class WriteThenReadTest : public IndexFreshnessTest {
 protected:
  static constexpr int kWriters = 4;
  static constexpr int kReaders = 24;
  static constexpr int kOrders = 50;  // of each, again and again

  WriteThenReadTest() : IndexFreshnessTest(/*max_backlog=*/1'000'000) {}

  void Write(int writer) {
    for (int i = 0; !stop_; ++i) {
      const auto put = Put(absl::StrCat("load", writer, "-", i % 1000),
                           absl::StrCat("load", writer, "-", i % 7));
      ASSERT_TRUE(put.ok()) << put.status();
    }
  }

  void TryAll(int reader, int trials) {
    for (int i = 0; i < trials && !HasFailure(); ++i) {
      const std::string prefix = absl::StrCat("reader", reader, "-");
      const std::string who = absl::StrCat(prefix, i);
      const auto position = Put(absl::StrCat(prefix, i % kOrders), who);
      ASSERT_TRUE(position.ok()) << position.status();
      const auto without = Count(who);
      ASSERT_TRUE(without.ok()) << without.status();
      if (*without == 0) ++missed_without_;
      const auto with = Count(who, At(*position));
      ASSERT_TRUE(with.ok()) << with.status();
      if (*with != 1) ++missed_with_;
      if (i < kOrders || i % 8 != 0) continue;
      // Where the order was before.
      const auto before =
          Count(absl::StrCat(prefix, i - kOrders), At(*position));
      ASSERT_TRUE(before.ok()) << before.status();
      if (*before != 0) ++kept_;
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<int> missed_without_ = 0;
  std::atomic<int> missed_with_ = 0;
  std::atomic<int> kept_ = 0;
};

TEST_F(WriteThenReadTest, AReadWithThePositionSeesTheWrite) {
  const int trials = testing::TestRounds(2400) / kReaders;
  std::vector<Thread> writers, readers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back("writer", [this, i] { Write(i); });
  }
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back("reader", [this, i, trials] { TryAll(i, trials); });
  }
  readers.clear();
  stop_ = true;
  writers.clear();
  std::printf(
      "%d trials; missed without the position: %d; with it: %d; still where "
      "they were: %d\n",
      trials * kReaders, missed_without_.load(), missed_with_.load(),
      kept_.load());
  EXPECT_GT(missed_without_, 0);
  EXPECT_EQ(missed_with_, 0);
  EXPECT_EQ(kept_, 0);
  ASSERT_TRUE(Count("nobody", "freshness { strong: true }").ok());
  const auto check =
      gsi::CheckIndexes(*indexing_->TopologyOf(*host_->FindTable("orders")));
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->differences, 0u);
}

TEST_F(IndexFreshnessTest, AStrongReadSeesWhatAnybodyWasTold) {
  const int trials = testing::TestRounds(300);
  for (int i = 0; i < trials; ++i) {
    ASSERT_TRUE(Put("one", absl::StrCat("who", i)).ok());
    const auto now =
        Count(absl::StrCat("who", i), "freshness { strong: true }");
    ASSERT_TRUE(now.ok()) << now.status();
    ASSERT_EQ(*now, 1) << "trial " << i;
    if (i == 0) continue;
    // It has moved, and is not where it was.
    const auto before =
        Count(absl::StrCat("who", i - 1), "freshness { strong: true }");
    ASSERT_TRUE(before.ok()) << before.status();
    ASSERT_EQ(*before, 0) << "trial " << i;
  }
}

TEST_F(IndexFreshnessTest, AReadThatWaitsTooLongSaysHowFarTheIndexIsBehind) {
  Switch({true, {}});
  const auto position = Put("a", "ann");
  ASSERT_TRUE(position.ok()) << position.status();
  const auto stale = Count("ann");
  ASSERT_TRUE(stale.ok()) << stale.status();
  EXPECT_EQ(*stale, 0);
  for (const std::string& freshness :
       {At(*position), std::string("freshness { strong: true }"),
        std::string("freshness { max_staleness { nanos: 1 } }")}) {
    const auto late =
        Count("ann", freshness, Within(absl::Milliseconds(20))).status();
    EXPECT_EQ(model::ReasonOf(late), model::Reason::kDeadlineExceeded) << late;
    EXPECT_NE(late.message().find("by-who of table orders is 1 changes behind"),
              std::string::npos)
        << late;
    EXPECT_TRUE(
        late.GetPayload(absl::StrCat(kDetailPrefix, "pallet.v1.IndexLag"))
            .has_value());
  }
  // An hour is not over yet.
  const auto loose =
      Count("ann", "freshness { max_staleness { seconds: 3600 } }");
  ASSERT_TRUE(loose.ok()) << loose.status();
  EXPECT_EQ(*loose, 0);
  EXPECT_EQ(Progress().changes_behind(), 1);
  Switch({});
  const auto fresh = Count("ann", At(*position));
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(*fresh, 1);
  EXPECT_EQ(Progress().changes_behind(), 0);
}

TEST_F(IndexFreshnessTest, AnIndexThatIsTooFarBehindStopsWritesByName) {
  Switch({true, {}});
  absl::Status refused;
  int written = 0;
  while (refused.ok()) {
    refused = Put(absl::StrCat("order", written), "bob").status();
    if (refused.ok()) ++written;
    ASSERT_LE(written, static_cast<int>(2 * kMaxBacklog));
  }
  EXPECT_GE(written, static_cast<int>(kMaxBacklog));
  EXPECT_EQ(model::ReasonOf(refused), model::Reason::kThrottling) << refused;
  EXPECT_NE(refused.message().find("Index by-who of table orders"),
            std::string::npos)
      << refused;
  Switch({});
  const auto all = Count("bob", "freshness { strong: true }");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(*all, written);
  EXPECT_TRUE(Put("again", "bob").ok());
}

TEST_F(IndexFreshnessTest, ADelayedIndexShowsChangesThatOldOnly) {
  Switch({false, absl::Milliseconds(300)});
  ASSERT_TRUE(Put("a", "cat").ok());
  const auto early = Count("cat");
  ASSERT_TRUE(early.ok()) << early.status();
  EXPECT_EQ(*early, 0);
  const auto later = Count("cat", "freshness { strong: true }");
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(*later, 1);
}

TEST_F(IndexFreshnessTest, IndexesAreTheirTablesAfterConcurrentWrites) {
  std::vector<Thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back("writer", [this, writer] {
      for (int i = 0; i < 200; ++i) {
        // Throttled now and then: that is what the backlog's bound is for.
        (void)Put(absl::StrCat("order", i % 20),
                  absl::StrCat("who", writer, i % 7));
      }
    });
  }
  writers.clear();
  ASSERT_TRUE(Count("nobody", "freshness { strong: true }").ok());
  const cluster::TablePtr table = host_->FindTable("orders");
  const auto check = gsi::CheckIndexes(*indexing_->TopologyOf(*table));
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->items, 20u);
  EXPECT_EQ(check->entries, 20u);
  EXPECT_EQ(check->differences, 0u);
}

}  // namespace
}  // namespace pallet::service
