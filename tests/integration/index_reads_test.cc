// SPDX-License-Identifier: Apache-2.0
//
// Reads of global indexes on a whole node, through both doors: items are put,
// propagation brings them to the indexes, and what is read and what is refused
// is the same in gRPC and in DynamoDB's JSON.
//
// The table has p S and s N, and these indexes:
//   all   g S; all attributes
//   wide  g S, h N, then x S, s N; with y
//   keys  g S, then h N; keys only
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/clock.h"
#include "base/random.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/testing/doors.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using testing::Answer;
using testing::Doors;
using testing::kOfGrpc;
using testing::kOfJson;
using testing::kTable;
using testing::MiniCluster;

constexpr char kItems[] = "ItemService";
constexpr int kItemCount = 120;
constexpr absl::Duration kPatience = absl::Seconds(60);

template <typename To>
void AddKey(const char* name, bool hash, To* to) {
  auto* element = to->add_key_schema();
  element->set_attribute_name(name);
  element->set_key_type(hash ? v1::KEY_TYPE_HASH : v1::KEY_TYPE_RANGE);
}

v1::CreateTableRequest Table(const char* name) {
  v1::CreateTableRequest request;
  request.set_table_name(name);
  request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
  for (const char* attribute : {"p", "s", "g", "h", "x"}) {
    auto* definition = request.add_attribute_definitions();
    definition->set_attribute_name(attribute);
    definition->set_attribute_type(*attribute == 's' || *attribute == 'h'
                                       ? v1::SCALAR_ATTRIBUTE_TYPE_N
                                       : v1::SCALAR_ATTRIBUTE_TYPE_S);
  }
  AddKey("p", true, &request);
  AddKey("s", false, &request);
  const auto add = [&](const char* index, v1::ProjectionType projection) {
    auto* added = request.add_global_secondary_indexes();
    added->set_index_name(index);
    added->mutable_projection()->set_projection_type(projection);
    return added;
  };
  AddKey("g", true, add("all", v1::PROJECTION_TYPE_ALL));
  auto* wide = add("wide", v1::PROJECTION_TYPE_INCLUDE);
  wide->mutable_projection()->add_non_key_attributes("y");
  AddKey("g", true, wide);
  AddKey("h", true, wide);
  AddKey("x", false, wide);
  AddKey("s", false, wide);
  auto* keys = add("keys", v1::PROJECTION_TYPE_KEYS_ONLY);
  AddKey("g", true, keys);
  AddKey("h", false, keys);
  return request;
}

