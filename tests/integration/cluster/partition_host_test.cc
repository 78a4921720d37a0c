// SPDX-License-Identifier: Apache-2.0
//
// The partition host over stores in memory: what a start makes of each state a
// process can leave behind.
#include "cluster/partition_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/thread.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "tests/integration/cluster/host_on_fake_disk.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/table_definition.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::cluster {
namespace {

using model::Reason;
using model::ReasonOf;
using storage::KeyspaceId;
using storage::PartitionId;
using storage::PartitionInfo;
using storage::v1::TableRecord;
using ::testing::ElementsAre;
using testing::FakeDisk;
using ::testing::HasSubstr;
using testing::TableDefinition;
using testing::TemporaryDirectory;

class PartitionHostTest : public ::testing::Test {
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

  TablePtr Create(const std::string& name, int local_indexes = 0) {
    auto table = host_->CreateTable(TableDefinition(name, true, local_indexes));
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *table : nullptr;
  }

  absl::Status Delete(const std::string& name) {
    return host_
        ->DeleteTable(name, [](const TableRecord&) { return absl::OkStatus(); })
        .status();
  }

  // Puts one row of 10 bytes into the partition.
  void PutRow(const Table& table, const TablePartition& partition) {
    class Put final : public storage::RowWrite {
     public:
      Put(PartitionId partition, std::string key)
          : partition_(partition), key_(std::move(key)) {}
      PartitionId partition() const override { return partition_; }
      size_t byte_size() const override { return 1; }
      absl::Status Decide(storage::WriteContext& context) override {
        context.Put(key_, "item", 10);
        return absl::OkStatus();
      }
      void Done(const absl::Status& status) override {
        EXPECT_TRUE(status.ok()) << status;
      }

     private:
      const PartitionId partition_;
      const std::string key_;
    };
    std::string key;
    AppendU32(&key, table.keyspace.value());
    AppendU64(&key, partition.range.first);
    ASSERT_TRUE(
        host_->Submit(partition, std::make_unique<Put>(partition.id, key))
            .ok());
  }

  TemporaryDirectory directory_;
  std::string data_;
  FakeDisk disk_;
  std::unique_ptr<PartitionHost> host_;
};

TEST_F(PartitionHostTest, IndexesAreThereAgainAfterARestart) {
  Create("plain");
  const TablePtr indexed = Create("indexed", 3);
  const TablePtr next = Create("next");
  ASSERT_EQ(indexed->local_indexes.size(), 3u);
  EXPECT_EQ(indexed->record->format(), 2u);
  EXPECT_EQ(next->record->format(), 1u);
  // Each index has a keyspace of its own.
  EXPECT_EQ(indexed->KeyspaceOfLocalIndex(2).value(),
            indexed->keyspace.value() + 3);
  EXPECT_EQ(next->keyspace.value(), indexed->keyspace.value() + 4);
  ASSERT_TRUE(Open().ok());
  const TablePtr again = host_->FindTable("indexed");
  ASSERT_NE(again, nullptr);
  ASSERT_EQ(again->local_indexes.size(), 3u);
  EXPECT_EQ(again->local_indexes[1].name(), "index-1");
  EXPECT_EQ(again->local_indexes[1].key().sort->name, "by1");
  EXPECT_EQ(again->FindLocalIndex("index-2"), &again->local_indexes[2]);
  EXPECT_EQ(again->FindLocalIndex("index-3"), nullptr);
  EXPECT_EQ(host_->CountsOf(*again)->local_indexes.size(), 3u);
  ExpectConsistent(*host_);
}

TEST_F(PartitionHostTest, Example) {
  const TablePtr table = Create("cities");
  EXPECT_EQ(host_->FindTable("cities"), table);
  EXPECT_EQ(host_->FindTable("towns"), nullptr);
  EXPECT_EQ(table->key.partition.name, "pk");
  EXPECT_EQ(table->key.sort->name, "sk");
  ASSERT_EQ(table->partitions.size(), 2u);
  EXPECT_NE(table->partitions[0].store, table->partitions[1].store);
  EXPECT_EQ(table->record->uuid().size(), 36u);
  EXPECT_GT(table->record->created().seconds(), 0);
  PutRow(*table, table->PartitionOf(0));
  PutRow(*table, table->PartitionOf(UINT64_MAX));
  const auto counts = host_->CountsOf(*table);
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->items, 2u);
  EXPECT_EQ(counts->bytes, 20u);
  ExpectConsistent(*host_);
}

TEST_F(PartitionHostTest, TablesAreThereAgainAfterARestart) {
  const TablePtr before = Create("cities");
  const uint64_t seed = host_->hash_seed();
  PutRow(*before, before->PartitionOf(0));
  ASSERT_TRUE(Open().ok());
  const TablePtr after = host_->FindTable("cities");
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->id, before->id);
  EXPECT_EQ(after->keyspace, before->keyspace);
  EXPECT_EQ(after->key, before->key);
  EXPECT_EQ(after->partitions, before->partitions);
  EXPECT_EQ(after->record->SerializeAsString(),
            before->record->SerializeAsString());
  EXPECT_EQ(host_->hash_seed(), seed);
  EXPECT_EQ(host_->CountsOf(*after)->items, 1u);
  ExpectConsistent(*host_);
}

