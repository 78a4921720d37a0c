// SPDX-License-Identifier: Apache-2.0
//
// A Query over a page of 1 MB, 1,000 items of 1 KB, in one process: whole, with
// a filter that all items pass, one that half of them pass, one that none does,
// and with a projection. What a filter costs is the difference between the first
// two: they answer with the same items. BM_Select... ask the same as the benchmark
// of that name without Select, as a PartiQL statement.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/executor.h"
#include "base/log.h"
#include "benchmark/benchmark.h"
#include "cluster/partition_host.h"
#include "google/protobuf/text_format.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"
#include "pallet/wire/v1/statement.pb.h"
#include "service/handlers/handlers.h"
#include "storage/store.h"
#include "tests/testing/index_entries.h"
#include "tests/testing/wire_values.h"

namespace pallet::bench {
namespace {

using testing::ItemOf;
using testing::N;
using testing::S;

constexpr int kItems = 1000;

class Collection {
 public:
  static Collection& Get() {
    static Collection* const collection = new Collection();
    return *collection;
  }

  std::string Call(absl::string_view operation, const std::string& request) {
    absl::StatusOr<std::string> answer;
    absl::Notification answered;
    (*operations_.Find(operation))(request, service::CallContext(),
                                   [&](absl::StatusOr<std::string> given) {
                                     answer = std::move(given);
                                     answered.Notify();
                                   });
    answered.WaitForNotification();
    CHECK_OK(answer.status());
    return *std::move(answer);
  }

 private:
  Collection() {
    char directory[] = "/tmp/pallet-query-XXXXXX";
    CHECK(mkdtemp(directory) != nullptr);
    cluster::PartitionHostOptions options;
    options.data_directory = directory;
    options.open_store = storage::Store::Open;
    options.store_count = 1;
    host_ = cluster::PartitionHost::Open(std::move(options)).value();
    service::RegisterHandlers(
        {.host = host_.get(), .read_pool = &read_pool_, .control = &control_},
        &operations_);
    CreateTable();
    for (int i = 0; i < kItems; ++i) {
      wire::v1::PutItemRequest put;
      put.set_table_name("items");
      testing::Attributes attributes;
      for (int j = 0; j < 6; ++j) {
        attributes.emplace_back(
            absl::StrCat("field", j),
            S(std::string(150, static_cast<char>('a' + j))));
      }
      attributes.emplace_back("pk", S("p"));
      attributes.emplace_back("price", N(absl::StrCat(i % 100, ".25")));
      attributes.emplace_back("shop", S("p"));
      attributes.emplace_back("sk", N(absl::StrCat(i)));
      put.set_item(ItemOf(attributes));
      Call("PutItem", put.SerializeAsString());
      testing::PutIndexEntry(*host_, "items", "by-shop", put.item());
    }
    std::filesystem::remove_all(directory);  // the open files stay
  }

  void CreateTable() {
    storage::v1::TableRecord record;
    CHECK(google::protobuf::TextFormat::ParseFromString(
        "name: 'items' billing_mode: TABLE_BILLING_MODE_PAY_PER_REQUEST "
        "attribute_definitions { name: 'pk' type: SCALAR_TYPE_STRING } "
        "attribute_definitions { name: 'sk' type: SCALAR_TYPE_NUMBER } "
        "attribute_definitions { name: 'shop' type: SCALAR_TYPE_STRING } "
        "key_schema { name: 'pk' role: KEY_ROLE_PARTITION } "
        "key_schema { name: 'sk' role: KEY_ROLE_SORT } "
        "global_indexes { name: 'by-shop' projection: INDEX_PROJECTION_ALL "
        "key_schema { name: 'shop' role: KEY_ROLE_PARTITION } "
        "key_schema { name: 'sk' role: KEY_ROLE_SORT } }",
        &record));
    const cluster::TablePtr table = host_->CreateTable(record).value();
    CHECK_OK(host_->ActivateIndexes("items", {table->global_indexes[0].id})
                 .status());
  }

