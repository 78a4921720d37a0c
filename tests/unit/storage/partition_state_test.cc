// SPDX-License-Identifier: Apache-2.0
#include "storage/partition_state.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "storage/key_codec.h"

namespace pallet::storage {
namespace {

constexpr char kPlainHex[] =
    "01"                // format
    "00000007"          // keyspace
    "0000000000000001"  // range
    "00000000000000ff"
    "0000000000000002"  // epoch
    "0000000000000009"  // index
    "0000000000000008"  // change seq
    "0000000000000003"  // items
    "0000000000000100"  // bytes
    "01";               // phase

PartitionState Plain() {
  PartitionState state;
  state.info.id = PartitionId(5);
  state.info.keyspace = KeyspaceId(7);
  state.info.range = {1, 255};
  state.info.epoch = 2;
  state.info.change_seq = ChangeSeq(8);
  state.info.item_count = 3;
  state.info.item_bytes = 256;
  state.index = 9;
  return state;
}

TEST(PartitionStateTest, GoldenBytesWithoutIndexes) {
  const std::string row = EncodePartitionState(Plain());
  EXPECT_EQ(absl::BytesToHexString(row), kPlainHex);
  const auto decoded = DecodePartitionState(PartitionId(5), row);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->info.item_bytes, 256u);
  EXPECT_EQ(decoded->info.index_count, 0u);
  EXPECT_FALSE(DecodePartitionState(PartitionId(5), row + '\0').ok());
}

TEST(PartitionStateTest, GoldenBytesWithIndexes) {
  PartitionState state = Plain();
  state.info.index_count = 2;
  state.info.indexes[1] = {4, 5};
  const std::string row = EncodePartitionState(state);
  EXPECT_EQ(absl::BytesToHexString(row), "02" +
                                             std::string(kPlainHex).substr(2) +
                                             "02"
                                             "0000000000000000"
                                             "0000000000000000"
                                             "0000000000000004"
                                             "0000000000000005");
  const auto decoded = DecodePartitionState(PartitionId(5), row);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->info.indexes, state.info.indexes);
  EXPECT_FALSE(
      DecodePartitionState(PartitionId(5), row.substr(0, row.size() - 1)).ok());
}

TEST(PartitionStateTest, GoldenBytesWithASchemaVersion) {
  PartitionState state = Plain();
  state.info.schema_version = 6;
  const std::string row = EncodePartitionState(state);
  EXPECT_EQ(absl::BytesToHexString(row), "03" +
                                             std::string(kPlainHex).substr(2) +
                                             "00"
                                             "0000000000000006");
  const auto decoded = DecodePartitionState(PartitionId(5), row);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->info.schema_version, 6u);
  EXPECT_FALSE(
      DecodePartitionState(PartitionId(5), row.substr(0, row.size() - 1)).ok());
  // A lower format says it if there is none.
  std::string none = row;
  none.back() = '\0';
  EXPECT_FALSE(DecodePartitionState(PartitionId(5), none).ok());
}

TEST(PartitionStateTest, RowsAreFoundInTheKeyspacesOfThePartition) {
  PartitionState state = Plain();
  state.info.index_count = 2;
  EXPECT_EQ(OrdinalOf(state.info, HashPrefix(KeyspaceId(7), 3)), 0u);
  EXPECT_EQ(OrdinalOf(state.info, HashPrefix(KeyspaceId(9), 3)), 2u);
  EXPECT_GT(OrdinalOf(state.info, HashPrefix(KeyspaceId(6), 3)), 2u);
  EXPECT_EQ(FirstRowKey(state.info, 2), HashPrefix(KeyspaceId(9), 1));
  EXPECT_EQ(EndRowKey(state.info, 2),
            PrefixEnd(HashPrefix(KeyspaceId(9), 255)));
}

}  // namespace
}  // namespace pallet::storage