TEST_F(PartitionHostTest, ANameIsTakenOnce) {
  const TablePtr first = Create("cities");
  const auto second = host_->CreateTable(TableDefinition("cities"));
  EXPECT_EQ(ReasonOf(second.status()), Reason::kTableAlreadyExists);
  EXPECT_EQ(host_->FindTable("cities"), first);
}

TEST_F(PartitionHostTest, ATableMadeAgainIsAnother) {
  const TablePtr first = Create("cities");
  PutRow(*first, first->PartitionOf(0));
  ASSERT_TRUE(Delete("cities").ok());
  EXPECT_EQ(host_->FindTable("cities"), nullptr);
  EXPECT_TRUE(PartitionsOf(*host_).empty());
  EXPECT_EQ(ReasonOf(Delete("cities")), Reason::kResourceNotFound);
  const TablePtr second = Create("cities");
  EXPECT_NE(second->id, first->id);
  EXPECT_NE(second->keyspace, first->keyspace);
  EXPECT_NE(second->partitions[0].id, first->partitions[0].id);
  EXPECT_NE(second->record->uuid(), first->record->uuid());
  EXPECT_EQ(host_->CountsOf(*second)->items, 0u);
}

TEST_F(PartitionHostTest, DeletingAsksFirst) {
  Create("cities");
  const auto refused = host_->DeleteTable("cities", [](const TableRecord&) {
    return model::ValidationError("protected");
  });
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kValidation);
  EXPECT_NE(host_->FindTable("cities"), nullptr);
  ExpectConsistent(*host_);
}

TEST_F(PartitionHostTest, UpdatesAreSeenAtOnceAndAfterARestart) {
  const TablePtr before = Create("cities");
  const auto updated = host_->UpdateTable("cities", [](TableRecord& record) {
    record.set_deletion_protection(true);
    return absl::OkStatus();
  });
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_FALSE(before->record->deletion_protection());
  EXPECT_TRUE(host_->FindTable("cities")->record->deletion_protection());
  EXPECT_EQ((*updated)->partitions, before->partitions);
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(host_->FindTable("cities")->record->deletion_protection());
}

TEST_F(PartitionHostTest, ARefusedUpdateChangesNothing) {
  Create("cities");
  const auto refused = host_->UpdateTable("cities", [](TableRecord& record) {
    record.set_deletion_protection(true);
    return model::ValidationError("no");
  });
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kValidation);
  EXPECT_FALSE(host_->FindTable("cities")->record->deletion_protection());
  const auto unknown = host_->UpdateTable(
      "towns", [](TableRecord&) { return absl::OkStatus(); });
  EXPECT_EQ(ReasonOf(unknown.status()), Reason::kResourceNotFound);
}

TEST_F(PartitionHostTest, PartitionsSpreadOverTheStores) {
  host_.reset();
  const std::string data = directory_.path() + "/wide";
  FakeDisk disk;
  auto host = OpenHost(data, &disk, /*stores=*/4, /*partitions=*/3);
  ASSERT_TRUE(host.ok()) << host.status();
  for (const char* name : {"aaa", "bbb", "ccc", "ddd"}) {
    ASSERT_TRUE((*host)->CreateTable(TableDefinition(name)).ok());
  }
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*host)->store(StoreId(i)).Partitions().size(), 3u) << i;
  }
  ExpectConsistent(**host);
}

TEST_F(PartitionHostTest, TheSecondHostIsRefused) {
  const auto second = OpenHost(data_, &disk_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("another process uses the data directory"));
}

TEST_F(PartitionHostTest, ATableWhosePartitionsCannotBeMadeIsNotThere) {
  for (int steps : {0, 1}) {
    disk_.CrashAfter(steps);
    const auto table = host_->CreateTable(TableDefinition("cities"));
    EXPECT_FALSE(table.ok());
    EXPECT_EQ(host_->FindTable("cities"), nullptr);
    disk_.Recover();
    // What could not be dropped is an orphan until the next start.
    ASSERT_TRUE(Open().ok());
    EXPECT_TRUE(NamesOf(*host_).empty());
    ExpectConsistent(*host_);
  }
  Create("cities");
  ExpectConsistent(*host_);
}

TEST_F(PartitionHostTest, OrphansAreDroppedAtTheNextStart) {
  Create("cities");
  disk_.CrashAfter(0);
  ASSERT_TRUE(Delete("cities").ok());
  EXPECT_EQ(PartitionsOf(*host_).size(), 2u);
  disk_.Recover();
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(PartitionsOf(*host_).empty());
}

