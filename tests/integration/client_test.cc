// SPDX-License-Identifier: Apache-2.0
//
// The C++ client against a whole node, over the shared stream and by unary
// calls: what the manual shows works, and errors keep their reasons.
#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "base/check.h"
#include "base/clock.h"
#include "client/session.h"
#include "model/errors.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using model::Reason;
using ::testing::ElementsAre;
using testing::MiniCluster;

constexpr char kTable[] = "places";

class ClientNodeTest : public ::testing::TestWithParam<bool> {
 protected:
  ClientNodeTest() {
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
    const auto table =
        client_->CreateTable({.table = kTable,
                              .key = {.partition = {.name = "country"},
                                      .sort = KeyAttribute{.name = "name"}}});
    CHECK(table.ok()) << table.status();
  }

  static Item Place(int i, size_t bytes) {
    return {{"country", i % 3 == 0 ? "DE" : "FR"},
            {"name", absl::StrFormat("place-%05d", i)},
            {"number", i},
            {"text", std::string(bytes, 'x')}};
  }

  void PutPlaces(int count, size_t bytes) {
    absl::BlockingCounter left(count);
    for (int i = 0; i < count; ++i) {
      client_->PutItemAsync({.table = kTable, .item = Place(i, bytes)},
                            [&](absl::StatusOr<PutItemResponse> response) {
                              EXPECT_TRUE(response.ok()) << response.status();
                              left.DecrementCount();
                            });
    }
    left.Wait();
  }

  // The numbers of the items, in the order they come.
  static std::vector<int64_t> NumbersOf(ItemRange range) {
    std::vector<int64_t> numbers;
    for (const absl::StatusOr<Item>& item : range) {
      EXPECT_TRUE(item.ok()) << item.status();
      if (item.ok())
        numbers.push_back(*item->at("number").AsNumber()->ToInt64());
    }
    return numbers;
  }

  static std::multiset<std::string> Lines(const std::string& path) {
    std::multiset<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.insert(line);
    return lines;
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::optional<Client> client_;
};

INSTANTIATE_TEST_SUITE_P(Transports, ClientNodeTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Unary" : "Pipeline";
                         });

TEST_P(ClientNodeTest, Example) {
  const Item key{{"country", "DE"}, {"name", "Berlin"}};
  const Item berlin = Item(key)
                          .Set("population", 3'769'000)
                          .Set("area", 891.7)
                          .Set("tags", StringSet{{"capital", "river"}})
                          .Set("mayors", List{"Kai", Item{{"since", 2023}}})
                          .Set("raw", Binary{std::string("\0\xff", 2)})
                          .Set("twinned", true)
                          .Set("nothing", nullptr);
  const auto first =
      client_->PutItem({.table = kTable, .item = berlin, .return_old = true});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->old_item, std::nullopt);

  const auto found =
      client_->GetItem({.table = kTable, .key = key, .consistent_read = true});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->item, berlin);

  const auto deleted =
      client_->DeleteItem({.table = kTable, .key = key, .return_old = true});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->old_item, berlin);
  EXPECT_EQ(client_->GetItem({.table = kTable, .key = key})->item,
            std::nullopt);
}

TEST_P(ClientNodeTest, GlobalIndexesComeAndGo) {
  const auto table = client_->CreateTable(
      {.table = "cities",
       .key = {.partition = {.name = "country"},
               .sort = KeyAttribute{.name = "name"}},
       .global_indexes = {{.name = "by-name", .partition = {{"name"}}}}});
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->global_indexes.size(), 1u);
  const auto changed = client_->UpdateTable(
      {.table = "cities",
       .create_indexes = {{.name = "by-zone",
                           .partition = {{"country"}, {"zone"}},
                           .sort = {{"people", ScalarType::kNumber}},
                           .projection = IndexProjection::kInclude,
                           .included = {"mayor"}},
                          {.name = "by-people",
                           .partition = {{"people", ScalarType::kNumber}},
                           .projection = IndexProjection::kKeysOnly}},
       .delete_indexes = {"by-name"}});
  ASSERT_TRUE(changed.ok()) << changed.status();
  const auto described = client_->DescribeTable({.table = "cities"});
  ASSERT_TRUE(described.ok()) << described.status();
  ASSERT_EQ(described->global_indexes.size(), 2u);
  const GlobalIndex& by_zone = described->global_indexes[0].index;
  EXPECT_EQ(by_zone.name, "by-zone");
  ASSERT_EQ(by_zone.partition.size(), 2u);
  EXPECT_EQ(by_zone.partition[1].name, "zone");
  ASSERT_EQ(by_zone.sort.size(), 1u);
  EXPECT_EQ(by_zone.sort[0].type, ScalarType::kNumber);
  EXPECT_EQ(by_zone.projection, IndexProjection::kInclude);
  EXPECT_THAT(by_zone.included, ElementsAre("mayor"));
  EXPECT_EQ(described->global_indexes[1].index.projection,
            IndexProjection::kKeysOnly);
  EXPECT_NE(described->global_indexes[1].state, IndexState::kUnknown);
}

