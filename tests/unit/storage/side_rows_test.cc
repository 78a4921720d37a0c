// SPDX-License-Identifier: Apache-2.0
#include "storage/side_rows.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "storage/store.h"
#include "tests/testing/store_client.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage {
namespace {

using testing::ReadItem;
using testing::TestKey;
using testing::WriteAndWait;

constexpr PartitionId kPartition{1};
constexpr KeyspaceId kKeyspace{10};

TEST(SideRowsTest, GoldenKeys) {
  EXPECT_EQ(absl::BytesToHexString(ChangeKey(PartitionId(3), ChangeSeq(258))),
            "ffffff01"
            "0000000000000003"
            "0000000000000102");
  EXPECT_EQ(absl::BytesToHexString(CursorKey(PartitionId(3), PartitionId(4))),
            "ffffff02"
            "0000000000000003"
            "0000000000000004");
  EXPECT_EQ(absl::BytesToHexString(BackfillKey(PartitionId(3), 7)),
            "ffffff03"
            "0000000000000003"
            "0000000000000007");
  EXPECT_EQ(SeqOfChangeKey(ChangeKey(PartitionId(3), ChangeSeq(258))),
            ChangeSeq(258));
  EXPECT_EQ(OwnerOfSideRow(BackfillKey(PartitionId(3), 7)), PartitionId(3));
}

TEST(SideRowsTest, GoldenKeysOfStreams) {
  const std::string record = StreamRecordKey(PartitionId(3), 2, ChangeSeq(258));
  EXPECT_EQ(absl::BytesToHexString(record),
            "ffffff07"
            "0000000000000003"
            "0000000000000002"
            "0000000000000102");
  EXPECT_EQ(absl::BytesToHexString(ShardKey(PartitionId(3), 2)),
            "ffffff07"
            "0000000000000003"
            "0000000000000002"
            "0000000000000000");
  EXPECT_EQ(SeqOfStreamRecordKey(record), ChangeSeq(258));
  EXPECT_TRUE(IsStreamRecord(record));
  EXPECT_FALSE(IsStreamRecord(ShardKey(PartitionId(3), 2)));
  EXPECT_TRUE(IsStreamRow(record));
  EXPECT_TRUE(IsStreamRow(ShardKey(PartitionId(3), 2)));
  EXPECT_FALSE(IsStreamRow(ChangeKey(PartitionId(3), ChangeSeq(258))));
  EXPECT_FALSE(IsStreamRecord(ChangeKey(PartitionId(3), ChangeSeq(258))));
  const SideRange records = StreamRecordsOf(PartitionId(3), 2);
  EXPECT_LT(ShardKey(PartitionId(3), 2), records.begin);
  EXPECT_LE(records.begin, StreamRecordKey(PartitionId(3), 2, ChangeSeq(1)));
  EXPECT_LT(StreamRecordKey(PartitionId(3), 2, ChangeSeq(UINT64_MAX)),
            records.end);
  EXPECT_LE(records.end, ShardKey(PartitionId(3), 3));
}

TEST(SideRowsTest, GoldenKeysOfExpiries) {
  EXPECT_EQ(absl::BytesToHexString(ExpiryPassKey(PartitionId(3), 5)),
            "ffffff06"
            "0000000000000003"
            "0000000000000005");
  const std::string row = TestKey(kKeyspace, 1, "name");
  const std::string key = ExpiryKey(PartitionId(3), 5, 258, row);
  EXPECT_EQ(absl::BytesToHexString(key),
            "ffffff06"
            "0000000000000003"
            "0000000000000005"
            "0000000000000102" +
                absl::BytesToHexString(row));
  EXPECT_EQ(TimeToLiveOfExpiryKey(key), 5u);
  EXPECT_EQ(SecondsOfExpiryKey(key), 258u);
  EXPECT_EQ(RowOfExpiryKey(key), row);
  EXPECT_EQ(OwnerOfSideRow(key), PartitionId(3));
  EXPECT_TRUE(IsSideRow(key));
  EXPECT_FALSE(IsStreamRecord(key));
}

TEST(SideRowsTest, ExpiriesAreInTheOrderOfTheirTimes) {
  const PartitionId partition(3);
  const std::string low = TestKey(kKeyspace, 1, "a");
  const std::string high = TestKey(kKeyspace, UINT64_MAX, "z");
  const SideRange due = ExpiriesOf(partition, 5, 100, 256);
  EXPECT_LT(ExpiryPassKey(partition, 5), due.begin);
  EXPECT_LT(ExpiryKey(partition, 5, 99, high), due.begin);
  EXPECT_LE(due.begin, ExpiryKey(partition, 5, 100, low));
  EXPECT_LT(ExpiryKey(partition, 5, 255, high), due.end);
  EXPECT_LE(due.end, ExpiryKey(partition, 5, 256, low));
  const SideRange all = AllExpiriesOf(partition);
  EXPECT_LE(all.begin, ExpiryPassKey(partition, 0));
  EXPECT_LT(ExpiryKey(partition, UINT64_MAX, UINT64_MAX, high), all.end);
  EXPECT_LE(all.end, ExpiryPassKey(PartitionId(4), 0));
}

TEST(SideRowsTest, RangesHoldTheRowsOfOnePartition) {
  const SideRange changes = ChangesOf(PartitionId(3));
  for (const uint64_t seq : {uint64_t{0}, uint64_t{7}, UINT64_MAX}) {
    const std::string key = ChangeKey(PartitionId(3), ChangeSeq(seq));
    EXPECT_TRUE(changes.begin <= key && key < changes.end) << seq;
  }
  EXPECT_FALSE(ChangeKey(PartitionId(4), ChangeSeq(0)) < changes.end);
  EXPECT_TRUE(ChangeKey(PartitionId(2), ChangeSeq(UINT64_MAX)) < changes.begin);
}

class SideRowStoreTest : public ::testing::Test {
 protected:
  SideRowStoreTest() { Open(); }

