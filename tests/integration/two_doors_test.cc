// SPDX-License-Identifier: Apache-2.0
//
// The same random requests through gRPC and through DynamoDB's JSON, each to a
// table of its own: the answers and the errors are the same, all the way. The
// seed is printed; PALLET_TEST_SEED repeats a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/testing/doors.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using google::protobuf::Message;
using testing::Answer;
using testing::Doors;
using ::testing::HasSubstr;
using testing::kOfGrpc;
using testing::kOfJson;
using testing::kTable;
using testing::MiniCluster;

// Requests, most of them good.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  bool OneIn(uint64_t n) { return random_.OneIn(n); }
  uint64_t Below(uint64_t n) { return random_.Below(n); }

  std::string Text() {
    static const std::vector<std::string> kTexts = {
        "",         "a",
        "b",        "ab",
        "\xC3\xA9", "\"x",
        "\\",       "\n\t ",
        "1",        std::string("\0z", 2),
        ":v",       "\xF0\x9F\x98\x80",
        "TRUE",     "<&>"};
    return kTexts[Below(kTexts.size())];
  }
  std::string NumberText() {
    static const std::vector<std::string> kTexts = {
        "0",       "1",
        "-1",      "1.50",
        "1e3",     "-0.0",
        "007",     "1E-130",
        "9.9e125", "12345678901234567890123456789012345678",
        "3.14"};
    static const std::vector<std::string> kBad = {
        "",
        "x",
        "1e126",
        "1e-131",
        "123456789012345678901234567890123456789",
        " 1",
        "NaN",
        "1,5"};
    return OneIn(40) ? kBad[Below(kBad.size())] : kTexts[Below(kTexts.size())];
  }

  void Fill(v1::AttributeValue* value, int depth) {
    switch (Below(depth > 3 ? 8 : 10)) {
      case 0:
        return value->set_n(NumberText());
      case 1:
        return value->set_b(random_.Bytes(Below(5)));
      case 2:
        return value->set_bool_(OneIn(2));
      case 3:
        return value->set_null(!OneIn(20));
      case 4:
        for (uint64_t n = OneIn(20) ? 0 : 1 + Below(3); n > 0; --n) {
          value->mutable_ss()->add_values(OneIn(9) ? Text()
                                                   : absl::StrCat("m", n));
        }
        if (!value->has_ss()) value->mutable_ss();
        return;
      case 5:
        for (uint64_t n = 1 + Below(3); n > 0; --n) {
          value->mutable_ns()->add_values(OneIn(9) ? NumberText()
                                                   : absl::StrCat(n));
        }
        return;
      case 6:
        if (OneIn(30)) return;  // no type at all
        value->mutable_bs()->add_values(random_.Bytes(3));
        return;
      case 8:
        value->mutable_m();
        for (uint64_t n = Below(3); n > 0; --n) {
          Fill(&(*value->mutable_m()->mutable_entries())[absl::StrCat("k", n)],
               depth + 1);
        }
        return;
      case 9:
        value->mutable_l();
        for (uint64_t n = Below(4); n > 0; --n) {
          Fill(value->mutable_l()->add_values(), depth + 1);
        }
        return;
      default:
        return value->set_s(Text());
    }
  }

  // Few keys, so that requests meet.
  void FillKey(v1::Item* key) {
    auto& attributes = *key->mutable_attributes();
    if (!OneIn(50)) attributes["p"].set_s(absl::StrCat("p", Below(4)));
    if (!OneIn(50)) attributes["s"].set_n(absl::StrCat(Below(12), ".0"));
    if (OneIn(60)) Fill(&attributes["s"], 0);
    if (OneIn(60)) Fill(&attributes["more"], 0);
  }

  template <typename Request>
  void Name(Request* request) {
    if (OneIn(60)) return;
    request->set_table_name(OneIn(40) ? "NoSuch" : OneIn(40) ? "a/b" : kTable);
  }
  template <typename Request>
  void WantCapacity(Request* request) {
    request->set_return_consumed_capacity(
        static_cast<v1::ReturnConsumedCapacity>(Below(4)));
  }

  template <typename Request>
  void Condition(Request* request) {
    if (!OneIn(3)) return;
    static const std::vector<std::string> kConditions = {
        "attribute_exists(p)",
        "attribute_not_exists(p)",
        "#a = :v",
        "size(#a) > :v",
        "#a > :v AND",
        "NOT begins_with(p, :v)",
        "#a IN (:v, :v)",
        "((p = :v))",
        ""};
    request->set_condition_expression(kConditions[Below(kConditions.size())]);
    Placeholders(request->condition_expression(), request);
  }
  template <typename Request>
  void Placeholders(const std::string& expression, Request* request) {
    if (absl::StrContains(expression, "#a") || OneIn(40)) {
      (*request->mutable_expression_attribute_names())["#a"] = "x1";
    }
    if (absl::StrContains(expression, ":v") || OneIn(40)) {
      Fill(&(*request->mutable_expression_attribute_values())[":v"], 2);
    }
  }

  v1::PutItemRequest Put() {
    v1::PutItemRequest request;
    Name(&request);
    if (!OneIn(60)) FillKey(request.mutable_item());
    for (uint64_t n = Below(4); n > 0; --n) {
      Fill(&(*request.mutable_item()
                  ->mutable_attributes())[absl::StrCat("x", n)],
           0);
    }
    request.set_return_values(
        static_cast<v1::ReturnValue>(OneIn(20) ? Below(6) : Below(3)));
    WantCapacity(&request);
    Condition(&request);
    return request;
  }
  v1::DeleteItemRequest Delete() {
    v1::DeleteItemRequest request;
    Name(&request);
    if (!OneIn(60)) FillKey(request.mutable_key());
    request.set_return_values(
        static_cast<v1::ReturnValue>(OneIn(20) ? Below(6) : Below(3)));
    WantCapacity(&request);
    Condition(&request);
    return request;
  }
  v1::UpdateItemRequest Update() {
    static const std::vector<std::string> kUpdates = {
        "SET #a = :v",
        "REMOVE #a",
        "ADD #a :v",
        "DELETE #a :v",
        "SET #a = if_not_exists(#a, :v)",
        "SET p = :v",
        "SET #a.b = :v",
        "SET #a[0] = :v REMOVE x2",
        "NONSENSE",
        "SET x3 = #a, x2 = :v"};
    v1::UpdateItemRequest request;
    Name(&request);
    if (!OneIn(60)) FillKey(request.mutable_key());
    if (!OneIn(9)) {
      request.set_update_expression(kUpdates[Below(kUpdates.size())]);
      Placeholders(request.update_expression(), &request);
    }
    request.set_return_values(static_cast<v1::ReturnValue>(Below(6)));
    WantCapacity(&request);
    return request;
  }
  v1::GetItemRequest Get() {
    v1::GetItemRequest request;
    Name(&request);
    if (!OneIn(60)) FillKey(request.mutable_key());
    if (OneIn(2)) request.set_consistent_read(OneIn(2));
    WantCapacity(&request);
    if (OneIn(5)) {
      request.set_projection_expression(OneIn(4) ? "x1, x1" : "p, x1.k1, #a");
      Placeholders2(&request);
    }
    return request;
  }
  void Placeholders2(v1::GetItemRequest* request) {
    if (absl::StrContains(request->projection_expression(), "#a")) {
      (*request->mutable_expression_attribute_names())["#a"] = "x2";
    }
  }
  v1::QueryRequest Query() {
    static const std::vector<std::string> kConditions = {
        "p = :p",
        "p = :p AND s > :n",
        "p = :p AND s BETWEEN :n AND :m",
        "p > :p",
        "s = :n",
        "p = :p AND s <> :n",
        "nonsense"};
    v1::QueryRequest request;
    Name(&request);
    const std::string condition =
        kConditions[Below(OneIn(5) ? kConditions.size() : 3)];
    request.set_key_condition_expression(condition);
    auto& values = *request.mutable_expression_attribute_values();
    values[":p"].set_s(absl::StrCat("p", Below(4)));
    if (absl::StrContains(condition, ":n")) values[":n"].set_n("3");
    if (absl::StrContains(condition, ":m")) {
      values[":m"].set_n(OneIn(9) ? "1" : "8");
    }
    Page(&request);
    if (OneIn(2)) request.set_scan_index_forward(OneIn(2));
    return request;
  }
  v1::ScanRequest Scan() {
    v1::ScanRequest request;
    Name(&request);
    Page(&request);
    if (OneIn(4)) {
      request.set_total_segments(static_cast<int>(Below(4)));
      if (!OneIn(9)) request.set_segment(static_cast<int>(Below(4)));
    }
    return request;
  }
  template <typename Request>
  void Page(Request* request) {
    if (OneIn(2)) request->set_limit(static_cast<int>(Below(20)) - 1);
    if (OneIn(3)) request->set_select(static_cast<v1::Select>(Below(5)));
    if (OneIn(4)) FillKey(request->mutable_exclusive_start_key());
    if (OneIn(9)) request->set_index_name("NoIndex");
    WantCapacity(request);
    if (OneIn(4)) {
      request->set_filter_expression(OneIn(5) ? "x1 >"
                                              : "attribute_exists(x1)");
    }
  }
  v1::BatchWriteItemRequest BatchWrite() {
    v1::BatchWriteItemRequest request;
    if (OneIn(30)) return request;
    auto& list = (*request.mutable_request_items())[OneIn(30) ? "No" : kTable];
    for (uint64_t n = OneIn(30) ? 26 : Below(6); n > 0; --n) {
      auto* write = list.add_requests();
      if (OneIn(3)) {
        FillKey(write->mutable_delete_request()->mutable_key());
      } else if (!OneIn(60)) {
        FillKey(write->mutable_put_request()->mutable_item());
      }
    }
    WantCapacity(&request);
    return request;
  }
  v1::BatchGetItemRequest BatchGet() {
    v1::BatchGetItemRequest request;
    if (OneIn(30)) return request;
    auto& reads = (*request.mutable_request_items())[OneIn(30) ? "No" : kTable];
    for (uint64_t n = Below(5); n > 0; --n) FillKey(reads.add_keys());
    if (OneIn(3)) reads.set_consistent_read(true);
    WantCapacity(&request);
    return request;
  }

 private:
  Random random_;
};

