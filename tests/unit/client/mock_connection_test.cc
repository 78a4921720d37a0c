// SPDX-License-Identifier: Apache-2.0
#include "client/mock_connection.h"

#include <gtest/gtest.h>

#include "client/client.h"
#include "model/errors.h"

namespace pallet {
namespace {

// Answers pages of two items of the keys 0..count-1.
std::shared_ptr<MockConnection> TableOf(int count) {
  auto mock = std::make_shared<MockConnection>();
  mock->On<QueryRequest>(
      [count](const QueryRequest& request) -> absl::StatusOr<QueryResponse> {
        int next = 0;
        if (const Value* key = request.start_key.Find("k")) {
          next = static_cast<int>(*key->AsNumber()->ToInt64()) + 1;
        }
        QueryResponse page;
        for (int i = next; i < count && i < next + 2; ++i) {
          page.items.push_back({{"k", i}});
        }
        if (next + 2 < count) page.last_key = page.items.back();
        return page;
      });
  return mock;
}

TEST(MockConnectionTest, Example) {
  auto mock = std::make_shared<MockConnection>();
  mock->On<GetItemRequest>(
      [](const GetItemRequest& request) -> absl::StatusOr<GetItemResponse> {
        return GetItemResponse{.item = request.key};
      });
  Client client(mock);
  const auto response = client.GetItem({.table = "t", .key = {{"k", 1}}});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->item, (Item{{"k", 1}}));
  EXPECT_EQ(mock->Calls<GetItemRequest>(), 1u);
}

TEST(MockConnectionTest, AnswersUpdates) {
  auto mock = std::make_shared<MockConnection>();
  mock->On<UpdateItemRequest>([](const UpdateItemRequest& request)
                                  -> absl::StatusOr<UpdateItemResponse> {
    if (request.condition == "no") {
      return model::MakeError(model::Reason::kConditionalCheckFailed, "no");
    }
    return UpdateItemResponse{.item = request.values};
  });
  Client client(mock);
  const auto response = client.UpdateItem(
      {.table = "t", .key = {{"k", 1}}, .values = {{":v", 1}}});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->item, (Item{{":v", 1}}));
  EXPECT_EQ(model::ReasonOf(client.UpdateItem({.condition = "no"}).status()),
            model::Reason::kConditionalCheckFailed);
}

TEST(MockConnectionTest, WhatItWasNotToldFailsByName) {
  Client client(std::make_shared<MockConnection>());
  const absl::Status status = client.DeleteTable({.table = "t"}).status();
  EXPECT_EQ(model::ReasonOf(status), model::Reason::kNotBuilt);
  EXPECT_EQ(status.message(), "the mock has no DeleteTable");
}

TEST(MockConnectionTest, AsyncCallsBack) {
  Client client(TableOf(1));
  int items = 0;
  client.QueryAsync({.table = "t"}, [&](absl::StatusOr<QueryResponse> page) {
    items = static_cast<int>(page->items.size());
  });
  EXPECT_EQ(items, 1);
}

TEST(ItemRangeTest, ReadsAllPages) {
  for (const int count : {0, 1, 2, 3, 4, 5}) {
    auto mock = TableOf(count);
    Client client(mock);
    int next = 0;
    for (const auto& item : client.QueryItems({.table = "t"})) {
      ASSERT_TRUE(item.ok()) << item.status();
      EXPECT_EQ(item->at("k"), Value(next++));
    }
    EXPECT_EQ(next, count);
    for (const auto& item : client.StreamQuery({.table = "t"})) {
      ASSERT_TRUE(item.ok()) << item.status();
      --next;
    }
    EXPECT_EQ(next, 0);
  }
}

TEST(ItemRangeTest, EmptyPagesAreNotTheEnd) {
  auto mock = std::make_shared<MockConnection>();
  int calls = 0;
  mock->On<ScanRequest>(
      [&calls](const ScanRequest&) -> absl::StatusOr<ScanResponse> {
        ScanResponse page;
        if (++calls < 3) page.last_key = {{"k", calls}};
        if (calls == 3) page.items.push_back({{"k", 7}});
        return page;
      });
  Client client(mock);
  int items = 0;
  for (const auto& item : client.ScanItems({.table = "t"})) {
    items += item.ok();
  }
  EXPECT_EQ(items, 1);
  EXPECT_EQ(calls, 3);
}

TEST(ItemRangeTest, AnErrorIsTheLastElement) {
  auto mock = std::make_shared<MockConnection>();
  int calls = 0;
  mock->On<ScanRequest>(
      [&calls](const ScanRequest&) -> absl::StatusOr<ScanResponse> {
        if (++calls == 2) return model::ValidationError("no");
        return ScanResponse{.items = {Item{{"k", 1}}}, .last_key = {{"k", 1}}};
      });
  Client client(mock);
  std::vector<bool> ok;
  for (const auto& item : client.ScanItems({.table = "t"})) {
    ok.push_back(item.ok());
  }
  EXPECT_EQ(ok, (std::vector<bool>{true, false}));
}

TEST(ItemRangeTest, OutlivesItsClient) {
  auto range = std::make_unique<ItemRange>(
      Client(TableOf(3)).QueryItems({.table = "t"}));
  int count = 0;
  for (const auto& item : *range) count += item.ok();
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace pallet
