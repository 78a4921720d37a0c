// SPDX-License-Identifier: Apache-2.0
//
// Random writes to a table with local indexes, against a plain map, with
// restarts between: each query and scan of an index must give what the map
// says, in its order, page by page, both ways, with the attributes that are
// projected or fetched; counts and the stores' own checks must agree.
//
// The table has pk S and sk N; indexes by a (N, all), b (S, keys only) and
// c (N, with x).
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/executor.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/partition_host.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/collection_size.h"
#include "service/handlers/handlers.h"
#include "service/operation.h"
#include "storage/key_codec.h"
#include "storage/store.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::service {
namespace {

struct Place {
  std::optional<int> a, c;
  std::optional<std::string> b, x, z;
};
using PlaceKey = std::pair<std::string, int>;  // pk, sk

enum class Which { kA, kB, kC };
constexpr const char* kIndexNames[] = {"by-a", "by-b", "by-c"};

// How an entry sorts within its partition key; nullopt: there is none.
std::optional<std::tuple<int, std::string, int>> OrderOf(Which index,
                                                         const PlaceKey& key,
                                                         const Place& place) {
  const std::optional<int>& number = index == Which::kA ? place.a : place.c;
  if (index == Which::kB) {
    if (!place.b.has_value()) return std::nullopt;
    return std::tuple(0, *place.b, key.second);
  }
  if (!number.has_value()) return std::nullopt;
  return std::tuple(*number, "", key.second);
}

// One line; with what `index` projects, or everything.
std::string TextOf(const PlaceKey& key, const Place& place,
                   std::optional<Which> index) {
  std::string text = absl::StrCat(key.first, "/", key.second);
  const auto has = [&](char name) {
    if (!index.has_value() || *index == Which::kA) return true;
    return *index == Which::kB ? name == 'b' : name == 'c' || name == 'x';
  };
  if (place.a && has('a')) absl::StrAppend(&text, " a=", *place.a);
  if (place.b && has('b')) absl::StrAppend(&text, " b=", *place.b);
  if (place.c && has('c')) absl::StrAppend(&text, " c=", *place.c);
  if (place.x && has('x')) absl::StrAppend(&text, " x=", *place.x);
  if (place.z && has('z')) absl::StrAppend(&text, " z=", *place.z);
  return text;
}

void SetNumber(v1::Item* item, const std::string& name, int value) {
  (*item->mutable_attributes())[name].set_n(absl::StrCat(value));
}
void SetText(v1::Item* item, const std::string& name,
             const std::string& value) {
  (*item->mutable_attributes())[name].set_s(value);
}

v1::Item KeyItem(const PlaceKey& key) {
  v1::Item item;
  SetText(&item, "pk", key.first);
  SetNumber(&item, "sk", key.second);
  return item;
}

v1::Item ItemOf(const PlaceKey& key, const Place& place) {
  v1::Item item = KeyItem(key);
  if (place.a) SetNumber(&item, "a", *place.a);
  if (place.b) SetText(&item, "b", *place.b);
  if (place.c) SetNumber(&item, "c", *place.c);
  if (place.x) SetText(&item, "x", *place.x);
  if (place.z) SetText(&item, "z", *place.z);
  return item;
}

std::string TextOf(const v1::Item& item) {
  std::string text;
  const auto& attributes = item.attributes();
  absl::StrAppend(&text, attributes.at("pk").s(), "/", attributes.at("sk").n());
  for (const char* name : {"a", "b", "c", "x", "z"}) {
    const auto found = attributes.find(name);
    if (found == attributes.end()) continue;
    absl::StrAppend(&text, " ", name, "=", found->second.n(),
                    found->second.s());
  }
  return text;
}

class LocalIndexPropertyTest : public ::testing::Test {
 protected:
  LocalIndexPropertyTest() : random_(testing::TestSeed()) {
    logger_->set_level(LogLevel::kWarning);
    Open();
    CreateTable();
  }
  ~LocalIndexPropertyTest() override { Close(); }

  void Open() {
    read_pool_ = std::make_unique<Executor>(
        ExecutorOptions{.name = "read", .threads = 1, .queue_limit = 8});
    control_ = std::make_unique<Executor>(
        ExecutorOptions{.name = "control", .threads = 1, .queue_limit = 8});
    cluster::PartitionHostOptions options;
    options.data_directory = directory_.path() + "/data";
    options.open_store = storage::Store::Open;
    options.store_count = 2;
    options.store.map_size = uint64_t{1} << 28;
    options.store.segment_bytes = uint64_t{4} << 20;
    options.store.memtable_bytes = uint64_t{1} << 16;
    options.store.free_disk_reserve = uint64_t{1} << 20;
    options.logger = logger_.get();
    auto host = cluster::PartitionHost::Open(std::move(options));
    CHECK(host.ok()) << host.status();
    host_ = *std::move(host);
    operations_ = std::make_unique<OperationRegistry>();
    RegisterHandlers({.host = host_.get(),
                      .read_pool = read_pool_.get(),
                      .control = control_.get()},
                     operations_.get());
  }

