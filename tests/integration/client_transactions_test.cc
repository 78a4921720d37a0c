// SPDX-License-Identifier: Apache-2.0
//
// Transactions and request tokens of the C++ client against a whole node, over
// the shared stream and by unary calls, and over a restart of the node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/thread.h"
#include "client/client.h"
#include "model/errors.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using model::Reason;
using testing::MiniCluster;
using Transaction = TransactWriteRequest;

constexpr char kTable[] = "accounts";

class ClientTransactionsTest : public ::testing::TestWithParam<bool> {
 protected:
  ClientTransactionsTest() {
    Start();
    CHECK(client_
              ->CreateTable(
                  {.table = kTable, .key = {.partition = {.name = "id"}}})
              .ok());
  }
  void Start() {
    client_.reset();
    cluster_.reset();
    auto cluster =
        MiniCluster::Start({.data_dir = directory_.path(), .flags = {}});
    CHECK(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    absl::StatusOr<Client> client =
        Client::Connect({.address = cluster_->grpc_address(),
                         .timeout = absl::Seconds(60),
                         .unary_calls = GetParam()});
    CHECK(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }
  void Set(const std::string& id, int balance) {
    CHECK(client_
              ->PutItem(
                  {.table = kTable, .item = {{"id", id}, {"balance", balance}}})
              .ok());
  }
  static Transaction Move(const std::string& from, const std::string& to,
                          int amount) {
    return {
        .actions = {Transaction::Update{.table = kTable,
                                        .key = {{"id", from}},
                                        .update = "SET balance = balance - :x",
                                        .condition = "balance >= :x",
                                        .values = {{":x", amount}},
                                        .return_item_on_failure = true},
                    Transaction::Update{.table = kTable,
                                        .key = {{"id", to}},
                                        .update = "SET balance = balance + :x",
                                        .values = {{":x", amount}}}}};
  }
  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::optional<Client> client_;
};

INSTANTIATE_TEST_SUITE_P(Calls, ClientTransactionsTest, ::testing::Bool());

TEST_P(ClientTransactionsTest, AllKindsOfActions) {
  Set("a", 1);
  Set("b", 2);
  const auto written = client_->TransactWrite(
      {.actions = {Transaction::Put{.table = kTable, .item = {{"id", "c"}}},
                   Transaction::Delete{.table = kTable, .key = {{"id", "a"}}},
                   Transaction::Update{.table = kTable,
                                       .key = {{"id", "d"}},
                                       .update = "SET v = :v",
                                       .values = {{":v", 7}}},
                   Transaction::Check{.table = kTable,
                                      .key = {{"id", "b"}},
                                      .condition = "#b = :two",
                                      .names = {{"#b", "balance"}},
                                      .values = {{":two", 2}}}}});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_FALSE(written->positions.empty());
  const auto read = client_->TransactGet(
      {.gets = {{.table = kTable, .key = {{"id", "a"}}},
                {.table = kTable, .key = {{"id", "d"}}, .projection = "v"},
                {.table = kTable, .key = {{"id", "c"}}}}});
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->items.size(), 3u);
  EXPECT_EQ(read->items[0], std::nullopt);
  EXPECT_EQ(read->items[1], (Item{{"v", 7}}));
  EXPECT_EQ(read->items[2], (Item{{"id", "c"}}));
}

TEST_P(ClientTransactionsTest, ReasonsComeBackWithTheirItems) {
  Set("a", 1);
  Set("b", 2);
  const auto moved = client_->TransactWrite(Move("a", "b", 5));
  ASSERT_FALSE(moved.ok());
  EXPECT_EQ(model::ReasonOf(moved.status()), Reason::kTransactionCanceled);
  EXPECT_EQ(moved.status().code(), absl::StatusCode::kFailedPrecondition);
  const auto reasons = CancellationReasons(moved.status());
  ASSERT_EQ(reasons.size(), 2u);
  EXPECT_EQ(reasons[0].code, "ConditionalCheckFailed");
  EXPECT_EQ(reasons[0].item, (Item{{"id", "a"}, {"balance", 1}}));
  EXPECT_EQ(reasons[1].code, "None");
  EXPECT_EQ(reasons[1].item, std::nullopt);
}

TEST_P(ClientTransactionsTest, TokensAreKnownBehindARestart) {
  Set("a", 10);
  Set("b", 0);
  Transaction move = Move("a", "b", 3);
  move.token = "the move";
  UpdateItemRequest count = {.table = kTable,
                             .key = {{"id", "count"}},
                             .update = "ADD n :one",
                             .returned = ReturnedItem::kUpdatedNew,
                             .values = {{":one", 1}},
                             .token = "the count"};
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      const auto moved = client_->TransactWrite(move);
      ASSERT_TRUE(moved.ok()) << moved.status();
      const auto counted = client_->UpdateItem(count);
      ASSERT_TRUE(counted.ok()) << counted.status();
      EXPECT_EQ(counted->item, (Item{{"n", 1}}));
    }
    Start();
  }
  const auto read =
      client_->TransactGet({.gets = {{.table = kTable, .key = {{"id", "a"}}},
                                     {.table = kTable, .key = {{"id", "b"}}}}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->items[0], (Item{{"id", "a"}, {"balance", 7}}));
  EXPECT_EQ(read->items[1], (Item{{"id", "b"}, {"balance", 3}}));
}

TEST_P(ClientTransactionsTest, ConflictsAreTriedAgainAndNothingIsLost) {
  constexpr int kAccounts = 4, kThreads = 4, kMoves = 15;
  for (int i = 0; i < kAccounts; ++i) Set(absl::StrCat(i), 100);
  std::atomic<int> done = 0;
  {
    std::vector<Thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back("move", [&, thread] {
        for (int i = 0; i < kMoves; ++i) {
          const int from = (thread + i) % kAccounts;
          const auto moved = client_->TransactWrite(
              Move(absl::StrCat(from),
                   absl::StrCat((from + 1 + i % 3) % kAccounts), 1));
          // What is left to say after eight tries.
          if (!moved.ok()) {
            EXPECT_EQ(moved.status().code(), absl::StatusCode::kAborted)
                << moved.status();
            continue;
          }
          ++done;
        }
      });
    }
  }
  EXPECT_GT(done, 0);
  TransactGetRequest all;
  for (int i = 0; i < kAccounts; ++i) {
    all.gets.push_back({.table = kTable, .key = {{"id", absl::StrCat(i)}}});
  }
  const auto read = client_->TransactGet(all);
  ASSERT_TRUE(read.ok()) << read.status();
  int64_t sum = 0;
  for (const auto& item : read->items) {
    sum += std::stoll(item->at("balance").AsNumber()->text());
  }
  EXPECT_EQ(sum, kAccounts * 100);
}

}  // namespace
}  // namespace pallet