class IndexReadsTest : public ::testing::Test {
 protected:
  IndexReadsTest() : random_(testing::TestSeed()) {
    auto cluster = MiniCluster::Start(
        {.data_dir = directory_.path(), .flags = {"--store-map-size=4GiB"}});
    CHECK(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    doors_ = std::make_unique<Doors>(cluster_.get());
    v1::CreateTableResponse created;
    for (const char* name : {kOfGrpc, kOfJson}) {
      const Answer answer =
          doors_->AskJson("CreateTable", Table(name), &created);
      CHECK(answer.exception.empty()) << answer.text;
    }
  }

  // Random items, some of them in no index, and all entries there.
  void Fill() {
    std::set<std::pair<std::string, std::string>> keys;
    for (int i = 0; i < kItemCount; ++i) {
      v1::PutItemRequest request;
      request.set_table_name(kTable);
      auto& item = *request.mutable_item()->mutable_attributes();
      item["p"].set_s(absl::StrCat("p", Below(30)));
      item["s"].set_n(absl::StrCat(Below(10)));
      if (!keys.emplace(item["p"].s(), item["s"].n()).second) continue;
      if (!OneIn(9)) item["g"].set_s(absl::StrCat("g", Below(3)));
      if (!OneIn(9)) item["h"].set_n(absl::StrCat(Below(2)));
      if (!OneIn(9)) item["x"].set_s(absl::StrCat("x", Below(5)));
      if (OneIn(2)) item["y"].set_s("projected");
      if (OneIn(2)) item["z"].set_s("not in all of them");
      const bool in_all = item.count("g") > 0;
      const bool in_keys = in_all && item.count("h") > 0;
      const bool in_wide = in_keys && item.count("x") > 0;
      expected_["all"] += in_all;
      expected_["keys"] += in_keys;
      expected_["wide"] += in_wide;
      v1::PutItemResponse response;
      ASSERT_EQ(
          doors_->Compare(kItems, "PutItem", request, &response).exception, "");
    }
    // Each item was put once, so that an index has all or still counts less.
    for (const auto& [index, count] : expected_) {
      for (const bool json : {false, true}) AwaitCount(index, count, json);
    }
  }

  void AwaitCount(const std::string& index, int count, bool json) {
    v1::ScanRequest request;
    request.set_table_name(kTable);
    request.set_index_name(index);
    request.set_select(v1::SELECT_COUNT);
    v1::ScanResponse response;
    const absl::Time deadline = Clock::Real()->Now() + kPatience;
    do {
      ASSERT_LT(Clock::Real()->Now(), deadline)
          << index << " has " << response.count() << " of " << count;
      response.Clear();
      const Answer answer =
          json ? doors_->AskJson("Scan", request, &response)
               : doors_->AskGrpc(kItems, "Scan", request, &response);
      ASSERT_EQ(answer.text, "");
    } while (response.count() != count);
  }

  bool OneIn(uint64_t n) { return random_.OneIn(n); }
  uint64_t Below(uint64_t n) { return random_.Below(n); }

  static v1::QueryRequest Query(const char* index, const char* condition) {
    v1::QueryRequest request;
    request.set_table_name(kTable);
    request.set_index_name(index);
    request.set_key_condition_expression(condition);
    auto& values = *request.mutable_expression_attribute_values();
    values[":g"].set_s("g1");
    if (absl::StrContains(condition, ":h")) values[":h"].set_n("1");
    if (absl::StrContains(condition, ":x")) values[":x"].set_s("x2");
    if (absl::StrContains(condition, ":s")) values[":s"].set_n("4");
    return request;
  }
  std::string RefusalOf(const v1::QueryRequest& request) {
    v1::QueryResponse response;
    const Answer answer = doors_->Compare(kItems, "Query", request, &response);
    EXPECT_EQ(answer.exception, "ValidationException");
    return answer.text;
  }
  std::string RefusalOf(const v1::ScanRequest& request) {
    v1::ScanResponse response;
    const Answer answer = doors_->Compare(kItems, "Scan", request, &response);
    EXPECT_EQ(answer.exception, "ValidationException");
    return answer.text;
  }

  v1::QueryRequest SomeQuery() {
    static const std::vector<std::pair<const char*, const char*>> kQueries = {
        {"all", "g = :g"},
        {"keys", "g = :g"},
        {"keys", "g = :g AND h = :h"},
        {"keys", "g = :g AND h >= :h"},
        {"wide", "g = :g AND h = :h"},
        {"wide", "g = :g AND h = :h AND x = :x"},
        {"wide", "h = :h AND begins_with(x, :x) AND g = :g"},
        {"wide", "g = :g AND h = :h AND x = :x AND s < :s"},
        // Refused.
        {"wide", "g = :g"},
        {"wide", "g = :g AND h = :h AND s = :s"},
        {"wide", "g = :g AND h = :h AND x > :x AND s = :s"},
        {"wide", "g = :g AND h > :h"},
        {"all", "g = :g AND h = :h"}};
    const auto& [index, condition] = kQueries[Below(OneIn(6) ? 13 : 8)];
    v1::QueryRequest request = Query(index, condition);
    (*request.mutable_expression_attribute_values())[":g"].set_s(
        absl::StrCat("g", Below(3)));
    if (OneIn(2)) request.set_scan_index_forward(OneIn(2));
    return request;
  }
  v1::ScanRequest SomeScan() {
    v1::ScanRequest request;
    request.set_table_name(kTable);
    request.set_index_name(OneIn(3) ? "all" : OneIn(2) ? "wide" : "keys");
    if (OneIn(2)) {
      request.set_total_segments(3);
      request.set_segment(static_cast<int>(Below(3)));
    }
    return request;
  }

  template <typename Request>
  void Vary(Request* request) {
    if (!OneIn(3)) request->set_limit(static_cast<int>(1 + Below(8)));
    if (OneIn(4)) request->set_select(static_cast<v1::Select>(Below(5)));
    if (OneIn(12)) request->set_consistent_read(true);
    request->set_return_consumed_capacity(
        static_cast<v1::ReturnConsumedCapacity>(Below(4)));
    if (OneIn(6)) request->set_projection_expression(OneIn(3) ? "z" : "p, s");
    if (OneIn(6)) {
      static const std::vector<std::string> kFilters = {
          "attribute_exists(y)", "attribute_exists(z)", "attribute_exists(h)",
          "attribute_exists(p)"};
      request->set_filter_expression(kFilters[Below(kFilters.size())]);
    }
  }

  // The request, and as long as there are pages those behind it.
  template <typename Request, typename Response>
  void ReadOn(const char* operation, Request request) {
    for (int page = 0; page < 6; ++page) {
      Response response;
      const Answer answer =
          doors_->Compare(kItems, operation, request, &response);
      ++seen_[answer.exception];
      pages_ += page;
      if (!response.has_last_evaluated_key()) return;
      *request.mutable_exclusive_start_key() = response.last_evaluated_key();
      if (OneIn(20)) {  // not a key of this index any more
        request.mutable_exclusive_start_key()->mutable_attributes()->erase("g");
      }
    }
  }

  testing::TemporaryDirectory directory_;
  Random random_;
  std::unique_ptr<MiniCluster> cluster_;
  std::unique_ptr<Doors> doors_;
  std::map<std::string, int> expected_;  // entries of each index
  std::map<std::string, int> seen_;      // exceptions
  int pages_ = 0;                        // behind first ones
};

TEST_F(IndexReadsTest, RandomReadsGetTheSameAnswers) {
  Fill();
  const int rounds = testing::TestRounds(600);
  for (int i = 0; i < rounds && !HasFailure(); ++i) {
    if (OneIn(3)) {
      v1::ScanRequest scan = SomeScan();
      Vary(&scan);
      ReadOn<v1::ScanRequest, v1::ScanResponse>("Scan", std::move(scan));
    } else {
      v1::QueryRequest query = SomeQuery();
      Vary(&query);
      ReadOn<v1::QueryRequest, v1::QueryResponse>("Query", std::move(query));
    }
  }
  EXPECT_GT(seen_[""], rounds / 3);
  EXPECT_GT(seen_["ValidationException"], rounds / 20);
  EXPECT_GT(pages_, rounds / 10);
}

TEST_F(IndexReadsTest, WhatIsRefusedIsRefusedInDynamoDbsWords) {
  v1::QueryRequest query = Query("all", "g = :g");
  query.set_consistent_read(true);
  const std::string consistent =
      "Consistent reads are not supported on global secondary indexes";
  EXPECT_EQ(RefusalOf(query), consistent);

  query = Query("keys", "g = :g");
  query.set_select(v1::SELECT_ALL_ATTRIBUTES);
  EXPECT_EQ(RefusalOf(query),
            "One or more parameter values were invalid: Select type "
            "ALL_ATTRIBUTES is not supported for global secondary index keys "
            "because its projection type is not ALL");
  query.clear_select();
  query.set_projection_expression("y");
  EXPECT_EQ(RefusalOf(query),
            "One or more parameter values were invalid: Global secondary index "
            "keys does not project [y]");
  query.clear_projection_expression();
  query.set_filter_expression("h = :g");
  EXPECT_EQ(RefusalOf(query),
            "Filter Expression can only contain non-primary key attributes: "
            "Primary key attribute: h");

  EXPECT_EQ(RefusalOf(Query("wide", "g = :g")),
            "Query condition missed key schema element: h");
  EXPECT_EQ(RefusalOf(Query("wide", "g = :g AND h = :h AND s = :s")),
            "Query condition missed key schema element: x");
  EXPECT_EQ(RefusalOf(Query("wide", "g = :g AND h = :h AND x > :x AND s = :s")),
            "Query key condition not supported");
  EXPECT_EQ(RefusalOf(Query("none", "g = :g")),
            "The table does not have the specified index: none");

  query = Query("all", "g = :g");
  (*query.mutable_exclusive_start_key()->mutable_attributes())["g"].set_s("g1");
  EXPECT_EQ(RefusalOf(query), "The provided starting key is invalid");
  auto& start = *query.mutable_exclusive_start_key()->mutable_attributes();
  start["p"].set_s("p1");
  start["s"].set_n("1");
  start["g"].set_s("g2");
  EXPECT_EQ(RefusalOf(query),
            "The provided starting key is outside query boundaries based on "
            "provided conditions");

  v1::ScanRequest scan;
  scan.set_table_name(kTable);
  scan.set_index_name("wide");
  scan.set_consistent_read(true);
  EXPECT_EQ(RefusalOf(scan), consistent);
}

}  // namespace
}  // namespace pallet
