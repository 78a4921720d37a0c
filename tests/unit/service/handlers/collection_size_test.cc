// SPDX-License-Identifier: Apache-2.0
//
// Sizes of item collections, and the 10 GB that one may have (SEMANTICS 1.2). A
// collection is made large by telling its partition that it is.
#include "service/handlers/collection_size.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "storage/key_codec.h"
#include "tests/testing/store_client.h"
#include "tests/unit/service/handlers/local_index_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kFull[] =
    "ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED: Collection size exceeded.";
constexpr char kMetrics[] =
    " return_item_collection_metrics: RETURN_ITEM_COLLECTION_METRICS_SIZE";

class CollectionSizeTest : public LocalIndexTest {
 protected:
  uint64_t SizeOf(absl::string_view pk) {
    std::optional<uint64_t> size;
    CHECK_OK(host_->store(PartitionOf(pk).store)
                 .Read([&](storage::ReadTransaction& rows) {
                   auto found = CollectionBytes(*Table(), PartitionOf(pk).id,
                                                PrefixOf(pk), rows);
                   if (found.ok()) size = *found;
                   return found.status();
                 }));
    CHECK(size.has_value());
    return *size;
  }

  // The collection of `pk` has so many bytes more than its rows do.
  void Inflate(absl::string_view pk, uint64_t bytes) {
    CHECK_OK(testing::WriteAndWait(
        host_->store(PartitionOf(pk).store), PartitionOf(pk).id,
        [&](storage::WriteContext& context) {
          return AddToCollection(*Table(), PartitionOf(pk).id, PrefixOf(pk),
                                 static_cast<int64_t>(bytes), context);
        }));
  }
  // So that there is room for as much.
  void LeaveRoom(absl::string_view pk, uint64_t bytes) {
    Inflate(pk, kMaxCollectionBytes - SizeOf(pk) - bytes);
  }

  cluster::TablePtr Table() { return host_->FindTable("places"); }
  std::string PrefixOf(absl::string_view pk) {
    return storage::CollectionPrefix(Table()->keyspace, ValueOf(pk),
                                     host_->hash_seed());
  }
  const cluster::TablePartition& PartitionOf(absl::string_view pk) {
    held_ = Table();
    return held_->PartitionOf(
        storage::PlacementHash(ValueOf(pk), host_->hash_seed()));
  }

 private:
  static model::KeyValue ValueOf(absl::string_view pk) {
    return {model::ScalarType::kString, std::string(pk)};
  }
  cluster::TablePtr held_;
};

TEST_F(CollectionSizeTest, ItemsAndTheirEntriesCount) {
  EXPECT_EQ(SizeOf("p"), 0u);
  PutPlace(Pair("p", 1));
  const uint64_t bare = SizeOf("p");
  EXPECT_EQ(bare, 2u + 1 + 2 + 2);  // pk, "p", sk, 1
  PutPlace(Pair("p", 2) + S("name", "abc"));
  const uint64_t named = bare + 4 + 3;
  EXPECT_EQ(SizeOf("p"), bare + 2 * named);  // in by-name with all it has
  PutPlace(Pair("p", 3) + N("score", "5") + S("z", "long long ago"));
  const uint64_t scored = bare + 5 + 2;  // keys only
  EXPECT_EQ(SizeOf("p"), bare + 2 * named + scored + 1 + 13 + scored);
  EXPECT_EQ(SizeOf("q"), 0u);
}

