// SPDX-License-Identifier: Apache-2.0
//
// What rows lie in: each index has keyspace, key and partitions of its own, a
// local one the partitions of its table.
#include "service/handlers/row_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace pallet::service {
namespace {

using cluster::StoreId;
using cluster::TablePartition;
using storage::KeyspaceId;
using storage::PartitionId;

const model::KeySchema kKey = {
    {"pk", model::ScalarType::kString},
    model::KeyAttribute{"sk", model::ScalarType::kNumber}};

TablePartition Partition(uint64_t id, storage::HashRange range,
                         uint32_t store) {
  TablePartition partition;
  partition.id = PartitionId(id);
  partition.range = range;
  partition.store = StoreId(store);
  return partition;
}

// The table is whole in one store; its global index in halves in two others.
cluster::Table MakeTable() {
  cluster::Table table;
  table.name = "places";
  table.keyspace = KeyspaceId(10);
  table.key = kKey;
  table.partitions = {Partition(1, {}, 0)};
  table.local_indexes.emplace_back(
      "local",
      model::KeySchema{kKey.partition,
                       model::KeyAttribute{"at", model::ScalarType::kNumber}},
      kKey, model::Projection());
  cluster::GlobalIndex global;
  global.keyspace = KeyspaceId(20);
  global.schema = std::make_shared<const model::GlobalIndex>(
      "global",
      model::IndexKeySchema{{{"by", model::ScalarType::kString}},
                            {{"at", model::ScalarType::kNumber}}},
      kKey, model::Projection());
  const auto halves = cluster::EvenRanges(2);
  global.partitions = {Partition(2, halves[0], 1), Partition(3, halves[1], 2)};
  global.state = cluster::IndexState::kActive;
  table.global_indexes.push_back(std::move(global));
  return table;
}

std::string Show(const RowSource& source) {
  std::string text;
  for (const auto& attribute : source.key().partition) text += attribute.name;
  for (const auto& attribute : source.key().sort) text += " " + attribute.name;
  text += " in " + std::to_string(source.keyspace.value());
  for (const TablePartition& partition : source.partitions()) {
    text += " " + std::to_string(partition.id.value());
  }
  return text;
}

TEST(RowSourceTest, Example) {
  const cluster::Table table = MakeTable();
  const std::string local = "local", global = "global", none = "none";
  EXPECT_EQ(Show(SourceOf(table, nullptr).value()), "pk sk in 10 1");
  EXPECT_EQ(Show(SourceOf(table, &local).value()), "pk at in 11 1");
  EXPECT_EQ(Show(SourceOf(table, &global).value()), "by at in 20 2 3");
  EXPECT_EQ(SourceOf(table, &none).status().message(),
            "The table does not have the specified index: none");
}

TEST(RowSourceTest, PartitionsAreThoseOfTheSource) {
  const cluster::Table table = MakeTable();
  const std::string global = "global";
  const RowSource source = SourceOf(table, &global).value();
  EXPECT_EQ(source.PartitionOf(0).id, PartitionId(2));
  EXPECT_EQ(source.PartitionOf(~uint64_t{0}).id, PartitionId(3));
  EXPECT_EQ(SourceOf(table, nullptr)->PartitionOf(0).id, PartitionId(1));
}

TEST(RowSourceTest, OnlyLocalIndexesReachBackToTheirItems) {
  cluster::Table table = MakeTable();
  const std::string local = "local", global = "global";
  const auto wants = [&](const std::string* index) {
    return WantsMoreThanEntries(SourceOf(table, index).value(),
                                wire::v1::SELECT_ALL_ATTRIBUTES, {});
  };
  EXPECT_FALSE(wants(&local));  // it has everything
  table.local_indexes[0] =
      model::LocalIndex("local", table.local_indexes[0].key(), kKey,
                        model::Projection{model::ProjectionKind::kKeysOnly});
  EXPECT_TRUE(wants(&local));
  EXPECT_FALSE(wants(&global));
  EXPECT_FALSE(wants(nullptr));
}

}  // namespace
}  // namespace pallet::service
