// SPDX-License-Identifier: Apache-2.0
#include "cluster/partition_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pallet::cluster {
namespace {

using storage::HashRange;
using storage::PartitionId;
using ::testing::ElementsAre;

TablePtr MakeTable(const std::string& name, uint32_t partitions) {
  auto table = std::make_shared<Table>();
  table->name = name;
  for (const HashRange& range : EvenRanges(partitions)) {
    const uint64_t number = table->partitions.size();
    table->partitions.push_back({PartitionId(100 + number), range, 1,
                                 StoreId(static_cast<uint32_t>(number % 2))});
  }
  return table;
}

std::vector<std::string> Names(const PartitionMap& map) {
  std::vector<std::string> names;
  for (const TablePtr& table : map.tables()) names.push_back(table->name);
  return names;
}

TEST(PartitionMapTest, Example) {
  const PartitionMap map({MakeTable("cities", 4), MakeTable("authors", 1)}, 1);
  const TablePtr cities = map.Find("cities");
  ASSERT_NE(cities, nullptr);
  EXPECT_EQ(cities->PartitionOf(0).id, PartitionId(100));
  EXPECT_EQ(cities->PartitionOf(uint64_t{1} << 63).id, PartitionId(102));
  EXPECT_EQ(cities->PartitionOf(UINT64_MAX).id, PartitionId(103));
  EXPECT_EQ(map.Find("city"), nullptr);
  EXPECT_THAT(Names(map), ElementsAre("authors", "cities"));
}

TEST(PartitionMapTest, ASnapshotStaysAsItIs) {
  const auto first = std::make_shared<const PartitionMap>(
      std::vector<TablePtr>{MakeTable("b", 1)}, 1);
  const auto second = first->With("a", MakeTable("a", 1));
  const auto third = second->With("b", MakeTable("b", 2));
  const auto fourth = third->With("a", nullptr);
  EXPECT_THAT(Names(*first), ElementsAre("b"));
  EXPECT_THAT(Names(*second), ElementsAre("a", "b"));
  EXPECT_THAT(Names(*fourth), ElementsAre("b"));
  EXPECT_EQ(second->Find("b")->partitions.size(), 1u);
  EXPECT_EQ(third->Find("b")->partitions.size(), 2u);
  EXPECT_EQ(fourth->version(), 4u);
}

TEST(EvenRangesTest, CoverEveryHashOnce) {
  for (uint32_t count : {1u, 2u, 3u, 4u, 7u, 64u, 1000u}) {
    const std::vector<HashRange> ranges = EvenRanges(count);
    ASSERT_EQ(ranges.size(), count);
    EXPECT_EQ(ranges.front().first, 0u);
    EXPECT_EQ(ranges.back().last, UINT64_MAX);
    for (size_t i = 1; i < ranges.size(); ++i) {
      EXPECT_EQ(ranges[i].first, ranges[i - 1].last + 1);
    }
    const uint64_t width = UINT64_MAX / count;
    for (const HashRange& range : ranges) {
      EXPECT_LE(range.last - range.first - (width - 1), 1u) << count;
    }
  }
}

TEST(EvenRangesTest, BoundariesFindTheirPartition) {
  const TablePtr table = MakeTable("t", 7);
  for (const TablePartition& partition : table->partitions) {
    EXPECT_EQ(table->PartitionOf(partition.range.first), partition);
    EXPECT_EQ(table->PartitionOf(partition.range.last), partition);
  }
}

}  // namespace
}  // namespace pallet::cluster