TEST_F(PartitionHostTest, AMissingPartitionIsDataLoss) {
  const TablePtr table = Create("cities");
  const TablePartition& lost = table->partitions[1];
  ASSERT_TRUE(host_->store(lost.store).DropPartition(lost.id).ok());
  const absl::Status status = Open();
  EXPECT_EQ(ReasonOf(status), Reason::kDataLoss);
  EXPECT_EQ(status.message(), absl::StrCat("partition ", lost.id.value(),
                                           " of table cities is not in store ",
                                           lost.store.value()));
}

TEST_F(PartitionHostTest, APartitionTheCatalogNeverKnewIsDataLoss) {
  Create("cities");
  ASSERT_TRUE(host_->store(StoreId(0))
                  .CreatePartition(PartitionId(99), KeyspaceId(9), {})
                  .ok());
  const absl::Status status = Open();
  EXPECT_EQ(ReasonOf(status), Reason::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("partition 99"));
}

TEST_F(PartitionHostTest, AnotherPartitionUnderTheSameNumberIsDataLoss) {
  const TablePtr table = Create("cities");
  const TablePartition& partition = table->partitions[0];
  storage::Store& store = host_->store(partition.store);
  ASSERT_TRUE(store.DropPartition(partition.id).ok());
  ASSERT_TRUE(
      store.CreatePartition(partition.id, table->keyspace, {0, 5}).ok());
  EXPECT_EQ(ReasonOf(Open()), Reason::kDataLoss);
}

TEST_F(PartitionHostTest, AMissingStoreOrCatalogIsDataLoss) {
  Create("cities");
  host_.reset();
  const std::string spare = directory_.path() + "/spare";
  std::filesystem::rename(data_ + "/store-1", spare);
  EXPECT_EQ(ReasonOf(Open()), Reason::kDataLoss);
  std::filesystem::rename(spare, data_ + "/store-1");
  std::filesystem::rename(data_ + "/catalog", spare);
  EXPECT_EQ(ReasonOf(Open()), Reason::kDataLoss);
  std::filesystem::remove_all(data_ + "/catalog");
  std::filesystem::rename(spare, data_ + "/catalog");
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(NamesOf(*host_), ElementsAre("cities"));
}

TEST_F(PartitionHostTest, AStoreThatDoesNotOpenIsToldAndCanBeTriedAgain) {
  Create("cities");
  disk_.CrashAfter(1);
  EXPECT_FALSE(Open().ok());
  disk_.Recover();
  ASSERT_TRUE(Open().ok());
  ExpectConsistent(*host_);
}

TEST_F(PartitionHostTest, ReadersSeeWholeTablesWhileTablesComeAndGo) {
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> found = 0;
  std::vector<Thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back("reader", [&] {
      while (!stop) {
        const TablePtr table = host_->FindTable("cities");
        if (table == nullptr) continue;
        ++found;
        EXPECT_EQ(table->PartitionOf(UINT64_MAX).range.last, UINT64_MAX);
        const auto map = host_->map();
        EXPECT_LE(map->tables().size(), 1u);
      }
    });
  }
  for (int round = 0; round < 20 || found < 100; ++round) {
    Create("cities");
    EXPECT_TRUE(Delete("cities").ok());
  }
  stop = true;
}

// Dies at each step of a life of tables, and starts again from what was there.
TEST(PartitionHostCrashTest, EveryMomentOfDyingIsFollowedByASoundStart) {
  TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  FakeDisk disk;
  // The process dies at the hook: what its directories and stores hold then is
  // copied, and a host starts on the copy.
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
    outcomes.insert(absl::StrJoin(NamesOf(**host), " "));
    // It works, and uses no number again.
    const auto fresh = (*host)->CreateTable(TableDefinition("fresh"));
    ASSERT_TRUE(fresh.ok()) << "moment " << moments << ": " << fresh.status();
    ExpectConsistent(**host);
    host->reset();
    // And once more, as an ordinary restart.
    host = OpenHost(copy, &copied_disk);
    ASSERT_TRUE(host.ok()) << "moment " << moments << ": " << host.status();
    EXPECT_NE((*host)->FindTable("fresh"), nullptr);
    ExpectConsistent(**host);
    host->reset();
    std::filesystem::remove_all(copy);
  });
  {
    // One store, so that its opening is alone and the copy is of one moment.
    auto host = OpenHost(data, &disk, /*stores=*/1);
    ASSERT_TRUE(host.ok()) << host.status();
    ASSERT_TRUE((*host)->CreateTable(TableDefinition("one")).ok());
    ASSERT_TRUE((*host)->CreateTable(TableDefinition("two")).ok());
    const auto always = [](const TableRecord&) { return absl::OkStatus(); };
    ASSERT_TRUE((*host)->DeleteTable("one", always).ok());
    ASSERT_TRUE((*host)->CreateTable(TableDefinition("one")).ok());
    ASSERT_TRUE((*host)->DeleteTable("two", always).ok());
  }
  EXPECT_GE(moments, 2 + 2 + 2 + 2 + 2 + 2);
  EXPECT_THAT(outcomes, ElementsAre("", "one", "one two", "two"));
}

}  // namespace
}  // namespace pallet::cluster
