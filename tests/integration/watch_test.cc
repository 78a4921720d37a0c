// SPDX-License-Identifier: Apache-2.0
//
// Watch over sockets: many watchers at once, how soon a change is told, and
// resuming over kills of the node. PALLET_ROUNDS says how many kills.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "pallet/v1/change_service.grpc.pb.h"
#include "pallet/v1/item_service.grpc.pb.h"
#include "pallet/v1/table_service.grpc.pb.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using testing::MiniCluster;
using testing::MiniClusterOptions;
using testing::NodeKind;

class WatchTest : public ::testing::Test {
 protected:
  void Start(NodeKind kind) {
    MiniClusterOptions options;
    options.kind = kind;
    options.data_dir = directory_.path() + "/data";
    auto cluster = MiniCluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    Connect();
    v1::CreateTableRequest request;
    request.set_table_name("log");
    request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
    auto* attribute = request.add_attribute_definitions();
    attribute->set_attribute_name("pk");
    attribute->set_attribute_type(v1::SCALAR_ATTRIBUTE_TYPE_S);
    auto* key = request.add_key_schema();
    key->set_attribute_name("pk");
    key->set_key_type(v1::KEY_TYPE_HASH);
    request.mutable_stream_specification()->set_stream_enabled(true);
    request.mutable_stream_specification()->set_stream_view_type(
        v1::STREAM_VIEW_TYPE_NEW_AND_OLD_IMAGES);
    grpc::ClientContext context;
    v1::CreateTableResponse response;
    const grpc::Status made = v1::TableService::NewStub(channel_)->CreateTable(
        &context, request, &response);
    ASSERT_TRUE(made.ok()) << made.error_message();
  }

  void Connect() {
    channel_ = cluster_->Channel();
    items_ = v1::ItemService::NewStub(channel_);
    changes_ = v1::ChangeService::NewStub(channel_);
  }

  bool Put(const std::string& key, const std::string& value) {
    grpc::ClientContext context;
    v1::PutItemRequest request;
    request.set_table_name("log");
    auto& attributes = *request.mutable_item()->mutable_attributes();
    attributes["pk"].set_s(key);
    attributes["v"].set_s(value);
    v1::PutItemResponse response;
    return items_->PutItem(&context, request, &response).ok();
  }

  static v1::WatchRequest Request(const std::string& token) {
    v1::WatchRequest request;
    request.set_table_name("log");
    if (token.empty()) {
      request.set_snapshot(true);
    } else {
      request.set_resume_token(token);
    }
    request.mutable_heartbeat_interval()->set_nanos(100'000'000);
    return request;
  }

  static std::string ValueOf(const v1::Item& item) {
    const auto found = item.attributes().find("v");
    return found == item.attributes().end() ? "-" : found->second.s();
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ItemService::Stub> items_;
  std::unique_ptr<v1::ChangeService::Stub> changes_;
};

// Each of many watchers is told each change, in its order, soon.
TEST_F(WatchTest, ManyWatchersAreToldEachChangeSoon) {
  constexpr int kWatchers = 40;
  constexpr int kWrites = 200;
  Start(NodeKind::kProcess);
  absl::BlockingCounter begun(kWatchers);
  absl::Mutex mutex;
  std::vector<absl::Duration> delays;
  std::vector<Thread> watchers;
  for (int i = 0; i < kWatchers; ++i) {
    watchers.emplace_back("watcher", [&] {
      grpc::ClientContext context;
      v1::WatchRequest request = Request("");
      request.set_snapshot(false);
      const auto stream = changes_->Watch(&context, request);
      v1::WatchResponse response;
      int told = 0;
      bool greeted = false;
      while (told < kWrites && stream->Read(&response)) {
        if (!greeted) begun.DecrementCount();
        greeted = true;
        for (const v1::Record& record : response.records()) {
          const auto& change = record.dynamodb();
          EXPECT_EQ(ValueOf(change.new_image()), absl::StrCat(told++));
          const auto& time = change.approximate_creation_date_time();
          const absl::Duration delay =
              Clock::Real()->Now() - (absl::FromUnixSeconds(time.seconds()) +
                                      absl::Nanoseconds(time.nanos()));
          absl::MutexLock lock(&mutex);
          delays.push_back(delay);
        }
      }
      EXPECT_EQ(told, kWrites);
      context.TryCancel();
    });
  }
  begun.Wait();
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_TRUE(Put("a", absl::StrCat(i)));
  }
  for (Thread& watcher : watchers) watcher.Join();
  ASSERT_EQ(delays.size(), size_t{kWatchers} * kWrites);
  std::sort(delays.begin(), delays.end());
  std::printf("%d watchers, decision to delivery: p50 %.2f ms, p99 %.2f ms\n",
              kWatchers, absl::ToDoubleMilliseconds(delays[delays.size() / 2]),
              absl::ToDoubleMilliseconds(delays[delays.size() * 99 / 100]));
}

