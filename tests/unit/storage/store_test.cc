// SPDX-License-Identifier: Apache-2.0
#include "storage/store.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/store_client.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage {
namespace {

using model::Reason;
using testing::DeleteAndWait;
using testing::FunctionWrite;
using testing::PutAndWait;
using testing::ReadItem;
using testing::TestKey;
using testing::WriteAndWait;

constexpr PartitionId kPartition{1};
constexpr KeyspaceId kKeyspace{10};

std::string Key(const std::string& name) {
  return TestKey(kKeyspace, std::hash<std::string>()(name), name);
}

// Stands in the door and lets syncs wait.
class GatedFileSystem : public FileSystem {
 public:
  void CloseGate() {
    absl::MutexLock lock(&mutex_);
    open_ = false;
  }
  void OpenGate() {
    absl::MutexLock lock(&mutex_);
    open_ = true;
  }
  void AwaitSomebodyWaits() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* waiting) { return *waiting > 0; }, &waiting_));
  }

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path,
                                             OpenMode mode) override {
    auto file = base_.Open(path, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<GatedFile>(this, *std::move(file));
  }
  absl::Status CreateDirectory(const std::string& path) override {
    return base_.CreateDirectory(path);
  }
  absl::Status SyncDirectory(const std::string& path) override {
    return base_.SyncDirectory(path);
  }
  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override {
    return base_.List(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return base_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override {
    return base_.Remove(path);
  }
  absl::StatusOr<bool> Exists(const std::string& path) override {
    return base_.Exists(path);
  }
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override {
    return base_.FreeBytes(path);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) override {
    return base_.Lock(path);
  }

 private:
  class GatedFile : public File {
   public:
    GatedFile(GatedFileSystem* owner, std::unique_ptr<File> base)
        : owner_(owner), base_(std::move(base)) {}
    absl::StatusOr<size_t> Read(uint64_t offset, size_t size,
                                char* buffer) override {
      return base_->Read(offset, size, buffer);
    }
    absl::Status Write(uint64_t offset, absl::string_view bytes) override {
      return base_->Write(offset, bytes);
    }
    absl::Status SyncData() override {
      owner_->Pass();
      return base_->SyncData();
    }
    absl::Status Sync() override {
      owner_->Pass();
      return base_->Sync();
    }
    absl::Status Truncate(uint64_t size) override {
      return base_->Truncate(size);
    }
    absl::StatusOr<uint64_t> Size() override { return base_->Size(); }
    const std::string& path() const override { return base_->path(); }

   private:
    GatedFileSystem* const owner_;
    const std::unique_ptr<File> base_;
  };

  void Pass() {
    absl::MutexLock lock(&mutex_);
    ++waiting_;
    mutex_.Await(absl::Condition(&open_));
    --waiting_;
  }

  FileSystem& base_ = *FileSystem::Real();
  absl::Mutex mutex_;
  bool open_ = true;
  int waiting_ = 0;
};

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    options_.directory = directory_.path() + "/store";
    options_.map_size = uint64_t{256} << 20;
    options_.segment_bytes = uint64_t{4} << 20;
    options_.free_disk_reserve = uint64_t{1} << 20;
    Open();
    CHECK_OK(store_->CreatePartition(kPartition, kKeyspace, {}));
  }

  void Open() {
    auto store = Store::Open(options_);
    CHECK_OK(store.status());
    store_ = *std::move(store);
  }
  void Reopen() {
    store_.reset();
    Open();
  }

  std::string Counts() {
    auto info = store_->Partition(kPartition);
    if (!info.ok()) return info.status().ToString();
    return absl::StrCat("seq=", info->change_seq.value(),
                        " items=", info->item_count,
                        " bytes=", info->item_bytes);
  }

  testing::TemporaryDirectory directory_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, Example) {
  ASSERT_TRUE(PutAndWait(*store_, kPartition, Key("a"), "apple").ok());
  ASSERT_TRUE(PutAndWait(*store_, kPartition, Key("b"), "banana").ok());
  ASSERT_TRUE(DeleteAndWait(*store_, kPartition, Key("a")).ok());
  EXPECT_EQ(ReadItem(*store_, Key("a")), "none");
  EXPECT_EQ(ReadItem(*store_, Key("b")), "banana");
  EXPECT_EQ(Counts(), "seq=3 items=1 bytes=6");

  Reopen();
  EXPECT_EQ(ReadItem(*store_, Key("a")), "none");
  EXPECT_EQ(ReadItem(*store_, Key("b")), "banana");
  EXPECT_EQ(Counts(), "seq=3 items=1 bytes=6");
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreTest, AWriteSeesTheRowAsEarlierWritesLeaveIt) {
  // Sent at once, so that many share a batch.
  constexpr int kWrites = 300;
  absl::BlockingCounter open(kWrites);
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_TRUE(store_
                    ->Submit(std::make_unique<FunctionWrite>(
                        kPartition,
                        [i](WriteContext& context) -> absl::Status {
                          auto row = context.Get(Key("counter"));
                          if (!row.ok()) return row.status();
                          EXPECT_EQ(row->has_value(), i > 0);
                          if (i > 0) {
                            EXPECT_EQ((*row)->item, absl::StrCat(i));
                          }
                          const std::string next = absl::StrCat(i + 1);
                          context.Put(Key("counter"), next, next.size());
                          return absl::OkStatus();
                        },
                        [&](const absl::Status& status) {
                          EXPECT_TRUE(status.ok()) << status;
                          open.DecrementCount();
                        }))
                    .ok());
  }
  open.Wait();
  EXPECT_EQ(ReadItem(*store_, Key("counter")), absl::StrCat(kWrites));
  EXPECT_EQ(Counts(), "seq=300 items=1 bytes=3");
}

