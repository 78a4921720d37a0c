// SPDX-License-Identifier: Apache-2.0
//
// PartiQL of the C++ client against a whole node, over the shared stream and by
// unary calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "client/client.h"
#include "model/errors.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using model::Reason;
using testing::MiniCluster;

class ClientStatementsTest : public ::testing::TestWithParam<bool> {
 protected:
  ClientStatementsTest() {
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
    CHECK(client_
              ->CreateTable(
                  {.table = "things",
                   .key = {.partition = {.name = "pk"},
                           .sort = KeyAttribute{.name = "sk",
                                                .type = ScalarType::kNumber}}})
              .ok());
  }
  absl::StatusOr<ExecuteStatementResponse> Run(
      const std::string& statement, std::vector<Value> parameters = {}) {
    return client_->ExecuteStatement(
        {.statement = statement, .parameters = std::move(parameters)});
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::optional<Client> client_;
};

TEST_P(ClientStatementsTest, StatementsGoThereAndBack) {
  const Item item{{"pk", "a"},
                  {"sk", 1},
                  {"l", List{1, "x", nullptr}},
                  {"s", StringSet{{"p", "q"}}},
                  {"b", Binary{std::string("\0\xff", 2)}}};
  ASSERT_TRUE(Run("INSERT INTO things VALUE ?", {item}).ok());
  const auto twice = Run("INSERT INTO things VALUE ?", {item});
  EXPECT_EQ(model::ReasonOf(twice.status()), Reason::kDuplicateItem);
  const auto found =
      Run("SELECT * FROM things WHERE pk = ? AND sk = ?", {"a", 1});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->items, std::vector<Item>{item});

  ExecuteStatementRequest update = {
      .statement =
          "UPDATE things SET n = 1 WHERE pk = 'a' AND sk = 1 AND n = 5",
      .return_item_on_failure = true};
  const auto failed = client_->ExecuteStatement(update);
  EXPECT_EQ(model::ReasonOf(failed.status()), Reason::kConditionalCheckFailed);
  EXPECT_EQ(FailedItem(failed.status()), item);
  EXPECT_EQ(model::ReasonOf(Run("SELECT").status()), Reason::kValidation);
}

TEST_P(ClientStatementsTest, PagesFollowEachOther) {
  for (int sk = 0; sk < 7; ++sk) {
    ASSERT_TRUE(
        Run("INSERT INTO things VALUE {'pk': 'a', 'sk': ?}", {sk}).ok());
  }
  ExecuteStatementRequest select = {
      .statement = "SELECT sk FROM things WHERE pk = ? ORDER BY sk DESC",
      .parameters = {"a"},
      .consistent_read = true,
      .limit = 3};
  std::vector<size_t> sizes;
  std::vector<Item> items;
  do {
    const auto page = client_->ExecuteStatement(select);
    ASSERT_TRUE(page.ok()) << page.status();
    sizes.push_back(page->items.size());
    items.insert(items.end(), page->items.begin(), page->items.end());
    select.page_token = page->next_page_token;
  } while (!select.page_token.empty());
  EXPECT_THAT(sizes, ::testing::ElementsAre(3, 3, 1));
  EXPECT_EQ(items.front(), (Item{{"sk", 6}}));
  EXPECT_EQ(items.back(), (Item{{"sk", 0}}));
}

TEST_P(ClientStatementsTest, BatchesAndTransactions) {
  const auto batch = client_->BatchExecute(
      {.statements = {
           {.statement = "INSERT INTO things VALUE {'pk': 'a', 'sk': ?}",
            .parameters = {1}},
           {.statement = "INSERT INTO things VALUE {'pk': 'b', 'sk': 1}"},
           {.statement =
                "UPDATE things SET n = 1 WHERE pk = 'x' AND sk = 1"}}});
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ(batch->results.size(), 3u);
  EXPECT_EQ(batch->results[1].error_code, "");
  EXPECT_EQ(batch->results[2].error_code, "ConditionalCheckFailed");
  EXPECT_EQ(batch->results[2].error_message, "The conditional request failed");

  const auto cancelled = client_->ExecuteTransaction(
      {.statements = {
           {.statement = "DELETE FROM things WHERE pk = 'a' AND sk = 1"},
           {.statement = "INSERT INTO things VALUE {'pk': 'b', 'sk': 1}"}}});
  const auto reasons = CancellationReasons(cancelled.status());
  ASSERT_EQ(reasons.size(), 2u) << cancelled.status();
  EXPECT_EQ(reasons[0].code, "None");
  EXPECT_EQ(reasons[1].code, "DuplicateItem");

  const ExecuteTransactionRequest count = {
      .statements = {{.statement =
                          "UPDATE things SET n = sk + ? WHERE pk = 'a' "
                          "AND sk = 1 AND n IS MISSING",
                      .parameters = {4}}},
      .token = "once"};
  for (int i = 0; i < 2; ++i) {
    const auto counted = client_->ExecuteTransaction(count);
    EXPECT_TRUE(counted.ok()) << counted.status();
  }
  const auto read = client_->ExecuteTransaction(
      {.statements = {
           {.statement = "SELECT n FROM things WHERE pk = 'a' AND sk = 1"},
           {.statement = "SELECT * FROM things WHERE pk = 'c' AND sk = 1"}}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->items,
            (std::vector<std::optional<Item>>{Item{{"n", 5}}, std::nullopt}));
}

INSTANTIATE_TEST_SUITE_P(BothWays, ClientStatementsTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "UnaryCalls" : "SharedStream";
                         });

}  // namespace
}  // namespace pallet