  void Close() {
    read_pool_->Shutdown();
    control_->Shutdown();
    operations_.reset();
    host_.reset();
  }

  template <typename Response>
  Response Call(const std::string& operation,
                const google::protobuf::Message& request) {
    absl::StatusOr<std::string> answer;
    absl::Notification answered;
    (*operations_->Find(operation))(request.SerializeAsString(), CallContext(),
                                    [&](absl::StatusOr<std::string> given) {
                                      answer = std::move(given);
                                      answered.Notify();
                                    });
    answered.WaitForNotification();
    CHECK(answer.ok()) << answer.status() << request.ShortDebugString();
    Response response;
    CHECK(response.ParseFromString(*answer));
    return response;
  }

  void CreateTable() {
    v1::CreateTableRequest request;
    request.set_table_name("places");
    request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
    for (const auto& [name, number] :
         std::vector<std::pair<std::string, bool>>{{"pk", false},
                                                   {"sk", true},
                                                   {"a", true},
                                                   {"b", false},
                                                   {"c", true}}) {
      auto* definition = request.add_attribute_definitions();
      definition->set_attribute_name(name);
      definition->set_attribute_type(number ? v1::SCALAR_ATTRIBUTE_TYPE_N
                                            : v1::SCALAR_ATTRIBUTE_TYPE_S);
    }
    const auto add_keys = [](const std::string& sort, auto* to) {
      auto* hash = to->add_key_schema();
      hash->set_attribute_name("pk");
      hash->set_key_type(v1::KEY_TYPE_HASH);
      auto* range = to->add_key_schema();
      range->set_attribute_name(sort);
      range->set_key_type(v1::KEY_TYPE_RANGE);
    };
    add_keys("sk", &request);
    constexpr v1::ProjectionType kProjections[] = {
        v1::PROJECTION_TYPE_ALL, v1::PROJECTION_TYPE_KEYS_ONLY,
        v1::PROJECTION_TYPE_INCLUDE};
    for (int i = 0; i < 3; ++i) {
      auto* index = request.add_local_secondary_indexes();
      index->set_index_name(kIndexNames[i]);
      add_keys(std::string(1, static_cast<char>('a' + i)), index);
      index->mutable_projection()->set_projection_type(kProjections[i]);
    }
    request.mutable_local_secondary_indexes(2)
        ->mutable_projection()
        ->add_non_key_attributes("x");
    Call<v1::CreateTableResponse>("CreateTable", request);
  }

  // Few keys and values, so that they meet; now and then a long one.
  PlaceKey SomeKey() {
    std::string pk = absl::StrCat("p", random_.Below(4));
    if (pk == "p3") pk += std::string(100, 'k');
    return {std::move(pk), static_cast<int>(random_.Below(12)) - 4};
  }

  std::string SomeText() {
    const char* const texts[] = {"", "m", "ma", "mb", "z"};
    std::string text = absl::StrCat(texts[random_.Below(5)], random_.Below(3));
    if (random_.OneIn(5)) text += std::string(600 + random_.Below(400), 'l');
    return text;
  }

  Place SomePlace() {
    Place place;
    if (!random_.OneIn(3)) place.a = static_cast<int>(random_.Below(7)) - 3;
    if (!random_.OneIn(3)) place.b = SomeText();
    if (!random_.OneIn(3)) place.c = static_cast<int>(random_.Below(5)) * 10;
    if (random_.OneIn(2)) place.x = SomeText();
    if (random_.OneIn(2)) place.z = SomeText();
    return place;
  }

  void Write() {
    const PlaceKey key = SomeKey();
    if (random_.OneIn(4)) {
      v1::DeleteItemRequest request;
      request.set_table_name("places");
      *request.mutable_key() = KeyItem(key);
      Call<v1::DeleteItemResponse>("DeleteItem", request);
      model_.erase(key);
      return;
    }
    // Most often only a part changes.
    Place place = SomePlace();
    if (const auto old = model_.find(key);
        old != model_.end() && !random_.OneIn(3)) {
      const Place changed = place;
      place = old->second;
      if (random_.OneIn(2)) place.a = changed.a;
      if (random_.OneIn(3)) place.x = changed.x;
      if (random_.OneIn(3)) place.z = changed.z;
    }
    v1::PutItemRequest request;
    request.set_table_name("places");
    *request.mutable_item() = ItemOf(key, place);
    Call<v1::PutItemResponse>("PutItem", request);
    model_[key] = place;
  }

