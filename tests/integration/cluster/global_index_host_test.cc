// SPDX-License-Identifier: Apache-2.0
//
// Global indexes in catalog and stores: made, added and dropped, and what a
// start makes of each state a process can leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "cluster/node_directory.h"
#include "cluster/partition_host.h"
#include "cluster/record_codec.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "tests/integration/cluster/host_on_fake_disk.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/store_client.h"
#include "tests/testing/table_definition.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::cluster {
namespace {

using model::Reason;
using model::ReasonOf;
using storage::v1::TableRecord;
using testing::AddGlobalIndex;
using testing::DropGlobalIndex;
using ::testing::ElementsAre;
using testing::FakeDisk;
using ::testing::HasSubstr;
using testing::TableDefinition;
using testing::TemporaryDirectory;

TableRecord Indexed(const std::string& name,
                    const std::vector<std::string>& indexes) {
  TableRecord table = TableDefinition(name);
  for (const std::string& index : indexes) {
    AddGlobalIndex(index, {absl::StrCat("of-", index), "sk"}, &table);
  }
  return table;
}

absl::StatusOr<TablePtr> Change(PartitionHost& host, const std::string& table,
                                const std::vector<std::string>& added,
                                const std::vector<std::string>& dropped) {
  return host.UpdateTable(table, [&](TableRecord& record) {
    for (const std::string& index : dropped) DropGlobalIndex(index, &record);
    for (const std::string& index : added) {
      AddGlobalIndex(index, {absl::StrCat("of-", index)}, &record);
    }
    return absl::OkStatus();
  });
}

// "first@1 second@2*": names, versions they came with, * if ACTIVE.
std::string Tell(const Table& table) {
  return absl::StrJoin(
      table.global_indexes, " ", [](std::string* out, const GlobalIndex& each) {
        absl::StrAppend(out, each.schema->name(), "@", each.schema_version,
                        each.state == IndexState::kActive ? "*" : "");
      });
}

class GlobalIndexHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    data_ = directory_.path() + "/data";
    ASSERT_TRUE(Open().ok());
  }

  absl::Status Open() {
    host_.reset();
    auto opened = OpenHost(data_, &disk_);
    if (opened.ok()) host_ = *std::move(opened);
    return opened.status();
  }

  TablePtr Create(const std::string& name,
                  const std::vector<std::string>& indexes) {
    auto table = host_->CreateTable(Indexed(name, indexes));
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *table : nullptr;
  }

  // What the table is, now and after a restart: the same.
  std::string TellTwice(const std::string& name) {
    ExpectConsistent(*host_);
    const std::string before = Tell(*host_->FindTable(name));
    const uint64_t version = host_->FindTable(name)->schema_version;
    EXPECT_TRUE(Open().ok());
    ExpectConsistent(*host_);
    const TablePtr after = host_->FindTable(name);
    EXPECT_EQ(Tell(*after), before);
    EXPECT_EQ(after->schema_version, version);
    EXPECT_EQ(after->record->schema_version(), version);
    return before;
  }

  TemporaryDirectory directory_;
  std::string data_;
  FakeDisk disk_;
  std::unique_ptr<PartitionHost> host_;
};

TEST_F(GlobalIndexHostTest, Example) {
  const TablePtr table = Create("cities", {"by-name", "by-zone"});
  ASSERT_EQ(table->global_indexes.size(), 2u);
  EXPECT_EQ(table->schema_version, 1u);
  const GlobalIndex* index = table->FindGlobalIndex("by-zone");
  ASSERT_NE(index, nullptr);
  EXPECT_EQ(table->FindGlobalIndex(index->id), index);
  EXPECT_EQ(table->FindGlobalIndex("of-name"), nullptr);
  EXPECT_EQ(index->state, IndexState::kCreating);
  ASSERT_EQ(index->schema->key().partition.size(), 1u);
  EXPECT_EQ(index->schema->key().partition[0].name, "of-by-zone");
  ASSERT_EQ(index->schema->key().sort.size(), 1u);
  EXPECT_EQ(index->schema->key().sort[0].name, "sk");
  EXPECT_EQ(index->schema->table_key(), table->key);
  EXPECT_EQ(index->schema->projection().kind, model::ProjectionKind::kKeysOnly);
  EXPECT_EQ(index->PartitionOf(UINT64_MAX).range.last, UINT64_MAX);
  EXPECT_GT(table->record->global_indexes(1).created().seconds(), 0);
  EXPECT_EQ(TellTwice("cities"), "by-name@1 by-zone@1");
}

TEST_F(GlobalIndexHostTest, TheirPartitionsSpreadOverTheStores) {
  Create("cities", {"a", "b", "c"});
  for (uint32_t i = 0; i < 2; ++i) {
    EXPECT_EQ(host_->store(StoreId(i)).Partitions().size(), 4u) << i;
  }
  ASSERT_TRUE(Change(*host_, "cities", {"d", "e"}, {}).ok());
  for (uint32_t i = 0; i < 2; ++i) {
    EXPECT_EQ(host_->store(StoreId(i)).Partitions().size(), 6u) << i;
  }
}