  void Open() {
    store_ = nullptr;
    StoreOptions options;
    options.directory = directory_.path() + "/store";
    options.map_size = uint64_t{1} << 30;
    auto store = Store::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    const absl::Status created =
        store_->CreatePartition(kPartition, kKeyspace, HashRange());
    ASSERT_TRUE(created.ok()) << created;
  }

  absl::Status Write(std::function<absl::Status(WriteContext&)> decide) {
    return WriteAndWait(*store_, kPartition, std::move(decide));
  }

  PartitionInfo Info() { return *store_->Partition(kPartition); }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

absl::Status PutItemWithChange(WriteContext& context, const std::string& name) {
  const ChangeSeq seq = context.change_seq();
  context.Put(TestKey(kKeyspace, 1, name), name, 5);
  context.PutSideRow(ChangeKey(kPartition, seq), "changed " + name);
  return absl::OkStatus();
}

TEST_F(SideRowStoreTest, AreNotCountedAndSurviveARestart) {
  ASSERT_TRUE(
      Write([](WriteContext& c) { return PutItemWithChange(c, "a"); }).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Info().item_count, 1u);
    EXPECT_EQ(Info().item_bytes, 5u);
    EXPECT_EQ(Info().change_seq, ChangeSeq(1));
    EXPECT_EQ(ReadItem(*store_, ChangeKey(kPartition, ChangeSeq(1))),
              "changed a");
    EXPECT_TRUE(store_->Verify().ok()) << store_->Verify();
    Open();
  }
  ASSERT_TRUE(Write([](WriteContext& context) {
                context.DeleteSideRow(ChangeKey(kPartition, ChangeSeq(1)));
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(ReadItem(*store_, ChangeKey(kPartition, ChangeSeq(1))), "none");
  EXPECT_EQ(Info().change_seq, ChangeSeq(1));
}

TEST_F(SideRowStoreTest, ARefusedWriteLeavesNeitherRowNorVersion) {
  ASSERT_FALSE(Write([](WriteContext& context) {
                 context.PutSideRow(BackfillKey(kPartition, 1), "x");
                 context.SetSchemaVersion(4);
                 return absl::FailedPreconditionError("no");
               }).ok());
  EXPECT_EQ(ReadItem(*store_, BackfillKey(kPartition, 1)), "none");
  EXPECT_EQ(Info().schema_version, 0u);
}

TEST_F(SideRowStoreTest, TheSchemaVersionIsSeenByLaterWritesAndSurvives) {
  ASSERT_TRUE(Write([](WriteContext& context) {
                context.PutSideRow(BackfillKey(kPartition, 1), "x");
                context.SetSchemaVersion(4);
                return absl::OkStatus();
              }).ok());
  uint64_t seen = 0;
  ASSERT_TRUE(Write([&seen](WriteContext& context) {
                seen = context.schema_version();
                return PutItemWithChange(context, "b");
              }).ok());
  EXPECT_EQ(seen, 4u);
  EXPECT_EQ(Info().schema_version, 4u);
  // Out of the log, then out of the image.
  Open();
  EXPECT_EQ(Info().schema_version, 4u);
  ASSERT_TRUE(store_->Checkpoint().ok());
  Open();
  EXPECT_EQ(Info().schema_version, 4u);
}

TEST_F(SideRowStoreTest, GoWithTheirPartition) {
  ASSERT_TRUE(Write([](WriteContext& context) {
                context.PutSideRow(CursorKey(kPartition, PartitionId(9)), "1");
                context.PutSideRow(ShardKey(kPartition, 1), "1");
                context.PutSideRow(ExpiryKey(kPartition, 1, 7, "row"), "");
                return PutItemWithChange(context, "a");
              }).ok());
  ASSERT_TRUE(store_->DropPartition(kPartition).ok());
  // The rows are gone when the partition may be made again.
  while (!store_->CreatePartition(kPartition, kKeyspace, HashRange()).ok()) {
    ASSERT_TRUE(store_->Health().ok());
  }
  EXPECT_EQ(ReadItem(*store_, ChangeKey(kPartition, ChangeSeq(1))), "none");
  EXPECT_EQ(ReadItem(*store_, CursorKey(kPartition, PartitionId(9))), "none");
  EXPECT_EQ(ReadItem(*store_, ShardKey(kPartition, 1)), "none");
  EXPECT_EQ(ReadItem(*store_, ExpiryKey(kPartition, 1, 7, "row")), "none");
  EXPECT_TRUE(store_->Verify().ok()) << store_->Verify();
}

class Listener : public ChangeListener {
 public:
  void OnChanges(PartitionId lineage) override {
    absl::MutexLock lock(&mutex_);
    told_.push_back(lineage);
  }
  std::vector<PartitionId> told() {
    absl::MutexLock lock(&mutex_);
    return told_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<PartitionId> told_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(SideRowStoreTest, TheListenerHearsOfChangesBeforeTheAnswer) {
  Listener listener;
  store_->SetChangeListener(&listener);
  ASSERT_TRUE(Write([](WriteContext& context) {
                context.Put(TestKey(kKeyspace, 1, "plain"), "x", 1);
                return absl::OkStatus();
              }).ok());
  EXPECT_TRUE(listener.told().empty());
  ASSERT_TRUE(
      Write([](WriteContext& c) { return PutItemWithChange(c, "a"); }).ok());
  EXPECT_EQ(listener.told(), std::vector<PartitionId>{kPartition});
  store_->SetChangeListener(nullptr);
  ASSERT_TRUE(
      Write([](WriteContext& c) { return PutItemWithChange(c, "b"); }).ok());
  EXPECT_EQ(listener.told().size(), 1u);
}

class StreamWatcher : public StreamListener {
 public:
  void OnStreamRecords(PartitionId lineage) override {
    absl::MutexLock lock(&mutex_);
    told_.push_back(lineage);
  }
  size_t told() {
    absl::MutexLock lock(&mutex_);
    return told_.size();
  }

 private:
  absl::Mutex mutex_;
  std::vector<PartitionId> told_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(SideRowStoreTest, TheStreamListenerHearsOfRecordsAndShardsAlone) {
  StreamWatcher watcher;
  store_->SetStreamListener(&watcher);
  ASSERT_TRUE(Write([](WriteContext& context) {
                return PutItemWithChange(context, "a");
              }).ok());
  EXPECT_EQ(watcher.told(), 0u);
  ASSERT_TRUE(Write([](WriteContext& context) {
                context.PutSideRow(
                    StreamRecordKey(kPartition, 1, context.change_seq()), "x");
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(watcher.told(), 1u);
  ASSERT_TRUE(Write([](WriteContext& context) {
                context.PutSideRow(ShardKey(kPartition, 1), "x");
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(watcher.told(), 2u);
  store_->SetStreamListener(nullptr);
}

}  // namespace
}  // namespace pallet::storage
