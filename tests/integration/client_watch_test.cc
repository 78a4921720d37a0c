// SPDX-License-Identifier: Apache-2.0
//
// Following tables with the C++ client: a watch lives through kills of its node,
// begins behind a write, ends with its stream, and takes a seat. PALLET_ROUNDS
// says how many kills.
#include "client/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/random.h"
#include "base/thread.h"
#include "client/client.h"
#include "model/errors.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/raw_connection.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using model::Reason;
using ::testing::HasSubstr;
using testing::MiniCluster;
using testing::NodeKind;

constexpr char kTable[] = "log";

class ClientWatchTest : public ::testing::Test {
 protected:
  // At an address that stays over restarts.
  void Start(NodeKind kind, std::vector<std::string> flags = {}) {
    flags.push_back(
        absl::StrCat("--grpc-address=unix:", directory_.path(), "/grpc"));
    auto cluster = MiniCluster::Start({.kind = kind,
                                       .data_dir = directory_.path() + "/data",
                                       .flags = std::move(flags)});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    client_.emplace(Connect(1000));
    const auto made =
        client_->CreateTable({.table = kTable,
                              .key = {.partition = {.name = "pk"}},
                              .stream = StreamView::kNewAndOldImages});
    ASSERT_TRUE(made.ok()) << made.status();
  }

  Client Connect(int max_attempts) {
    absl::StatusOr<Client> client =
        Client::Connect({.address = cluster_->grpc_address(),
                         .timeout = absl::Seconds(60),
                         .retry = {.max_attempts = max_attempts,
                                   .max_backoff = absl::Milliseconds(200)}});
    CHECK(client.ok()) << client.status();
    return *std::move(client);
  }

  // The position that its response has.
  std::string Put(const std::string& pk, int64_t number) {
    const auto put = client_->PutItem(
        {.table = kTable, .item = {{"pk", pk}, {"n", number}}});
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->position : "";
  }

  static int64_t NumberOf(const std::optional<Item>& item) {
    return item.has_value() ? *item->at("n").AsNumber()->ToInt64() : -1;
  }

  // The next batch that tells of changes.
  static absl::StatusOr<WatchBatch> NextChanges(WatchStream& watch) {
    while (true) {
      absl::StatusOr<WatchBatch> batch = watch.Read();
      if (!batch.ok() || !batch->changes.empty()) return batch;
    }
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::optional<Client> client_;
};

// A writer whose writes have tokens makes each once, and the watcher, who is one
// stream all along, is told each once.
TEST_F(ClientWatchTest, TellsEachChangeOnceOverKillsOfTheNode) {
  constexpr int kKeys = 3;
  Random random(testing::TestSeed());
  const int rounds = testing::TestRounds(5);
  Start(NodeKind::kProcess);
  const auto watch =
      client_->Watch({.table = kTable, .heartbeat = absl::Milliseconds(100)});
  const auto begun = watch->Read();
  ASSERT_TRUE(begun.ok()) << begun.status();

  absl::Mutex mutex;
  bool stopped = false, failed = false;
  int64_t written = 0;
  Thread writer("writer", [&] {
    Client client = Connect(1000);
    for (int64_t n = 0;; ++n) {
      const auto put =
          client.PutItem({.table = kTable,
                          .item = {{"pk", absl::StrCat(n % kKeys)}, {"n", n}},
                          .token = absl::StrCat("write ", n)});
      EXPECT_TRUE(put.ok()) << put.status();
      absl::MutexLock lock(&mutex);
      written = n + 1;
      failed = !put.ok();
      if (failed || stopped) return;
    }
  });

  // False if there will never be so many.
  const auto await_written = [&](int64_t count) {
    const auto is_so = [&] { return failed || written >= count; };
    absl::MutexLock lock(&mutex, absl::Condition(&is_so));
    return !failed;
  };
  int64_t told = 0;
  std::map<std::string, int64_t> last;
  const auto read = [&] {
    const auto batch = watch->Read();
    ASSERT_TRUE(batch.ok()) << batch.status();
    for (const Change& change : batch->changes) {
      const std::string& pk = *change.key.at("pk").AsString();
      const int64_t before = last.contains(pk) ? last[pk] : -1;
      ASSERT_EQ(NumberOf(change.old_item), before) << pk;
      const int64_t now = NumberOf(change.new_item);
      ASSERT_EQ(now, before == -1 ? now % kKeys : before + kKeys) << pk;
      last[pk] = now;
      ++told;
    }
  };
  const auto read_until = [&](int64_t count) {
    if (!await_written(count)) return;
    while (told < count && !HasFatalFailure()) read();
  };
  for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
    read_until(told + static_cast<int64_t>(random.Between(1, 300)));
    cluster_->Kill();
    const absl::Status restarted = cluster_->Restart();
    EXPECT_TRUE(restarted.ok()) << restarted;
    if (!restarted.ok()) break;
    // Behind the node's back: the watch is opened again by the next read.
    if (!await_written(told + 20)) break;
  }
  if (!HasFatalFailure()) read_until(told + 100);
  {
    absl::MutexLock lock(&mutex);
    stopped = true;
  }
  writer.Join();
  if (HasFailure()) return;
  read_until(written);
  ASSERT_EQ(told, written);
  std::printf("%d kills under one watch, %d changes: none lost, none twice\n",
              rounds, static_cast<int>(told));
}