TEST_F(GlobalIndexHostTest, TheyComeAndGo) {
  Create("cities", {});
  EXPECT_EQ(host_->FindTable("cities")->schema_version, 0u);
  ASSERT_TRUE(Change(*host_, "cities", {"a"}, {}).ok());
  EXPECT_EQ(TellTwice("cities"), "a@1");
  ASSERT_TRUE(Change(*host_, "cities", {"b", "c"}, {}).ok());
  EXPECT_EQ(TellTwice("cities"), "a@1 b@2 c@2");
  ASSERT_TRUE(Change(*host_, "cities", {"d"}, {"b"}).ok());
  EXPECT_EQ(TellTwice("cities"), "a@1 c@2 d@3");
  ASSERT_TRUE(Change(*host_, "cities", {}, {"a", "c", "d"}).ok());
  EXPECT_EQ(TellTwice("cities"), "");
  EXPECT_EQ(host_->FindTable("cities")->schema_version, 4u);
  EXPECT_EQ(PartitionsOf(*host_).size(), 2u);
}

TEST_F(GlobalIndexHostTest, OtherChangesLeaveThemAsTheyAre) {
  const TablePtr before = Create("cities", {"a"});
  const auto after = host_->UpdateTable("cities", [](TableRecord& record) {
    record.set_deletion_protection(true);
    return absl::OkStatus();
  });
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ((*after)->schema_version, 1u);
  EXPECT_EQ((*after)->global_indexes[0].schema,
            before->global_indexes[0].schema);
  EXPECT_EQ((*after)->global_indexes[0].partitions,
            before->global_indexes[0].partitions);
}

TEST_F(GlobalIndexHostTest, NoNumberIsGivenOutTwice) {
  std::set<uint64_t> ids;
  std::set<uint32_t> keyspaces;
  size_t expected = 0;
  for (int round = 0; round < 3; ++round) {
    const TablePtr table = Create("cities", {"a", "b"});
    keyspaces.insert(table->keyspace.value());
    const auto changed = Change(*host_, "cities", {"a2"}, {"a"});
    ASSERT_TRUE(changed.ok()) << changed.status();
    for (const Table& each : {*table, **changed}) {
      for (const GlobalIndex& index : each.global_indexes) {
        ids.insert(index.id.value());
        keyspaces.insert(index.keyspace.value());
      }
    }
    expected += 3;
    EXPECT_EQ(ids.size(), expected);
    EXPECT_EQ(keyspaces.size(), expected + round + 1);
    ASSERT_TRUE(
        host_
            ->DeleteTable("cities",
                          [](const TableRecord&) { return absl::OkStatus(); })
            .ok());
    EXPECT_TRUE(PartitionsOf(*host_).empty());
    ASSERT_TRUE(Open().ok());
  }
}

TEST_F(GlobalIndexHostTest, ActivationIsDurable) {
  const TablePtr table = Create("cities", {"a", "b"});
  const IndexId b = table->FindGlobalIndex("b")->id;
  const IndexId gone(4711);
  const auto active = host_->ActivateIndexes("cities", {b, gone});
  ASSERT_TRUE(active.ok()) << active.status();
  EXPECT_EQ(Tell(**active), "a@1 b@1*");
  EXPECT_EQ(TellTwice("cities"), "a@1 b@1*");
  // An index that comes later does not change that.
  ASSERT_TRUE(Change(*host_, "cities", {"c"}, {}).ok());
  EXPECT_EQ(TellTwice("cities"), "a@1 b@1* c@2");
  EXPECT_EQ(ReasonOf(host_->ActivateIndexes("towns", {b}).status()),
            Reason::kResourceNotFound);
}

TEST_F(GlobalIndexHostTest, CountsAreThoseOfTheirPartitions) {
  const TablePtr table = Create("cities", {"a", "b"});
  const GlobalIndex& index = table->global_indexes[1];
  for (const TablePartition& partition : index.partitions) {
    std::string key;
    AppendU32(&key, index.keyspace.value());
    AppendU64(&key, partition.range.first);
    ASSERT_TRUE(testing::WriteAndWait(host_->store(partition.store),
                                      partition.id,
                                      [&](storage::WriteContext& context) {
                                        context.Put(key, "entry", 10);
                                        return absl::OkStatus();
                                      })
                    .ok());
  }
  const auto counts = host_->CountsOf(*table);
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->items, 0u);
  ASSERT_EQ(counts->global_indexes.size(), 2u);
  EXPECT_EQ(counts->global_indexes[0].rows, 0u);
  EXPECT_EQ(counts->global_indexes[1].rows, 2u);
  EXPECT_EQ(counts->global_indexes[1].bytes, 20u);
}