TEST_P(ClientNodeTest, GlobalIndexesAreReadLikeTables) {
  const auto table = client_->CreateTable(
      {.table = "cities",
       .key = {.partition = {.name = "name"}},
       .global_indexes = {{.name = "by-number",
                           .partition = {{"country"}, {"zone"}},
                           .sort = {{"number", ScalarType::kNumber}}}}});
  ASSERT_TRUE(table.ok()) << table.status();
  for (const int number : {3, 1, 5, 2, 4}) {
    const auto put = client_->PutItem({.table = "cities",
                                       .item = {{"name", absl::StrCat(number)},
                                                {"country", "DE"},
                                                {"zone", "west"},
                                                {"number", number}}});
    ASSERT_TRUE(put.ok()) << put.status();
  }
  QueryRequest query = {.table = "cities",
                        .index = "by-number",
                        .key_condition = "country = :c AND #z = :z",
                        .names = {{"#z", "zone"}},
                        .values = {{":c", "DE"}, {":z", "west"}},
                        .limit = 2};
  // The index follows its table; nothing changes once it has all of them.
  const absl::Time deadline = Clock::Real()->Now() + absl::Seconds(60);
  while (NumbersOf(client_->QueryItems(query)).size() < 5) {
    ASSERT_LT(Clock::Real()->Now(), deadline);
  }
  EXPECT_THAT(NumbersOf(client_->QueryItems(query)),
              ElementsAre(1, 2, 3, 4, 5));
  query.forward = false;
  EXPECT_THAT(NumbersOf(client_->QueryItems(query)),
              ElementsAre(5, 4, 3, 2, 1));
  query.limit.reset();
  EXPECT_THAT(NumbersOf(client_->StreamQuery(query)),
              ElementsAre(5, 4, 3, 2, 1));
  query.key_condition += " AND #n > :n";
  query.names["#n"] = "number";
  query.values.Set(":n", 3);
  EXPECT_THAT(NumbersOf(client_->QueryItems(query)), ElementsAre(5, 4));
  EXPECT_EQ(
      NumbersOf(client_->ScanItems({.table = "cities", .index = "by-number"}))
          .size(),
      5u);
  query.consistent_read = true;
  EXPECT_EQ(client_->Query(query).status().message(),
            "Consistent reads are not supported on global secondary indexes");
  const std::string command = absl::StrCat(
      PALLET_TOOL, " --address ", cluster_->grpc_address(),
      GetParam() ? " --unary " : " ",
      "query cities 'country = :c AND #z = :z' --index by-number --names ",
      R"('{"#z":"zone"}' --values '{":c":"DE",":z":"west"}' --projection country)",
      " > ", directory_.path(), "/names.json 2>/dev/null");
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  EXPECT_EQ(Lines(directory_.path() + "/names.json").size(), 5u);
}