  // Changes what an index sorts by, or takes it away.
  void Update() {
    const PlaceKey key = SomeKey();
    const bool exists = model_.count(key) > 0;
    Place place = exists ? model_[key] : Place();
    v1::UpdateItemRequest request;
    request.set_table_name("places");
    *request.mutable_key() = KeyItem(key);
    if (random_.OneIn(3)) {
      place.a.reset();
      place.b.reset();
      request.set_update_expression("REMOVE a, b");
      if (exists) model_[key] = place;  // it makes no item
    } else {
      place.a = static_cast<int>(random_.Below(7)) - 3;
      place.c = place.c.value_or(0) + 10;
      auto& values = *request.mutable_expression_attribute_values();
      values[":a"].set_n(absl::StrCat(*place.a));
      values[":ten"].set_n("10");
      request.set_update_expression("SET a = :a ADD c :ten");
      model_[key] = place;
    }
    Call<v1::UpdateItemResponse>("UpdateItem", request);
  }

  void WriteBatch() {
    v1::BatchWriteItemRequest request;
    auto& list = (*request.mutable_request_items())["places"];
    std::map<PlaceKey, std::optional<Place>> changes;
    for (uint64_t i = 1 + random_.Below(10); i > 0; --i) {
      changes[SomeKey()] =
          random_.OneIn(3) ? std::nullopt : std::optional(SomePlace());
    }
    for (const auto& [key, place] : changes) {
      v1::WriteRequest* write = list.add_requests();
      if (place.has_value()) {
        *write->mutable_put_request()->mutable_item() = ItemOf(key, *place);
        model_[key] = *place;
      } else {
        *write->mutable_delete_request()->mutable_key() = KeyItem(key);
        model_.erase(key);
      }
    }
    Call<v1::BatchWriteItemResponse>("BatchWriteItem", request);
  }

  // What a query by `pk` must find, in order. A condition on numbers only.
  std::vector<std::string> Expected(Which index, const std::string& pk,
                                    std::optional<int> at_least, bool fetched) {
    std::map<std::tuple<int, std::string, int>, std::string> sorted;
    for (const auto& [key, place] : model_) {
      const auto order = OrderOf(index, key, place);
      if (key.first != pk || !order.has_value()) continue;
      if (at_least.has_value() && std::get<0>(*order) < *at_least) continue;
      sorted[*order] =
          TextOf(key, place, fetched ? std::nullopt : std::optional(index));
    }
    std::vector<std::string> lines;
    for (const auto& [order, line] : sorted) lines.push_back(line);
    return lines;
  }

  void CheckQuery() {
    const Which index = static_cast<Which>(random_.Below(3));
    const std::string pk = SomeKey().first;
    const bool forward = random_.OneIn(2), fetched = random_.OneIn(3);
    std::optional<int> at_least;
    v1::QueryRequest request;
    request.set_table_name("places");
    request.set_index_name(kIndexNames[static_cast<int>(index)]);
    request.set_scan_index_forward(forward);
    request.set_consistent_read(random_.OneIn(2));
    if (fetched) request.set_select(v1::SELECT_ALL_ATTRIBUTES);
    if (random_.OneIn(2)) {
      request.set_limit(1 + static_cast<int>(random_.Below(4)));
    }
    std::string condition = "pk = :p";
    (*request.mutable_expression_attribute_values())[":p"].set_s(pk);
    if (index != Which::kB && random_.OneIn(3)) {
      at_least = static_cast<int>(random_.Below(20)) - 2;
      condition += index == Which::kA ? " AND a >= :n" : " AND c >= :n";
      (*request.mutable_expression_attribute_values())[":n"].set_n(
          absl::StrCat(*at_least));
    }
    request.set_key_condition_expression(condition);

    std::vector<std::string> found;
    while (true) {
      const auto page = Call<v1::QueryResponse>("Query", request);
      for (const v1::Item& item : page.items()) found.push_back(TextOf(item));
      if (!page.has_last_evaluated_key()) break;
      *request.mutable_exclusive_start_key() = page.last_evaluated_key();
    }
    std::vector<std::string> expected = Expected(index, pk, at_least, fetched);
    if (!forward) std::reverse(expected.begin(), expected.end());
    ASSERT_EQ(found, expected) << request.ShortDebugString();
  }