TEST_F(GlobalIndexHostTest, FormatsRiseOnlyWithAGlobalIndex) {
  const auto disk_format = [&] {
    storage::v1::NodeRecord record;
    const auto stored = ReadFile(FileSystem::Real(), data_ + "/node");
    EXPECT_TRUE(stored.ok());
    EXPECT_TRUE(DecodeRecord("node", "node", *stored, &record).ok());
    return record.disk_format();
  };
  EXPECT_EQ(Create("plain", {})->record->format(), kRecordFormat);
  EXPECT_EQ(disk_format(), kFirstDiskFormat);
  ASSERT_TRUE(host_->CreateTable(TableDefinition("local", true, 1)).ok());
  EXPECT_EQ(disk_format(), kLocalIndexDiskFormat);
  EXPECT_EQ(Create("global", {"a"})->record->format(), kGlobalIndexTableFormat);
  EXPECT_EQ(disk_format(), kGlobalIndexDiskFormat);
  // Its partitions remember what they kept changes for.
  const auto without = Change(*host_, "global", {}, {"a"});
  ASSERT_TRUE(without.ok());
  EXPECT_EQ((*without)->record->format(), kGlobalIndexTableFormat);
  EXPECT_EQ(host_->FindTable("plain")->record->format(), kRecordFormat);
}

TEST_F(GlobalIndexHostTest, AnUpdateWhosePartitionsCannotBeMadeDidNotHappen) {
  for (int steps : {0, 1, 3}) {
    Create("cities", {"a"});
    const TablePtr before = host_->FindTable("cities");
    disk_.CrashAfter(steps);
    const auto changed = Change(*host_, "cities", {"b", "c"}, {"a"});
    EXPECT_FALSE(changed.ok());
    EXPECT_NE(ReasonOf(changed.status()), Reason::kOutcomeUnknown);
    EXPECT_EQ(host_->FindTable("cities"), before);
    disk_.Recover();
    ASSERT_TRUE(Open().ok());
    ExpectConsistent(*host_);
    EXPECT_EQ(Tell(*host_->FindTable("cities")), "a@1");
    // And it can be done again.
    const auto again = Change(*host_, "cities", {"b", "c"}, {"a"});
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_GT((*again)->schema_version, 1u);
    ExpectConsistent(*host_);
    ASSERT_TRUE(
        host_
            ->DeleteTable("cities",
                          [](const TableRecord&) { return absl::OkStatus(); })
            .ok());
  }
}

TEST_F(GlobalIndexHostTest, AMissingPartitionOfAWholeIndexIsDataLoss) {
  const TablePtr table = Create("cities", {"a"});
  const TablePartition& lost = table->global_indexes[0].partitions[1];
  ASSERT_TRUE(host_->store(lost.store).DropPartition(lost.id).ok());
  const absl::Status status = Open();
  EXPECT_EQ(ReasonOf(status), Reason::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("partition ", lost.id.value())));
}

TEST_F(GlobalIndexHostTest, ADroppedIndexLeavesOrphansForTheNextStart) {
  Create("cities", {"a"});
  disk_.CrashAfter(0);
  ASSERT_TRUE(Change(*host_, "cities", {}, {"a"}).ok());
  EXPECT_EQ(PartitionsOf(*host_).size(), 4u);
  disk_.Recover();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(PartitionsOf(*host_).size(), 2u);
  ExpectConsistent(*host_);
}

// Dies at each step of a life of indexes, and starts again from what was there.
TEST(GlobalIndexCrashTest, EveryMomentOfDyingIsFollowedByASoundStart) {
  TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  FakeDisk disk;
  int moments = 0;
  std::set<std::string> outcomes;
  disk.SetStepHook([&] {
    const std::string copy = absl::StrCat(directory.path(), "/", ++moments);
    std::filesystem::copy(data, copy, std::filesystem::copy_options::recursive);
    FakeDisk copied_disk;
    copied_disk.CopyFrom(disk, data, copy);
    auto host = OpenHost(copy, &copied_disk);
    ASSERT_TRUE(host.ok()) << "moment " << moments << ": " << host.status();
    ExpectConsistent(**host);
    const TablePtr table = (*host)->FindTable("cities");
    outcomes.insert(table == nullptr ? "none" : Tell(*table));
    if (table != nullptr) {
      ASSERT_TRUE(Change(**host, "cities", {"fresh"}, {}).ok());
    }
    host->reset();
    host = OpenHost(copy, &copied_disk);
    ASSERT_TRUE(host.ok()) << "moment " << moments << ": " << host.status();
    ExpectConsistent(**host);
    host->reset();
    std::filesystem::remove_all(copy);
  });
  {
    // One store, so that its opening is alone and the copy is of one moment.
    auto host = OpenHost(data, &disk, /*stores=*/1);
    ASSERT_TRUE(host.ok()) << host.status();
    ASSERT_TRUE((*host)->CreateTable(Indexed("cities", {"a", "b"})).ok());
    ASSERT_TRUE(Change(**host, "cities", {"c"}, {}).ok());
    ASSERT_TRUE(Change(**host, "cities", {"d", "e"}, {"a"}).ok());
    ASSERT_TRUE(
        (*host)
            ->DeleteTable("cities",
                          [](const TableRecord&) { return absl::OkStatus(); })
            .ok());
  }
  EXPECT_GE(moments, 2 + 6 + 2 + 6 + 10);
  EXPECT_THAT(outcomes,
              ElementsAre("a@1 b@1", "a@1 b@1 c@2", "b@1 c@2 d@3 e@3", "none"));
}

}  // namespace
}  // namespace pallet::cluster