TEST_P(ClientNodeTest, ASessionSeesItsOwnWritesInIndexes) {
  const auto table = client_->CreateTable(
      {.table = "orders",
       .key = {.partition = {.name = "id"}},
       .global_indexes = {{.name = "by-who", .partition = {{"who"}}}}});
  ASSERT_TRUE(table.ok()) << table.status();
  Session session(*client_);
  const auto count = [](Client& client, const std::string& who) {
    const auto page = client.Query({.table = "orders",
                                    .index = "by-who",
                                    .key_condition = "who = :w",
                                    .values = {{":w", who}}});
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->count : -1;
  };
  for (int i = 0; i < 100; ++i) {
    const std::string id = absl::StrCat(i);
    ASSERT_TRUE(
        session->PutItem({.table = "orders", .item = {{"id", id}, {"who", id}}})
            .ok());
    ASSERT_EQ(count(*session, id), 1) << i;
  }
  ASSERT_TRUE(session
                  ->UpdateItem({.table = table->arn,
                                .key = {{"id", "1"}},
                                .update = "SET who = :w",
                                .values = {{":w", "ann"}}})
                  .ok());
  ASSERT_TRUE(
      session->DeleteItem({.table = "orders", .key = {{"id", "2"}}}).ok());
  EXPECT_EQ(count(*session, "ann"), 1);
  EXPECT_EQ(count(*session, "1"), 0);
  EXPECT_EQ(count(*session, "2"), 0);

  BatchWriteRequest batch;
  for (int i = 0; i < 20; ++i) {
    batch.tables["orders"].puts.push_back(
        {{"id", absl::StrCat("batch", i)}, {"who", "bob"}});
  }
  batch.tables[kTable].puts.push_back(Place(0, 10));
  ASSERT_TRUE(session->BatchWrite(batch).ok());
  Session other(*client_);
  ASSERT_TRUE(other.Join(session.Token()).ok());
  EXPECT_EQ(count(*other, "bob"), 20);
  int streamed = 0;
  for (const auto& item :
       session->StreamScan({.table = "orders", .index = "by-who"})) {
    ASSERT_TRUE(item.ok()) << item.status();
    ++streamed;
  }
  EXPECT_EQ(streamed, 119);
}

TEST_P(ClientNodeTest, LocalIndexesOrderItemsAnew) {
  const auto table = client_->CreateTable(
      {.table = "cities",
       .key = {.partition = {.name = "country"},
               .sort = KeyAttribute{.name = "name"}},
       .local_indexes = {{.name = "by-number",
                          .sort = {"number", ScalarType::kNumber},
                          .projection = LocalIndex::Projection::kKeysOnly}},
       .tags = {{"team", "maps"}}});
  ASSERT_TRUE(table.ok()) << table.status();
  for (const int number : {3, 1, 2}) {
    ASSERT_TRUE(client_
                    ->PutItem({.table = "cities",
                               .item = {{"country", "DE"},
                                        {"name", absl::StrCat("n", -number)},
                                        {"number", number}}})
                    .ok());
  }
  const QueryRequest query{.table = "cities",
                           .index = "by-number",
                           .key_condition = "country = :c",
                           .values = {{":c", "DE"}},
                           .consistent_read = true,
                           .limit = 1};
  EXPECT_THAT(NumbersOf(client_->QueryItems(query)), ElementsAre(1, 2, 3));
  const auto described = client_->DescribeTable({.table = "cities"});
  ASSERT_TRUE(described.ok()) << described.status();
  ASSERT_EQ(described->local_indexes.size(), 1u);
  EXPECT_EQ(described->local_indexes[0].index.sort.type, ScalarType::kNumber);
  EXPECT_EQ(described->local_indexes[0].item_count, 3);
  ASSERT_TRUE(
      client_->Tag({.table_arn = described->arn, .tags = {{"x", "y"}}}).ok());
  ASSERT_TRUE(
      client_->Untag({.table_arn = described->arn, .keys = {"team"}}).ok());
  const auto tags = client_->ListTags({.table_arn = described->arn});
  ASSERT_TRUE(tags.ok()) << tags.status();
  EXPECT_EQ(tags->tags, (Tags{{"x", "y"}}));
}

TEST_P(ClientNodeTest, UpdatesAndConditions) {
  const Item key{{"country", "DE"}, {"name", "Ulm"}};
  UpdateItemRequest count{.table = kTable,
                          .key = key,
                          .update = "ADD visits :one",
                          .returned = ReturnedItem::kUpdatedNew,
                          .values = {{":one", 1}}};
  ASSERT_TRUE(client_->UpdateItem(count).ok());
  const auto second = client_->UpdateItem(count);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->item, (Item{{"visits", 2}}));

  count.condition = "visits < :one";
  count.return_item_on_failure = true;
  const auto third = client_->UpdateItem(count);
  EXPECT_EQ(model::ReasonOf(third.status()),
            model::Reason::kConditionalCheckFailed);
  EXPECT_EQ(FailedItem(third.status()), Item(key).Set("visits", 2));

  const auto page = client_->Scan({.table = kTable,
                                   .filter = "visits = :two",
                                   .projection = "visits",
                                   .values = {{":two", 2}}});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->items, (std::vector<Item>{{{"visits", 2}}}));
  EXPECT_EQ(page->count, 1);
}