TEST_F(WatchTest, OneWatcherIsToldSoon) {
  Start(NodeKind::kProcess);
  grpc::ClientContext context;
  v1::WatchRequest request = Request("");
  request.set_snapshot(false);
  const auto stream = changes_->Watch(&context, request);
  v1::WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  std::vector<absl::Duration> delays;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(Put("a", absl::StrCat(i)));
    const absl::Duration answered = Clock::Real()->Monotonic();
    do {
      ASSERT_TRUE(stream->Read(&response));
    } while (response.records().empty());
    delays.push_back(Clock::Real()->Monotonic() - answered);
    EXPECT_EQ(ValueOf(response.records(0).dynamodb().new_image()),
              absl::StrCat(i));
  }
  context.TryCancel();
  std::sort(delays.begin(), delays.end());
  std::printf("one watcher, answer to delivery: p50 %.2f ms, p99 %.2f ms\n",
              absl::ToDoubleMilliseconds(delays[delays.size() / 2]),
              absl::ToDoubleMilliseconds(delays[delays.size() * 99 / 100]));
}

// A copy of the table that lives through kills of the node: what it is told fits
// what it has, and in the end it is the table.
TEST_F(WatchTest, ACopyIsTheTableOverKills) {
  Random random(testing::TestSeed());
  const int rounds = testing::TestRounds(6);
  Start(NodeKind::kProcess);
  std::map<std::string, std::string> copy, table;
  std::string token;
  bool complete = false;
  uint64_t told = 0;
  const auto apply = [&](const v1::WatchResponse& response) {
    for (const v1::Record& record : response.records()) {
      const v1::StreamRecord& change = record.dynamodb();
      const std::string key = change.keys().attributes().at("pk").s();
      const auto known = copy.find(key);
      const std::string before = known == copy.end() ? "-" : known->second;
      ASSERT_EQ(before, ValueOf(change.old_image())) << key;
      copy[key] = ValueOf(change.new_image());
      ++told;
    }
    token = response.resume_token();
    complete = response.snapshot_complete();
  };
  for (int i = 0; i < 500; ++i) {
    const std::string key = absl::StrCat("k", random.Below(300));
    table[key] = absl::StrCat("before ", i);
    ASSERT_TRUE(Put(key, table[key]));
  }
  for (int round = 0; round < rounds; ++round) {
    grpc::ClientContext context;
    const auto stream = changes_->Watch(&context, Request(token));
    // The last write may or may not have happened.
    std::map<std::string, std::string> open;
    Thread writer("writer", [&, seed = random.Next()] {
      Random mine(seed);
      for (int n = 0;; ++n) {
        const std::string key = absl::StrCat("k", mine.Below(300));
        const std::string value = absl::StrCat("round ", round, " ", n);
        if (!Put(key, value)) {
          open[key] = value;
          return;
        }
        table[key] = value;
      }
    });
    const uint64_t enough = told + random.Between(1, 400);
    bool killed = false;
    v1::WatchResponse response;
    while (stream->Read(&response)) {
      apply(response);
      if (!killed && (told >= enough || HasFatalFailure())) {
        killed = true;
        cluster_->Kill();
      }
    }
    ASSERT_TRUE(killed);
    (void)stream->Finish();
    writer.Join();
    if (HasFatalFailure()) return;
    const absl::Status restarted = cluster_->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    Connect();
    // What became of the open write.
    for (const auto& [key, value] : open) {
      grpc::ClientContext get;
      v1::GetItemRequest request;
      request.set_table_name("log");
      (*request.mutable_key()->mutable_attributes())["pk"].set_s(key);
      v1::GetItemResponse item;
      ASSERT_TRUE(items_->GetItem(&get, request, &item).ok());
      if (item.has_item()) table[key] = ValueOf(item.item());
    }
  }
  grpc::ClientContext context;
  const auto stream = changes_->Watch(&context, Request(token));
  v1::WatchResponse response;
  while (!complete || copy != table) {
    ASSERT_TRUE(stream->Read(&response));
    apply(response);
    if (HasFatalFailure()) return;
  }
  context.TryCancel();
  std::printf("%d kills, %d records told: none lost, none twice\n", rounds,
              static_cast<int>(told));
}

}  // namespace
}  // namespace pallet