TEST_F(CollectionSizeTest, EachWriteMovesThem) {
  const std::string key = absl::StrCat("key {", Pair("p", 1), "}");
  PutPlace(Pair("p", 1) + S("name", "abc"));
  const uint64_t before = SizeOf("p");
  Write("UpdateItem",
        key +
            " update_expression: 'SET x = :x' expression_attribute_values { "
            "key: ':x' value { s: '12345' } }");
  EXPECT_EQ(SizeOf("p"), before + 2 * (1 + 5));
  Call("BatchWriteItem",
       absl::StrCat("request_items { key: 'places' value { requests { "
                    "put_request { item {",
                    Pair("p", 2), "} } } requests { delete_request { key {",
                    Pair("p", 1), "} } } } }"));
  EXPECT_EQ(SizeOf("p"), 7u);
  EXPECT_THAT(Call("TransactWriteItems",
                   absl::StrCat("transact_items { put { table_name: 'places' "
                                "item {",
                                Pair("p", 3),
                                "} } } transact_items { delete { table_name: "
                                "'places' key {",
                                Pair("p", 2), "} } }")),
              "");
  EXPECT_EQ(SizeOf("p"), 7u);
  Write("DeleteItem", absl::StrCat("key {", Pair("p", 3), "}"));
  EXPECT_EQ(SizeOf("p"), 0u);
}

TEST_F(CollectionSizeTest, TenGigabytesAndNotAByteMore) {
  LeaveRoom("p", 7);
  EXPECT_EQ(PutPlace(Pair("p", 1) + S("y", "")), kFull);
  EXPECT_THAT(PutPlace(Pair("p", 1)), StartsWith("consumed"));
  EXPECT_EQ(SizeOf("p"), kMaxCollectionBytes);
  EXPECT_EQ(PutPlace(Pair("p", 2)), kFull);
  EXPECT_THAT(PutPlace(Pair("q", 2)), StartsWith("consumed"));
}

TEST_F(CollectionSizeTest, WhatMakesItNoLargerIsAllowed) {
  PutPlace(Pair("p", 1) + S("x", "12345"));
  PutPlace(Pair("p", 2));
  Inflate("p", kMaxCollectionBytes);
  EXPECT_THAT(PutPlace(Pair("p", 1) + S("x", "54321")), StartsWith("consumed"));
  EXPECT_EQ(PutPlace(Pair("p", 1) + S("x", "123456")), kFull);
  EXPECT_THAT(PutPlace(Pair("p", 1)), StartsWith("consumed"));
  EXPECT_THAT(Write("DeleteItem", absl::StrCat("key {", Pair("p", 2), "}")),
              StartsWith("consumed"));
}

TEST_F(CollectionSizeTest, UpdatesAndBatchesAreRefusedToo) {
  PutPlace(Pair("p", 1));
  LeaveRoom("p", 0);
  EXPECT_EQ(Write("UpdateItem",
                  absl::StrCat("key {", Pair("p", 1),
                               "} update_expression: 'SET x = :x' "
                               "expression_attribute_values { key: ':x' value "
                               "{ s: '' } }")),
            kFull);
  EXPECT_EQ(Call("BatchWriteItem",
                 absl::StrCat("request_items { key: 'places' value { requests "
                              "{ put_request { item {",
                              Pair("p", 2), "} } } } }")),
            kFull);
}

TEST_F(CollectionSizeTest, TransactionsAreCancelled) {
  LeaveRoom("p", 6);
  EXPECT_THAT(Call("TransactWriteItems",
                   absl::StrCat("transact_items { put { table_name: 'places' "
                                "item {",
                                Pair("q", 1),
                                "} } } transact_items { put { table_name: "
                                "'places' item {",
                                Pair("p", 1), "} } }")),
              HasSubstr("[None, ItemCollectionSizeLimitExceeded]"));
  EXPECT_EQ(SizeOf("q"), 0u);
}

TEST_F(CollectionSizeTest, MetricsTellTheWholeGigabytesAround) {
  const auto put = [&] {
    return Call("PutItem", absl::StrCat("table_name: 'places' item {",
                                        Pair("p", 1), "}", kMetrics));
  };
  EXPECT_THAT(put(), HasSubstr("size_estimate_range_gb: 0 "
                               "size_estimate_range_gb: 1"));
  Inflate("p", (uint64_t{3} << 30) - 7);
  EXPECT_THAT(put(), HasSubstr("size_estimate_range_gb: 3 "
                               "size_estimate_range_gb: 4"));
  Inflate("p", 1);
  EXPECT_THAT(put(), HasSubstr("size_estimate_range_gb: 3 "
                               "size_estimate_range_gb: 4"));
}

}  // namespace
}  // namespace pallet::service