TEST_P(ClientNodeTest, RangesReadAllPagesInOrder) {
  // 1,000 items of 3 KB each are more than two pages of 1 MB.
  PutPlaces(1500, 3000);
  QueryRequest query{.table = kTable,
                     .key_condition = "country = :c",
                     .values = {{":c", "FR"}}};
  const std::vector<int64_t> all = NumbersOf(client_->QueryItems(query));
  EXPECT_EQ(all.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(NumbersOf(client_->StreamQuery(query)), all);

  query.forward = false;
  std::vector<int64_t> back = NumbersOf(client_->QueryItems(query));
  std::reverse(back.begin(), back.end());
  EXPECT_EQ(back, all);

  QueryRequest prefix{.table = kTable,
                      .key_condition = "country = :c AND begins_with(#n, :p)",
                      .names = {{"#n", "name"}},
                      .values = {{":c", "DE"}, {":p", "place-0000"}}};
  EXPECT_THAT(NumbersOf(client_->QueryItems(prefix)), ElementsAre(0, 3, 6, 9));
  prefix.limit = 1;
  EXPECT_THAT(NumbersOf(client_->QueryItems(prefix)), ElementsAre(0, 3, 6, 9));
  const auto page = client_->Query(prefix);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->last_key, (Item{{"country", "DE"}, {"name", "place-00000"}}));
}

TEST_P(ClientNodeTest, SegmentsOfAScanAreTheWholeTable) {
  PutPlaces(900, 2000);
  std::multiset<int64_t> seen;
  for (int segment = 0; segment < 3; ++segment) {
    const ScanRequest scan{
        .table = kTable, .total_segments = 3, .segment = segment};
    const std::vector<int64_t> pages = NumbersOf(client_->ScanItems(scan));
    EXPECT_EQ(NumbersOf(client_->StreamScan(scan)), pages);
    seen.insert(pages.begin(), pages.end());
  }
  EXPECT_EQ(seen.size(), 900u);
  EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.end()).size(), 900u);

  const auto count = client_->Scan({.table = kTable, .count_only = true});
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_TRUE(count->items.empty());
  EXPECT_GT(count->count, 0);
}

TEST_P(ClientNodeTest, BatchesWriteReadAndDelete) {
  BatchWriteRequest write;
  BatchGetRequest read;
  BatchWriteRequest erase;
  for (int i = 0; i < 25; ++i) {
    const Item item = Place(i, 10);
    const Item key{{"country", item.at("country")}, {"name", item.at("name")}};
    write.tables[kTable].puts.push_back(item);
    read.tables[kTable].keys.push_back(key);
    erase.tables[kTable].deletes.push_back(key);
  }
  const auto written = client_->BatchWrite(write);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_TRUE(written->unprocessed.empty());
  const auto found = client_->BatchGet(read);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->items.at(kTable).size(), 25u);
  ASSERT_TRUE(client_->BatchWrite(erase).ok());
  EXPECT_TRUE(client_->BatchGet(read)->items[kTable].empty());
}

TEST_P(ClientNodeTest, ErrorsKeepTheirReasons) {
  const auto reason = [](const absl::Status& status) {
    return status.ok() ? Reason::kInternal : model::ReasonOf(status);
  };
  EXPECT_EQ(
      reason(
          client_->GetItem({.table = "nowhere", .key = {{"k", 1}}}).status()),
      Reason::kResourceNotFound);
  EXPECT_EQ(
      reason(client_->GetItem({.table = kTable, .key = {{"k", 1}}}).status()),
      Reason::kValidation);
  EXPECT_EQ(reason(client_
                       ->PutItem({.table = kTable,
                                  .item = {{"country", "DE"},
                                           {"name", "x"},
                                           {"set", StringSet{}}}})
                       .status()),
            Reason::kValidation);
  EXPECT_EQ(reason(client_->DescribeTable({.table = "nowhere"}).status()),
            Reason::kResourceNotFound);
  EXPECT_EQ(reason(client_
                       ->CreateTable({.table = kTable,
                                      .key = {.partition = {.name = "k"}}})
                       .status()),
            Reason::kTableAlreadyExists);
}

TEST_P(ClientNodeTest, TablesComeAndGo) {
  const auto table = client_->DescribeTable({.table = kTable});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->state, TableState::kActive);
  EXPECT_EQ(table->key.sort->name, "name");

  ASSERT_TRUE(
      client_->UpdateTable({.table = kTable, .deletion_protection = true})
          .ok());
  EXPECT_FALSE(client_->DeleteTable({.table = kTable}).ok());
  ASSERT_TRUE(
      client_->UpdateTable({.table = kTable, .deletion_protection = false})
          .ok());
  ASSERT_TRUE(client_->DeleteTable({.table = kTable}).ok());
  EXPECT_THAT(client_->ListTables({})->tables, ElementsAre());
}