  void CheckScan() {
    const Which index = static_cast<Which>(random_.Below(3));
    v1::ScanRequest request;
    request.set_table_name("places");
    request.set_index_name(kIndexNames[static_cast<int>(index)]);
    request.set_limit(1 + static_cast<int>(random_.Below(9)));
    const int segments = 1 + static_cast<int>(random_.Below(3));
    std::vector<std::string> found;
    for (int segment = 0; segment < segments; ++segment) {
      request.set_total_segments(segments);
      request.set_segment(segment);
      request.clear_exclusive_start_key();
      while (true) {
        const auto page = Call<v1::ScanResponse>("Scan", request);
        for (const v1::Item& item : page.items()) {
          found.push_back(TextOf(item));
        }
        if (!page.has_last_evaluated_key()) break;
        *request.mutable_exclusive_start_key() = page.last_evaluated_key();
      }
    }
    std::vector<std::string> expected;
    for (const auto& [key, place] : model_) {
      if (!OrderOf(index, key, place).has_value()) continue;
      expected.push_back(TextOf(key, place, index));
    }
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(found, expected);
  }

  void CheckCounts() {
    v1::DescribeTableRequest request;
    request.set_table_name("places");
    const auto table =
        Call<v1::DescribeTableResponse>("DescribeTable", request).table();
    ASSERT_EQ(table.item_count(), static_cast<int64_t>(model_.size()));
    for (int i = 0; i < 3; ++i) {
      int64_t entries = 0;
      for (const auto& [key, place] : model_) {
        entries += OrderOf(static_cast<Which>(i), key, place).has_value();
      }
      ASSERT_EQ(table.local_secondary_indexes(i).item_count(), entries) << i;
    }
    if (!model_.empty()) CheckCollections();
    for (uint32_t i = 0; i < host_->store_count(); ++i) {
      const absl::Status sound = host_->store(cluster::StoreId(i)).Verify();
      ASSERT_TRUE(sound.ok()) << sound;
    }
  }

  // What the partitions say of the sizes of collections is what their rows have.
  void CheckCollections() {
    std::set<std::string> partition_keys;
    for (const auto& [key, place] : model_) partition_keys.insert(key.first);
    const cluster::TablePtr table = host_->FindTable("places");
    uint64_t all = 0;
    for (const std::string& pk : partition_keys) {
      const model::KeyValue value = {model::ScalarType::kString, pk};
      const uint64_t hash = storage::PlacementHash(value, host_->hash_seed());
      const auto& partition = table->PartitionOf(hash);
      const absl::Status read =
          host_->store(partition.store)
              .Read([&](storage::ReadTransaction& rows) -> absl::Status {
                uint64_t bytes = 0;
                std::string prefix;
                for (uint32_t i = 0; i <= table->local_indexes.size(); ++i) {
                  prefix = storage::CollectionPrefix(
                      storage::KeyspaceId(table->keyspace.value() + i), value,
                      host_->hash_seed());
                  const auto cursor =
                      rows.Cursor(prefix, storage::PrefixEnd(prefix));
                  RETURN_IF_ERROR(cursor->SeekAtOrAfter(prefix));
                  while (cursor->Valid()) {
                    bytes += cursor->row().item_size;
                    RETURN_IF_ERROR(cursor->Next());
                  }
                }
                ASSIGN_OR_RETURN(const std::optional<uint64_t> kept,
                                 CollectionBytes(*table, partition.id,
                                                 storage::CollectionPrefix(
                                                     table->keyspace, value,
                                                     host_->hash_seed()),
                                                 rows));
                EXPECT_EQ(kept, bytes) << pk;
                all += bytes;
                return absl::OkStatus();
              });
      ASSERT_TRUE(read.ok()) << read;
    }
    EXPECT_GT(all, 0u);
  }

  testing::TemporaryDirectory directory_;
  Random random_;
  std::unique_ptr<Logger> logger_ = Logger::OnStandardError(LogFormat::kText);
  std::unique_ptr<Executor> read_pool_, control_;
  std::unique_ptr<cluster::PartitionHost> host_;
  std::unique_ptr<OperationRegistry> operations_;
  std::map<PlaceKey, Place> model_;
};

TEST_F(LocalIndexPropertyTest, IndexesAndAPlainMapAgree) {
  const int steps = testing::TestRounds(1) * 600;
  for (int step = 0; step < steps && !HasFatalFailure(); ++step) {
    const uint64_t dice = random_.Below(100);
    if (dice < 40) {
      Write();
    } else if (dice < 50) {
      Update();
    } else if (dice < 60) {
      WriteBatch();
    } else if (dice < 90) {
      CheckQuery();
    } else if (dice < 95) {
      CheckScan();
    } else if (dice < 99) {
      CheckCounts();
    } else {
      Close();
      Open();
    }
  }
  if (!HasFatalFailure()) CheckCounts();
}

}  // namespace
}  // namespace pallet::service