TEST_F(ClientWatchTest, BeginsBehindAWrite) {
  Start(NodeKind::kInProcess);
  Put("a", 1);
  const std::string position = Put("a", 2);
  Put("a", 3);
  WatchRequest request = {.table = kTable, .positions = {position}};
  const auto batch = NextChanges(*client_->Watch(request));
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ(batch->changes.size(), 1u);
  EXPECT_EQ(NumberOf(batch->changes[0].old_item), 2);
  EXPECT_EQ(NumberOf(batch->changes[0].new_item), 3);
  request.positions = {"forged"};
  EXPECT_EQ(model::ReasonOf(client_->Watch(request)->Read().status()),
            Reason::kValidation);
}

TEST_F(ClientWatchTest, TheEndOfItsStreamEndsItBeforeTheNextHeartbeat) {
  Start(NodeKind::kInProcess);
  const auto watch =
      client_->Watch({.table = kTable, .heartbeat = absl::Minutes(10)});
  ASSERT_TRUE(watch->Read().ok());
  Put("a", 1);
  ASSERT_TRUE(
      client_->UpdateTable({.table = kTable, .stream = StreamView::kNone})
          .ok());
  const auto batch = NextChanges(*watch);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(NumberOf(batch->changes[0].new_item), 1);
  EXPECT_EQ(model::ReasonOf(NextChanges(*watch).status()),
            Reason::kResourceNotFound);
}

TEST_F(ClientWatchTest, ANodeHasSeatsForSoMany) {
  Start(NodeKind::kInProcess, {"--stream-max-watches=2"});
  const auto metrics = [&] {
    testing::RawConnection admin(cluster_->admin_address());
    CHECK(admin.Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
    const auto answer = admin.Read();
    CHECK(answer.has_value());
    return answer->body;
  };
  // One attempt: more would wait for a seat.
  Client client = Connect(1);
  Put("a", 1);
  std::vector<std::unique_ptr<WatchStream>> watches;
  for (int i = 0; i < 2; ++i) {
    watches.push_back(client.Watch({.table = kTable}));
    ASSERT_TRUE(watches.back()->Read().ok());
  }
  EXPECT_EQ(model::ReasonOf(client.Watch({.table = kTable})->Read().status()),
            Reason::kLimitExceeded);
  EXPECT_THAT(metrics(), HasSubstr("\npallet_watches_open 2\n"));
  EXPECT_THAT(metrics(), HasSubstr("\npallet_watches_limit 2\n"));
  EXPECT_THAT(metrics(),
              HasSubstr("\npallet_stream_records{table=\"log\"} 1\n"));
  EXPECT_THAT(metrics(), HasSubstr("\npallet_expiry_items_total 0\n"));
  // The client that is patient has the seat of one that goes.
  const auto third = client_->Watch({.table = kTable});
  watches.pop_back();
  EXPECT_TRUE(third->Read().ok());
}

TEST_F(ClientWatchTest, StreamsAreListed) {
  Start(NodeKind::kInProcess);
  for (const char* name : {"more", "none"}) {
    const StreamView view =
        std::string(name) == "none" ? StreamView::kNone : StreamView::kKeysOnly;
    ASSERT_TRUE(client_
                    ->CreateTable({.table = name,
                                   .key = {.partition = {.name = "pk"}},
                                   .stream = view})
                    .ok());
  }
  const auto described = client_->DescribeTable({.table = kTable});
  ASSERT_TRUE(described.ok());
  const auto of_log = client_->ListStreams({.table = kTable});
  ASSERT_TRUE(of_log.ok()) << of_log.status();
  ASSERT_EQ(of_log->streams.size(), 1u);
  EXPECT_EQ(of_log->streams[0].arn, described->latest_stream_arn);
  EXPECT_EQ(of_log->streams[0].table, kTable);
  EXPECT_THAT(of_log->streams[0].arn, HasSubstr(of_log->streams[0].label));
  // Page by page all of them.
  std::vector<std::string> tables;
  ListStreamsRequest request = {.limit = 1};
  do {
    const auto page = client_->ListStreams(request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& stream : page->streams) tables.push_back(stream.table);
    request.start_stream_arn = page->last_stream_arn;
  } while (!request.start_stream_arn.empty());
  EXPECT_THAT(tables, ::testing::UnorderedElementsAre("log", "more"));
  EXPECT_EQ(model::ReasonOf(client_->ListStreams({.limit = 101}).status()),
            Reason::kValidation);
}

}  // namespace
}  // namespace pallet