TEST_P(ClientNodeTest, AnItemOfTheLargestSizePasses) {
  Item item = Place(1, 409'600 - 100);
  ASSERT_TRUE(client_->PutItem({.table = kTable, .item = item}).ok());
  const auto found = client_->GetItem(
      {.table = kTable,
       .key = {{"country", item.at("country")}, {"name", item.at("name")}}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->item, item);
}

TEST_P(ClientNodeTest, ItemsExpire) {
  ASSERT_TRUE(
      client_->UpdateTimeToLive({.table = kTable, .attribute = "number"}).ok());
  const auto again =
      client_->UpdateTimeToLive({.table = kTable, .attribute = "number"});
  EXPECT_EQ(model::ReasonOf(again.status()), model::Reason::kValidation);
  const int64_t now = absl::ToUnixSeconds(Clock::Real()->Now());
  const auto put = [&](const char* name, int64_t when) {
    return client_
        ->PutItem(
            {.table = kTable,
             .item = {{"country", "DE"}, {"name", name}, {"number", when}}})
        .ok();
  };
  ASSERT_TRUE(put("old", now) && put("new", now + 3600));
  const absl::Duration end = Clock::Real()->Monotonic() + absl::Seconds(30);
  size_t left = 2;
  while (left > 1 && Clock::Real()->Monotonic() < end) {
    const auto page = client_->Scan({.table = kTable});
    ASSERT_TRUE(page.ok()) << page.status();
    left = page->items.size();
  }
  EXPECT_EQ(left, 1u);
  const auto described = client_->DescribeTimeToLive({.table = kTable});
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_EQ(described->attribute, "number");
  EXPECT_NE(described->state, TimeToLiveState::kDisabled);
  ASSERT_TRUE(
      client_
          ->UpdateTimeToLive(
              {.table = kTable, .enabled = false, .attribute = "number"})
          .ok());
  EXPECT_EQ(client_->DescribeTimeToLive({.table = kTable})->state,
            TimeToLiveState::kDisabled);
}

// The tool, from a table to its export.
TEST_P(ClientNodeTest, TheToolLoadsAndExports) {
  const std::string dir = directory_.path();
  const std::string pallet =
      absl::StrCat(PALLET_TOOL, " --address ", cluster_->grpc_address(),
                   GetParam() ? " --unary " : " ");
  std::ofstream(dir + "/in.csv")
      << "country,name,number\nDE,Berlin,1\nDE,\"Köln, am Rhein\",2\n";
  const std::string commands[] = {
      absl::StrCat(pallet, "load places ", dir, "/in.csv --numbers number"),
      absl::StrCat(pallet, "export places ", dir, "/out.jsonl"),
      absl::StrCat(pallet, "get places --key ",
                   R"('{"country":"DE","name":"Berlin"}')", " > ", dir,
                   "/got.json"),
      absl::StrCat(pallet, "update places 'SET #n = #n + :n' --key ",
                   R"('{"country":"DE","name":"Berlin"}' --values '{":n":5}')",
                   R"( --names '{"#n":"number"}')",
                   " --if '#n < :n' --return updated-new > ", dir,
                   "/updated.json"),
      absl::StrCat(pallet, "delete places --key ",
                   R"('{"country":"DE","name":"Berlin"}')"),
      absl::StrCat(pallet, "tables describe places > /dev/null")};
  for (const std::string& command : commands) {
    EXPECT_EQ(std::system((command + " 2>/dev/null").c_str()), 0) << command;
  }
  EXPECT_EQ(Lines(dir + "/got.json"),
            (std::multiset<std::string>{
                R"({"country":"DE","name":"Berlin","number":1})"}));
  EXPECT_EQ(Lines(dir + "/updated.json"),
            (std::multiset<std::string>{R"({"number":6})"}));
  EXPECT_EQ(Lines(dir + "/out.jsonl"),
            (std::multiset<std::string>{
                R"({"country":"DE","name":"Berlin","number":1})",
                R"({"country":"DE","name":"Köln, am Rhein","number":2})"}));
}

}  // namespace
}  // namespace pallet
