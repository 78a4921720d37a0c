// SPDX-License-Identifier: Apache-2.0
//
// A partition host over stores in memory, and whether it is whole.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "cluster/partition_host.h"
#include "gtest/gtest.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "tests/testing/fake_store.h"

namespace pallet::cluster {

inline absl::StatusOr<std::unique_ptr<PartitionHost>> OpenHost(
    const std::string& directory, testing::FakeDisk* disk, uint32_t stores = 2,
    uint32_t partitions = 0) {
  PartitionHostOptions options;
  options.data_directory = directory;
  options.store_count = stores;
  options.partitions_per_table = partitions;
  options.open_store = [disk](storage::StoreOptions store) {
    // What a real store would leave in its directory.
    CHECK_OK(
        ReplaceFile(FileSystem::Real(), store.directory + "/checkpoint", "x"));
    return disk->Open(store);
  };
  return PartitionHost::Open(std::move(options));
}

inline std::vector<std::string> NamesOf(const PartitionHost& host) {
  std::vector<std::string> names;
  for (const TablePtr& table : host.map()->tables()) {
    names.push_back(table->name);
  }
  return names;
}

inline std::vector<storage::PartitionInfo> PartitionsOf(PartitionHost& host) {
  std::vector<storage::PartitionInfo> all;
  for (uint32_t i = 0; i < host.store_count(); ++i) {
    for (const storage::PartitionInfo& info :
         host.store(StoreId(i)).Partitions()) {
      all.push_back(info);
    }
  }
  return all;
}

// Map and stores tell the same: each partition of each table and global index
// once, where it belongs, and no other.
inline void ExpectConsistent(PartitionHost& host) {
  size_t expected = 0;
  const auto expect = [&](const std::vector<TablePartition>& partitions,
                          storage::KeyspaceId keyspace, size_t index_count) {
    for (const TablePartition& partition : partitions) {
      ++expected;
      const auto info = host.store(partition.store).Partition(partition.id);
      ASSERT_TRUE(info.ok()) << info.status();
      EXPECT_EQ(info->range, partition.range);
      EXPECT_EQ(info->keyspace, keyspace);
      EXPECT_EQ(info->index_count, index_count);
    }
  };
  for (const TablePtr& table : host.map()->tables()) {
    EXPECT_EQ(table->record->state(), storage::v1::TABLE_STATE_ACTIVE);
    expect(table->partitions, table->keyspace, table->local_indexes.size());
    for (const GlobalIndex& index : table->global_indexes) {
      expect(index.partitions, index.keyspace, 0);
    }
    for (const auto& index : table->record->global_indexes()) {
      EXPECT_NE(index.state(), storage::v1::GLOBAL_INDEX_STATE_NEW);
    }
  }
  EXPECT_EQ(PartitionsOf(host).size(), expected);
}

}  // namespace pallet::cluster