v1::CreateTableRequest Table(const char* name) {
  v1::CreateTableRequest request;
  request.set_table_name(name);
  for (const char* key : {"p", "s"}) {
    auto* attribute = request.add_attribute_definitions();
    attribute->set_attribute_name(key);
    attribute->set_attribute_type(*key == 'p' ? v1::SCALAR_ATTRIBUTE_TYPE_S
                                              : v1::SCALAR_ATTRIBUTE_TYPE_N);
    auto* element = request.add_key_schema();
    element->set_attribute_name(key);
    element->set_key_type(*key == 'p' ? v1::KEY_TYPE_HASH : v1::KEY_TYPE_RANGE);
  }
  request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
  return request;
}

class TwoDoorsTest : public ::testing::Test {
 protected:
  TwoDoorsTest() {
    auto cluster = MiniCluster::Start(
        {.data_dir = directory_.path(), .flags = {"--store-map-size=4GiB"}});
    CHECK(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    doors_ = std::make_unique<Doors>(cluster_.get());
  }

  template <typename Response>
  Answer Compare(const std::string& service, const std::string& operation,
                 const Message& request) {
    Response response;
    return doors_->Compare(service, operation, request, &response);
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::unique_ptr<Doors> doors_;
};

TEST_F(TwoDoorsTest, RandomRequestsGetTheSameAnswers) {
  v1::CreateTableResponse created;
  ASSERT_EQ(doors_->AskJson("CreateTable", Table(kOfGrpc), &created).exception,
            "");
  ASSERT_EQ(doors_->AskJson("CreateTable", Table(kOfJson), &created).exception,
            "");
  Generator generator(testing::TestSeed());
  std::map<std::string, int> seen;
  const int rounds = testing::TestRounds(3000);
  for (int i = 0; i < rounds && !HasFailure(); ++i) {
    Answer answer;
    constexpr char kItems[] = "ItemService";
    switch (generator.Below(8)) {
      case 0:
        answer = Compare<v1::DeleteItemResponse>(kItems, "DeleteItem",
                                                 generator.Delete());
        break;
      case 1:
        answer =
            Compare<v1::GetItemResponse>(kItems, "GetItem", generator.Get());
        break;
      case 2:
        answer = Compare<v1::QueryResponse>(kItems, "Query", generator.Query());
        break;
      case 3:
        answer = Compare<v1::ScanResponse>(kItems, "Scan", generator.Scan());
        break;
      case 4:
        answer = Compare<v1::BatchWriteItemResponse>(kItems, "BatchWriteItem",
                                                     generator.BatchWrite());
        break;
      case 5:
        answer = Compare<v1::BatchGetItemResponse>(kItems, "BatchGetItem",
                                                   generator.BatchGet());
        break;
      case 6:
        answer = Compare<v1::UpdateItemResponse>(kItems, "UpdateItem",
                                                 generator.Update());
        break;
      default:
        answer =
            Compare<v1::PutItemResponse>(kItems, "PutItem", generator.Put());
    }
    ++seen[answer.exception];
  }
  for (const auto& [exception, count] : seen) {
    std::printf("%6d %s\n", count,
                exception.empty() ? "answered" : exception.c_str());
  }
  EXPECT_GT(seen[""], rounds / 10);
  EXPECT_GT(seen["ValidationException"], 0);
}

TEST_F(TwoDoorsTest, TablesLookTheSame) {
  v1::CreateTableResponse created;
  ASSERT_EQ(doors_->AskJson("CreateTable", Table("Twins"), &created).exception,
            "");
  constexpr char kTables[] = "TableService";
  Compare<v1::ListTablesResponse>(kTables, "ListTables",
                                  v1::ListTablesRequest());
  v1::ListTablesRequest list;
  list.set_limit(0);
  EXPECT_EQ(
      Compare<v1::ListTablesResponse>(kTables, "ListTables", list).exception,
      "ValidationException");
  v1::DescribeTableRequest describe;
  describe.set_table_name("Missing");
  EXPECT_EQ(
      Compare<v1::DescribeTableResponse>(kTables, "DescribeTable", describe)
          .exception,
      "ResourceNotFoundException");
  EXPECT_EQ(Compare<v1::CreateTableResponse>(kTables, "CreateTable",
                                             v1::CreateTableRequest())
                .exception,
            "ValidationException");
  Compare<v1::DescribeLimitsResponse>(kTables, "DescribeLimits",
                                      v1::DescribeLimitsRequest());
}

}  // namespace
}  // namespace pallet