  std::unique_ptr<cluster::PartitionHost> host_;
  Executor read_pool_{{.name = "read", .threads = 1}};
  Executor control_{{.name = "control"}};
  service::OperationRegistry operations_;
};

wire::v1::QueryRequest QueryOf(bool index) {
  wire::v1::QueryRequest query;
  query.set_table_name("items");
  if (index) query.set_index_name("by-shop");
  query.set_key_condition_expression(index ? "shop = :pk" : "pk = :pk");
  (*query.mutable_expression_attribute_values())[":pk"] = S("p");
  return query;
}

void Run(benchmark::State& state, const wire::v1::QueryRequest& query,
         int items) {
  const std::string request = query.SerializeAsString();
  Collection& collection = Collection::Get();
  for (auto _ : state) {
    benchmark::DoNotOptimize(collection.Call("Query", request));
  }
  state.SetItemsProcessed(state.iterations() * items);
}

void Query(benchmark::State& state, const char* filter, const char* limit,
           const char* projection = nullptr) {
  wire::v1::QueryRequest query = QueryOf(/*index=*/false);
  auto& values = *query.mutable_expression_attribute_values();
  if (filter != nullptr) {
    query.set_filter_expression(filter);
    values[":limit"] = N(limit);
    values[":a"] = S("aaa");
  }
  if (projection != nullptr) query.set_projection_expression(projection);
  Run(state, query, kItems);
}

// Ten items from the middle of the collection.
void QueryTen(benchmark::State& state, bool index) {
  wire::v1::QueryRequest query = QueryOf(index);
  query.set_key_condition_expression(query.key_condition_expression() +
                                     " AND sk >= :from");
  (*query.mutable_expression_attribute_values())[":from"] = N("500");
  query.set_limit(10);
  Run(state, query, 10);
}

void GetOne(benchmark::State& state) {
  wire::v1::GetItemRequest get;
  get.set_table_name("items");
  get.set_key(ItemOf({{"pk", S("p")}, {"sk", N("500")}}));
  const std::string request = get.SerializeAsString();
  Collection& collection = Collection::Get();
  for (auto _ : state) {
    benchmark::DoNotOptimize(collection.Call("GetItem", request));
  }
}

void Select(benchmark::State& state, const char* statement,
            const std::vector<std::string>& parameters, int items) {
  wire::v1::ExecuteStatementRequest select;
  select.set_statement(statement);
  for (const std::string& value : parameters) select.add_parameters(value);
  if (items == 10) select.set_limit(10);
  const std::string request = select.SerializeAsString();
  Collection& collection = Collection::Get();
  for (auto _ : state) {
    benchmark::DoNotOptimize(collection.Call("ExecuteStatement", request));
  }
  state.SetItemsProcessed(state.iterations() * items);
}

constexpr char kFilter[] = "price < :limit AND begins_with(field0, :a)";

void BM_Whole(benchmark::State& state) { Query(state, nullptr, ""); }
void BM_AllPass(benchmark::State& state) { Query(state, kFilter, "1000"); }
void BM_HalfPass(benchmark::State& state) { Query(state, kFilter, "50"); }
void BM_NonePass(benchmark::State& state) { Query(state, kFilter, "0"); }
void BM_Projected(benchmark::State& state) {
  Query(state, nullptr, "", "sk, price");
}
void BM_WholeOfIndex(benchmark::State& state) {
  Run(state, QueryOf(/*index=*/true), kItems);
}
void BM_TenOfTable(benchmark::State& state) { QueryTen(state, false); }
void BM_TenOfIndex(benchmark::State& state) { QueryTen(state, true); }
void BM_One(benchmark::State& state) { GetOne(state); }
void BM_SelectOne(benchmark::State& state) {
  Select(state, "SELECT * FROM items WHERE pk = ? AND sk = ?",
         {S("p"), N("500")}, 1);
}
void BM_SelectTenOfTable(benchmark::State& state) {
  Select(state, "SELECT * FROM items WHERE pk = ? AND sk >= ?",
         {S("p"), N("500")}, 10);
}
void BM_SelectWhole(benchmark::State& state) {
  Select(state, "SELECT * FROM items WHERE pk = ?", {S("p")}, kItems);
}
void BM_SelectHalfPass(benchmark::State& state) {
  Select(state,
         "SELECT * FROM items WHERE pk = ? AND price < 50 AND "
         "begins_with(field0, 'aaa')",
         {S("p")}, kItems);
}
BENCHMARK(BM_One)->UseRealTime();
BENCHMARK(BM_SelectOne)->UseRealTime();
BENCHMARK(BM_SelectTenOfTable)->UseRealTime();
BENCHMARK(BM_SelectWhole)->UseRealTime();
BENCHMARK(BM_SelectHalfPass)->UseRealTime();
BENCHMARK(BM_Whole)->UseRealTime();
BENCHMARK(BM_WholeOfIndex)->UseRealTime();
BENCHMARK(BM_TenOfTable)->UseRealTime();
BENCHMARK(BM_TenOfIndex)->UseRealTime();
BENCHMARK(BM_AllPass)->UseRealTime();
BENCHMARK(BM_HalfPass)->UseRealTime();
BENCHMARK(BM_NonePass)->UseRealTime();
BENCHMARK(BM_Projected)->UseRealTime();

}  // namespace
}  // namespace pallet::bench

int main(int argc, char** argv) {
  // As palletd does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  pallet::Logger::Real()->set_level(pallet::LogLevel::kWarning);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
