// SPDX-License-Identifier: Apache-2.0
//
// A Query over a page of 1 MB, 1,000 items of 1 KB, in one process: whole, with
// a filter that all items pass, one that half of them pass, one that none does,
// and with a projection. What a filter costs is the difference between the first
// two: they answer with the same items.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/executor.h"
#include "base/log.h"
#include "benchmark/benchmark.h"
#include "cluster/partition_host.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/table_service.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"
#include "service/handlers/handlers.h"
#include "storage/store.h"
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
    v1::CreateTableRequest table;
    CHECK(google::protobuf::TextFormat::ParseFromString(
        "table_name: 'items' billing_mode: BILLING_MODE_PAY_PER_REQUEST "
        "attribute_definitions { attribute_name: 'pk' "
        "attribute_type: SCALAR_ATTRIBUTE_TYPE_S } "
        "attribute_definitions { attribute_name: 'sk' "
        "attribute_type: SCALAR_ATTRIBUTE_TYPE_N } "
        "key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH } "
        "key_schema { attribute_name: 'sk' key_type: KEY_TYPE_RANGE }",
        &table));
    Call("CreateTable", table.SerializeAsString());
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
      attributes.emplace_back("sk", N(absl::StrCat(i)));
      put.set_item(ItemOf(attributes));
      Call("PutItem", put.SerializeAsString());
    }
    std::filesystem::remove_all(directory);  // the open files stay
  }

  std::unique_ptr<cluster::PartitionHost> host_;
  Executor read_pool_{{.name = "read", .threads = 1}};
  Executor control_{{.name = "control"}};
  service::OperationRegistry operations_;
};

void Query(benchmark::State& state, const char* filter, const char* limit,
           const char* projection = nullptr) {
  wire::v1::QueryRequest query;
  query.set_table_name("items");
  query.set_key_condition_expression("pk = :pk");
  auto& values = *query.mutable_expression_attribute_values();
  values[":pk"] = S("p");
  if (filter != nullptr) {
    query.set_filter_expression(filter);
    values[":limit"] = N(limit);
    values[":a"] = S("aaa");
  }
  if (projection != nullptr) query.set_projection_expression(projection);
  const std::string request = query.SerializeAsString();
  Collection& collection = Collection::Get();
  for (auto _ : state) {
    benchmark::DoNotOptimize(collection.Call("Query", request));
  }
  state.SetItemsProcessed(state.iterations() * kItems);
}

constexpr char kFilter[] = "price < :limit AND begins_with(field0, :a)";

void BM_Whole(benchmark::State& state) { Query(state, nullptr, ""); }
void BM_AllPass(benchmark::State& state) { Query(state, kFilter, "1000"); }
void BM_HalfPass(benchmark::State& state) { Query(state, kFilter, "50"); }
void BM_NonePass(benchmark::State& state) { Query(state, kFilter, "0"); }
void BM_Projected(benchmark::State& state) {
  Query(state, nullptr, "", "sk, price");
}
BENCHMARK(BM_Whole)->UseRealTime();
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