TEST_F(StoreTest, AFailedDecisionLeavesNoTrace) {
  ASSERT_TRUE(PutAndWait(*store_, kPartition, Key("a"), "apple").ok());
  const absl::Status failed =
      WriteAndWait(*store_, kPartition, [](WriteContext& context) {
        context.Put(Key("a"), "x", 1);
        context.Put(Key("b"), "x", 1);
        context.Delete(Key("a"));
        return model::MakeError(Reason::kConditionalCheckFailed, "no");
      });
  EXPECT_EQ(model::ReasonOf(failed), Reason::kConditionalCheckFailed);
  EXPECT_EQ(ReadItem(*store_, Key("a")), "apple");
  EXPECT_EQ(ReadItem(*store_, Key("b")), "none");
  EXPECT_EQ(Counts(), "seq=1 items=1 bytes=5");
}

TEST_F(StoreTest, AWriteSeesItsOwnEffectsAndEachRowChangeMovesTheSeq) {
  ASSERT_TRUE(WriteAndWait(*store_, kPartition, [](WriteContext& context) {
                EXPECT_EQ(context.change_seq(), ChangeSeq(1));
                context.Put(Key("a"), "apple", 5);
                EXPECT_EQ(context.change_seq(), ChangeSeq(2));
                auto row = context.Get(Key("a"));
                EXPECT_TRUE(row.ok() && row->has_value() &&
                            (*row)->item == "apple" &&
                            (*row)->change_seq == ChangeSeq(1));
                context.Put(Key("b"), "banana", 6);
                context.Delete(Key("not there"));
                EXPECT_EQ(context.change_seq(), ChangeSeq(3));
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(Counts(), "seq=2 items=2 bytes=11");
}

TEST_F(StoreTest, ABatchWithoutEffectsWritesNothing) {
  ASSERT_TRUE(PutAndWait(*store_, kPartition, Key("a"), "apple").ok());
  const uint64_t syncs = store_->Metrics().syncs;
  const uint64_t log_bytes = store_->Metrics().log_bytes;
  ASSERT_TRUE(DeleteAndWait(*store_, kPartition, Key("b")).ok());
  ASSERT_FALSE(WriteAndWait(*store_, kPartition, [](WriteContext&) {
                 return absl::AbortedError("condition");
               }).ok());
  // At most the marker of the idle store comes between.
  EXPECT_LE(store_->Metrics().syncs, syncs + 1);
  EXPECT_LE(store_->Metrics().log_bytes, log_bytes + 512);
  EXPECT_EQ(Counts(), "seq=1 items=1 bytes=5");
}

TEST_F(StoreTest, NoAnswerTellsOfAWriteThatIsNotDurable) {
  GatedFileSystem files;
  store_.reset();
  options_.file_system = &files;
  Open();
  files.CloseGate();
  absl::Notification put_done, check_done;
  ASSERT_TRUE(store_
                  ->Submit(std::make_unique<FunctionWrite>(
                      kPartition,
                      [](WriteContext& context) {
                        context.Put(Key("a"), "apple", 5);
                        return absl::OkStatus();
                      },
                      [&](const absl::Status&) { put_done.Notify(); }))
                  .ok());
  files.AwaitSomebodyWaits();
  // The next batch sees the row and fails on it; it is decided while the first
  // syncs, but may not say so.
  absl::Notification decided;
  ASSERT_TRUE(store_
                  ->Submit(std::make_unique<FunctionWrite>(
                      kPartition,
                      [&](WriteContext& context) {
                        auto row = context.Get(Key("a"));
                        EXPECT_TRUE(row.ok() && row->has_value());
                        decided.Notify();
                        return absl::AbortedError("exists");
                      },
                      [&](const absl::Status& status) {
                        EXPECT_EQ(status.message(), "exists");
                        EXPECT_TRUE(put_done.HasBeenNotified());
                        check_done.Notify();
                      }))
                  .ok());
  decided.WaitForNotification();
  EXPECT_EQ(ReadItem(*store_, Key("a")), "none");
  EXPECT_FALSE(
      check_done.WaitForNotificationWithTimeout(absl::Milliseconds(20)));
  files.OpenGate();
  check_done.WaitForNotification();
  EXPECT_EQ(ReadItem(*store_, Key("a")), "apple");
  store_.reset();
}

TEST_F(StoreTest, AFullInboxThrottlesAndEmptiesAgain) {
  store_.reset();
  options_.inbox_writes = 4;
  Open();
  absl::Notification started, go_on;
  std::atomic<int> done{0};
  ASSERT_TRUE(store_
                  ->Submit(std::make_unique<FunctionWrite>(
                      kPartition,
                      [&](WriteContext&) {
                        started.Notify();
                        go_on.WaitForNotification();
                        return absl::OkStatus();
                      },
                      [&](const absl::Status&) { ++done; }))
                  .ok());
  started.WaitForNotification();
  const auto submit = [&] {
    return store_->Submit(std::make_unique<FunctionWrite>(
        kPartition, [](WriteContext&) { return absl::OkStatus(); },
        [&](const absl::Status&) { ++done; }));
  };
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(submit().ok());
  EXPECT_EQ(model::ReasonOf(submit()), Reason::kThrottling);
  go_on.Notify();
  store_.reset();  // closing finishes what was accepted
  EXPECT_EQ(done, 5);
}

// A partition with two local indexes: keyspaces 20, 21 and 22.
class IndexedPartitionTest : public StoreTest {
 protected:
  static constexpr PartitionId kIndexed{20};

  IndexedPartitionTest() {
    CHECK_OK(store_->CreatePartition(kIndexed, KeyspaceId(20), {}, 2));
  }

  static std::string RowIn(uint32_t keyspace, absl::string_view name) {
    return testing::TestKey(KeyspaceId(keyspace), 7, std::string(name));
  }

  // Writes an item and its entry in each index as one.
  absl::Status WriteAll(const std::string& name) {
    absl::Notification answered;
    absl::Status answer;
    CHECK_OK(store_->Submit(std::make_unique<FunctionWrite>(
        kIndexed,
        [&](WriteContext& context) -> absl::Status {
          context.Put(RowIn(20, name), "item", 4);
          context.Put(RowIn(21, name), "entry", 5);
          context.Put(RowIn(22, name), "e", 1);
          return absl::OkStatus();
        },
        [&](const absl::Status& status) {
          answer = status;
          answered.Notify();
        })));
    answered.WaitForNotification();
    return answer;
  }

  std::string IndexCounts() {
    const PartitionInfo info = *store_->Partition(kIndexed);
    return absl::StrCat("seq=", info.change_seq.value(),
                        " items=", info.item_count, "/", info.item_bytes,
                        " entries=", info.indexes[0].rows, "/",
                        info.indexes[0].bytes, ",", info.indexes[1].rows, "/",
                        info.indexes[1].bytes);
  }
};

TEST_F(IndexedPartitionTest, RowsOfIndexesAreCountedApartAndMoveNoChangeSeq) {
  ASSERT_TRUE(WriteAll("a").ok());
  ASSERT_TRUE(WriteAll("b").ok());
  ASSERT_TRUE(DeleteAndWait(*store_, kIndexed, RowIn(22, "a")).ok());
  const std::string counts = "seq=2 items=2/8 entries=2/10,1/1";
  EXPECT_EQ(IndexCounts(), counts);
  EXPECT_TRUE(store_->Verify().ok());
  Reopen();
  EXPECT_EQ(IndexCounts(), counts);
  EXPECT_TRUE(store_->Verify().ok());
  ASSERT_TRUE(WriteAll("c").ok());
  ASSERT_TRUE(store_->Checkpoint().ok());
  Reopen();
  EXPECT_EQ(IndexCounts(), "seq=3 items=3/12 entries=3/15,2/2");
}

TEST_F(IndexedPartitionTest, KeyspacesOfIndexesOverlapNoOther) {
  EXPECT_TRUE(store_->CreatePartition(kIndexed, KeyspaceId(20), {}, 2).ok());
  for (const uint32_t keyspace : {20, 21, 22}) {
    EXPECT_EQ(model::ReasonOf(store_->CreatePartition(
                  PartitionId(30), KeyspaceId(keyspace), {})),
              Reason::kResourceInUse);
  }
  EXPECT_EQ(model::ReasonOf(store_->CreatePartition(PartitionId(30),
                                                    KeyspaceId(19), {}, 1)),
            Reason::kResourceInUse);
  EXPECT_TRUE(
      store_->CreatePartition(PartitionId(30), KeyspaceId(23), {}).ok());
}

TEST_F(IndexedPartitionTest, DroppingItRemovesTheRowsOfItsIndexesToo) {
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(WriteAll(absl::StrCat("name", i)).ok());
  }
  ASSERT_TRUE(store_->DropPartition(kIndexed).ok());
  // Its keyspaces are free once the last row is gone.
  absl::Status created;
  do {
    created = store_->CreatePartition(PartitionId(21), KeyspaceId(20), {}, 2);
  } while (!created.ok() && model::ReasonOf(created) == Reason::kResourceInUse);
  ASSERT_TRUE(created.ok()) << created;
  EXPECT_TRUE(store_->Verify().ok());
  EXPECT_EQ(ReadItem(*store_, RowIn(22, "name599")), "none");
}

TEST_F(StoreTest, PartitionsAreMadeOnceAndNeverOverlap) {
  EXPECT_TRUE(store_->CreatePartition(kPartition, kKeyspace, {}).ok());
  EXPECT_EQ(model::ReasonOf(
                store_->CreatePartition(PartitionId(2), kKeyspace, {0, 100})),
            Reason::kResourceInUse);
  EXPECT_EQ(
      model::ReasonOf(store_->CreatePartition(kPartition, KeyspaceId(11), {})),
      Reason::kResourceInUse);
  EXPECT_TRUE(
      store_->CreatePartition(PartitionId(2), KeyspaceId(11), {0, 100}).ok());
  EXPECT_TRUE(
      store_->CreatePartition(PartitionId(3), KeyspaceId(11), {101, 200}).ok());
  EXPECT_EQ(store_->Partitions().size(), 3);
  Reopen();
  EXPECT_EQ(store_->Partitions().size(), 3);
  EXPECT_EQ(store_->Partition(PartitionId(3))->range, (HashRange{101, 200}));
}

TEST_F(StoreTest, WritesToAPartitionThatIsNotHereAreRefused) {
  EXPECT_EQ(model::ReasonOf(PutAndWait(*store_, PartitionId(9), Key("a"), "x")),
            Reason::kResourceNotFound);
  EXPECT_EQ(model::ReasonOf(store_->Partition(PartitionId(9)).status()),
            Reason::kResourceNotFound);
  EXPECT_EQ(model::ReasonOf(store_->DropPartition(PartitionId(9))),
            Reason::kResourceNotFound);
}

TEST_F(StoreTest, ADroppedPartitionsRowsGoEvenOverARestart) {
  const std::string key = Key("row");
  for (int i = 0; i < 1200; ++i) {  // several chunks
    const auto put = [&](WriteContext& context) {
      context.Put(Key(absl::StrCat("row ", i)), "x", 1);
      return absl::OkStatus();
    };
    if (i < 1199) {
      ASSERT_TRUE(store_
                      ->Submit(std::make_unique<FunctionWrite>(
                          kPartition,
                          [i](WriteContext& context) {
                            context.Put(Key(absl::StrCat("row ", i)), "x", 1);
                            return absl::OkStatus();
                          },
                          [](const absl::Status&) {}))
                      .ok());
    } else {
      ASSERT_TRUE(WriteAndWait(*store_, kPartition, put).ok());
    }
  }
  ASSERT_TRUE(store_->DropPartition(kPartition).ok());
  EXPECT_EQ(store_->Partitions().size(), 0);
  EXPECT_EQ(model::ReasonOf(PutAndWait(*store_, kPartition, key, "x")),
            Reason::kResourceNotFound);
  Reopen();
  EXPECT_EQ(store_->Partitions().size(), 0);
  // Once its rows are gone, so is the partition, and its place is free.
  absl::Status created;
  do {
    created = store_->CreatePartition(PartitionId(2), kKeyspace, {});
  } while (!created.ok());
  EXPECT_EQ(ReadItem(*store_, Key("row 7")), "none");
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreTest, ASecondOpenOfTheDirectoryIsRefused) {
  EXPECT_EQ(Store::Open(options_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, ACheckpointLetsTheLogGoAndTheNextStartReplaysNothing) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(PutAndWait(*store_, kPartition, Key(absl::StrCat(i)),
                           std::string(1000, 'x'))
                    .ok());
  }
  const uint64_t before = store_->Metrics().checkpoints;
  ASSERT_TRUE(store_->Checkpoint().ok());
  EXPECT_EQ(store_->Metrics().checkpoints, before + 1);
  Reopen();
  EXPECT_EQ(store_->Metrics().replayed_frames, 0);
  EXPECT_EQ(ReadItem(*store_, Key("99")), std::string(1000, 'x'));
}

TEST_F(StoreTest, AHotRowDoesNotMakeTheLogGrowForEver) {
  options_.memtable_bytes = uint64_t{256} << 10;
  options_.checkpoint_bytes = uint64_t{2} << 20;
  options_.segment_bytes = uint64_t{1} << 20;
  Reopen();
  // Some pages of the image, and 40 MB of log.
  const std::string item(100'000, 'x');
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(PutAndWait(*store_, kPartition, Key("hot"), item).ok());
  }
  EXPECT_GT(store_->Metrics().checkpoints, 1u);
  EXPECT_EQ(ReadItem(*store_, Key("hot")), item);
}

TEST_F(StoreTest, ASmallImageGetsCheckpointsMoreOften) {
  options_.memtable_bytes = uint64_t{64} << 10;
  options_.checkpoint_bytes = uint64_t{8} << 20;
  options_.segment_bytes = uint64_t{1} << 20;
  Reopen();
  const uint64_t before = store_->Metrics().checkpoints;
  // 6 MB of log and little more of pages: less than checkpoint_bytes of each.
  const std::string item(100'000, 'x');
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(PutAndWait(*store_, kPartition, Key("hot"), item).ok());
  }
  EXPECT_GT(store_->Metrics().checkpoints, before);
}

TEST_F(StoreTest, MemtablesOfAnySizeHold) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 30}) {
    options_.memtable_bytes = bytes;
    Reopen();
    for (int i = 0; i < 30; ++i) {
      const std::string key = Key(absl::StrCat("k", i % 7));
      ASSERT_TRUE(
          PutAndWait(*store_, kPartition, key, absl::StrCat(bytes, i)).ok());
      EXPECT_EQ(ReadItem(*store_, key), absl::StrCat(bytes, i));
      if (i % 10 == 0) {
        ASSERT_TRUE(store_->Checkpoint().ok());
      }
    }
    ASSERT_TRUE(DeleteAndWait(*store_, kPartition, Key("k0")).ok());
    EXPECT_EQ(ReadItem(*store_, Key("k0")), "none");
    Reopen();
    EXPECT_EQ(ReadItem(*store_, Key("k0")), "none");
    EXPECT_EQ(ReadItem(*store_, Key("k1")), absl::StrCat(bytes, 29));
    EXPECT_TRUE(store_->Verify().ok());
  }
}

TEST_F(StoreTest, LargeItemsAndManyPartitionsInOneBatch) {
  for (int i = 2; i < 20; ++i) {
    ASSERT_TRUE(
        store_->CreatePartition(PartitionId(i), KeyspaceId(100 + i), {}).ok());
  }
  absl::BlockingCounter open(18 * 10);
  for (int i = 2; i < 20; ++i) {
    for (int row = 0; row < 10; ++row) {
      ASSERT_TRUE(store_
                      ->Submit(std::make_unique<FunctionWrite>(
                          PartitionId(i),
                          [=](WriteContext& context) {
                            const std::string item(100'000 + i, 'a' + row);
                            context.Put(TestKey(KeyspaceId(100 + i), row,
                                                absl::StrCat(row)),
                                        item, item.size());
                            return absl::OkStatus();
                          },
                          [&](const absl::Status& status) {
                            EXPECT_TRUE(status.ok()) << status;
                            open.DecrementCount();
                          },
                          100'000))
                      .ok());
    }
  }
  open.Wait();
  Reopen();
  EXPECT_EQ(ReadItem(*store_, TestKey(KeyspaceId(119), 9, "9")),
            std::string(100'019, 'a' + 9));
  EXPECT_EQ(store_->Partition(PartitionId(19))->item_bytes, 10 * 100'019);
  EXPECT_TRUE(store_->Verify().ok());
}

}  // namespace
}  // namespace pallet::storage
