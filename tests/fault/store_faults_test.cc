// SPDX-License-Identifier: Apache-2.0
//
// What a store does when the world breaks: a full disk, a full map, a write or a
// sync that fails, damaged bytes in the log, the image and the checkpoint. Always
// one of: a typed error and nothing done, or the fence; never a wrong answer.
// What the log still has comes back with the next start.
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "storage/store.h"
#include "tests/fault/small_store.h"
#include "tests/testing/fault_injecting_file_system.h"
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

constexpr PartitionId kPartition{1};
constexpr KeyspaceId kKeyspace{1};

std::string Key(int number) {
  return TestKey(kKeyspace, number, absl::StrCat("row ", number));
}

Reason ReasonOf(const absl::Status& status) {
  EXPECT_FALSE(status.ok());
  return status.ok() ? Reason::kInternal : model::ReasonOf(status);
}

class StoreFaultsTest : public ::testing::Test {
 protected:
  StoreFaultsTest() {
    options_ = testing::SmallStore(directory_.path() + "/store");
    options_.checkpoint_bytes = uint64_t{1} << 30;  // none by itself
    options_.file_system = &disk_;
    OpenStore();
    CHECK_OK(store_->CreatePartition(kPartition, kKeyspace, {}));
  }

  void OpenStore() {
    auto store = Store::Open(options_);
    CHECK_OK(store.status());
    store_ = *std::move(store);
  }
  void Reopen() {
    store_.reset();
    OpenStore();
  }

  absl::Status Put(int number, const std::string& item = "item") {
    return PutAndWait(*store_, kPartition, Key(number), item);
  }
  absl::Status Delete(int number) {
    return DeleteAndWait(*store_, kPartition, Key(number));
  }
  // Puts rows until a write meets the fault; it may go to a segment that is
  // prepared in the background instead. The number of the row that met it.
  int PutUntilFenced(absl::FunctionRef<void()> set_fault) {
    for (int number = 1000;; ++number) {
      set_fault();
      const absl::Status put = Put(number);
      if (put.ok()) continue;
      EXPECT_EQ(ReasonOf(put), Reason::kOutcomeUnknown);
      return number;
    }
  }
  std::string Read(int number) { return ReadItem(*store_, Key(number)); }

  // What a crash now would leave: the files as they are.
  std::string CrashCopy() {
    // Names may change meanwhile: a segment is prepared in the background.
    while (true) {
      const std::string copy =
          absl::StrCat(directory_.path(), "/copy", ++copies_);
      std::error_code changed;
      std::filesystem::copy(options_.directory, copy,
                            std::filesystem::copy_options::recursive, changed);
      if (!changed) return copy;
    }
  }
  absl::StatusOr<std::unique_ptr<Store>> OpenCopy(const std::string& copy) {
    StoreOptions options = options_;
    options.directory = copy;
    options.file_system = FileSystem::Real();
    return Store::Open(options);
  }

  // Where `bytes` stand in the one file of `folder` that has them; flips one.
  static void FlipByteOf(const std::string& folder, const std::string& bytes) {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::string content = *ReadFile(FileSystem::Real(), entry.path());
      for (size_t at = content.find(bytes); at != std::string::npos;
           at = content.find(bytes, at + 1)) {
        auto file =
            *FileSystem::Real()->Open(entry.path(), OpenMode::kReadWrite);
        CHECK_OK(file->Write(at, std::string(1, bytes[0] ^ 0x40)));
        ++found;
      }
    }
    CHECK_GT(found, 0) << "not in " << folder;
  }

  testing::TemporaryDirectory directory_;
  testing::FaultInjectingFileSystem disk_{FileSystem::Real()};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  int copies_ = 0;
};

TEST_F(StoreFaultsTest, AFailedSyncFencesTheStore) {
  ASSERT_TRUE(Put(1).ok());
  const int failed = PutUntilFenced([&] { disk_.FailSync(1, EIO); });
  EXPECT_EQ(ReasonOf(Put(3)), Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(Delete(1)), Reason::kStoreFenced);
  EXPECT_EQ(
      ReasonOf(store_->CreatePartition(PartitionId(2), KeyspaceId(2), {})),
      Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(store_->Health()), Reason::kStoreFenced);
  EXPECT_TRUE(store_->Metrics().fenced);
  // Reads go on, and show nothing that was not durable.
  EXPECT_EQ(Read(1), "item");
  EXPECT_EQ(Read(failed), "none");

  Reopen();
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_EQ(Read(1), "item");
  EXPECT_THAT(Read(failed), ::testing::AnyOf("item", "none"));
  EXPECT_EQ(Read(3), "none");
  EXPECT_TRUE(Put(4).ok());
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreFaultsTest, AFailedWriteOfTheLogFencesTheStore) {
  ASSERT_TRUE(Put(1).ok());
  const int failed = PutUntilFenced([&] { disk_.FailWrite(1, EIO); });
  EXPECT_EQ(ReasonOf(Put(3)), Reason::kStoreFenced);
  Reopen();
  EXPECT_EQ(Read(1), "item");
  EXPECT_THAT(Read(failed), ::testing::AnyOf("item", "none"));
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreFaultsTest, WritesBehindAFailedSyncDidNotHappen) {
  constexpr int kWrites = 400;
  store_.reset();
  options_.batch_writes = 40;
  OpenStore();
  disk_.FailSync(5, EIO);  // a batch's, or once that of a new segment
  std::vector<absl::Status> answers(kWrites);
  absl::BlockingCounter open(kWrites);
  for (int i = 0; i < kWrites; ++i) {
    const absl::Status accepted =
        store_->Submit(std::make_unique<FunctionWrite>(
            kPartition,
            [i](WriteContext& context) {
              context.Put(Key(i), "item", 4);
              return absl::OkStatus();
            },
            [&answers, &open, i](const absl::Status& status) {
              answers[i] = status;
              open.DecrementCount();
            }));
    if (!accepted.ok()) {
      answers[i] = accepted;
      open.DecrementCount();
    }
  }
  open.Wait();
  if (store_->Health().ok()) {
    PutUntilFenced([&] { disk_.FailSync(1, EIO); });
  }
  Reopen();
  // In order: done, unknown, refused.
  int phase = 0;
  for (int i = 0; i < kWrites; ++i) {
    const bool there = Read(i) == "item";
    if (answers[i].ok()) {
      EXPECT_EQ(phase, 0);
      EXPECT_TRUE(there);
    } else if (ReasonOf(answers[i]) == Reason::kOutcomeUnknown) {
      EXPECT_LE(phase, 1);
      phase = 1;
    } else {
      EXPECT_EQ(ReasonOf(answers[i]), Reason::kStoreFenced);
      phase = 2;
      EXPECT_FALSE(there);
    }
  }
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreFaultsTest, AFullDiskRefusesPutsAndServesAgainByItself) {
  ASSERT_TRUE(Put(1).ok());
  disk_.SetSpace(options_.free_disk_reserve * 3 / 4);
  absl::Status refused;
  while ((refused = Put(2)).ok()) {  // what the disk said last holds a moment
  }
  EXPECT_EQ(ReasonOf(refused), Reason::kStorageFull);
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_EQ(Read(1), "item");
  EXPECT_TRUE(Delete(1).ok());  // there is room kept for deletes
  EXPECT_TRUE(store_->DropPartition(kPartition).ok());

  disk_.SetSpace(1000);
  EXPECT_EQ(
      ReasonOf(store_->CreatePartition(PartitionId(2), KeyspaceId(2), {})),
      Reason::kStorageFull);
  disk_.SetUnlimitedSpace();
  EXPECT_TRUE(store_->CreatePartition(PartitionId(2), KeyspaceId(2), {}).ok());
  Reopen();
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreFaultsTest, AWriteIsDecidedOrRefusedWhileRoomComesAndGoes) {
  // Enough for one write, and not for a second one without asking again.
  const uint64_t enough = options_.free_disk_reserve + 400'000;
  disk_.SetFreeBytesByTurns({0, 0, enough, 0, enough});
  int accepted = 0;
  // What the disk said before holds a moment.
  for (int i = 0, refused = 0; refused < 20; ++i) {
    const absl::Status put = Put(i);
    if (!put.ok()) {
      EXPECT_EQ(ReasonOf(put), Reason::kStorageFull);
      ++refused;
    }
    accepted += put.ok();
    ASSERT_EQ(Read(i), put.ok() ? "item" : "none");
  }
  disk_.SetFreeBytesByTurns({});
  EXPECT_EQ(store_->Partition(kPartition)->item_count, accepted);
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreFaultsTest, NoRoomForTheNextSegmentRefusesWithoutAFence) {
  store_.reset();
  options_.free_disk_reserve = 0;
  OpenStore();
  // Room that admission finds enough, and a segment does not.
  disk_.SetSpace(uint64_t{1} << 20);
  const std::string large(100'000, 'x');
  int accepted = 0;
  absl::Status refused;
  while ((refused = Put(accepted, large)).ok()) ++accepted;
  EXPECT_EQ(ReasonOf(refused), Reason::kStorageFull);
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_EQ(store_->Partition(kPartition)->item_count, accepted);
  disk_.SetUnlimitedSpace();
  // Counters go on from what is durable, not from what was refused.
  ASSERT_TRUE(Put(accepted, large).ok());
  EXPECT_EQ(store_->Partition(kPartition)->change_seq.value(), accepted + 1);
  Reopen();
  for (int i = 0; i <= accepted; ++i) EXPECT_EQ(Read(i), large);
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreFaultsTest, AFullMapRefusesPutsAndServesAgainAfterDeletes) {
  store_.reset();
  options_.map_size = uint64_t{24} << 20;
  OpenStore();
  const std::string item(30'000, 'x');
  int stored = 0;
  absl::Status refused;
  while ((refused = Put(stored, item)).ok()) ++stored;
  EXPECT_EQ(ReasonOf(refused), Reason::kStorageFull);
  EXPECT_GT(stored, 50);
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_EQ(Read(stored), "none");
  EXPECT_EQ(Read(stored - 1), item);
  for (int i = 0; i < stored; i += 2) {
    absl::Status deleted = Delete(i);
    // Checkpoints give back what deletes freed; they run beside.
    while (!deleted.ok() && ReasonOf(deleted) == Reason::kStorageFull) {
      ASSERT_TRUE(store_->Checkpoint().ok());
      deleted = Delete(i);
    }
    ASSERT_TRUE(deleted.ok()) << deleted;
  }
  absl::Status put = Put(0, item);
  for (int tries = 0; !put.ok() && tries < 10; ++tries) {
    ASSERT_EQ(ReasonOf(put), Reason::kStorageFull);
    ASSERT_TRUE(store_->Checkpoint().ok());
    put = Put(0, item);
  }
  EXPECT_TRUE(put.ok()) << put;
  EXPECT_TRUE(store_->Health().ok());
  Reopen();
  EXPECT_EQ(Read(0), item);
  EXPECT_EQ(Read(1), item);
  EXPECT_EQ(Read(2), "none");
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreFaultsTest, DamageInTheLogThatIsCoveredIsDataLoss) {
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(Put(i, absl::StrCat("<", i, ">")).ok());
  const std::string copy = CrashCopy();
  FlipByteOf(copy + "/log", "<7>");
  const auto opened = OpenCopy(copy);
  EXPECT_EQ(ReasonOf(opened.status()), Reason::kDataLoss);
  // Nothing was repaired silently: it is still refused.
  EXPECT_EQ(ReasonOf(OpenCopy(copy).status()), Reason::kDataLoss);
}

TEST_F(StoreFaultsTest, ATornTailCostsOnlyWhatWasNotCovered) {
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(Put(i, absl::StrCat("<", i, ">")).ok());
  const std::string copy = CrashCopy();
  FlipByteOf(copy + "/log", "<19>");
  auto opened = OpenCopy(copy);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->Metrics().torn_tails, 1);
  EXPECT_EQ(ReadItem(**opened, Key(18)), "<18>");
  EXPECT_EQ(ReadItem(**opened, Key(19)), "none");
  EXPECT_TRUE((*opened)->Verify().ok());
}

TEST_F(StoreFaultsTest, TheMarkerOfAnIdleStoreCoversItsLastBatch) {
  ASSERT_TRUE(Put(1, "<last>").ok());
  const uint64_t bytes = store_->Metrics().log_bytes;
  while (store_->Metrics().log_bytes == bytes) {
  }
  const std::string copy = CrashCopy();
  FlipByteOf(copy + "/log", "<last>");
  EXPECT_EQ(ReasonOf(OpenCopy(copy).status()), Reason::kDataLoss);
}

TEST_F(StoreFaultsTest, ADamagedRowIsDataLossAndNoOtherIs) {
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(Put(i, absl::StrCat("<", i, ">")).ok());
  store_.reset();
  FlipByteOf(options_.directory + "/image", "<7>");
  OpenStore();
  EXPECT_TRUE(absl::StrContains(Read(7), "DATA_LOSS")) << Read(7);
  EXPECT_EQ(Read(6), "<6>");
  EXPECT_EQ(ReasonOf(store_->Verify()), Reason::kDataLoss);
  // A write that must know the row is refused; the store is not fenced.
  EXPECT_EQ(ReasonOf(Put(7)), Reason::kDataLoss);
  EXPECT_TRUE(Put(8, "new").ok());
  EXPECT_EQ(store_->Partition(kPartition)->item_count, 20);
}

TEST_F(StoreFaultsTest, ATruncatedImageIsDataLoss) {
  const std::string item(2000, 'x');
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Put(i, item).ok());
  store_.reset();
  const std::string data = options_.directory + "/image/data.mdb";
  std::filesystem::resize_file(data, std::filesystem::file_size(data) / 2);
  EXPECT_EQ(ReasonOf(Store::Open(options_).status()), Reason::kDataLoss);
  std::filesystem::resize_file(data, 0);
  EXPECT_EQ(ReasonOf(Store::Open(options_).status()), Reason::kDataLoss);
  std::filesystem::remove(data);
  EXPECT_EQ(ReasonOf(Store::Open(options_).status()), Reason::kDataLoss);
}

TEST_F(StoreFaultsTest, ALostOrDamagedCheckpointIsDataLoss) {
  ASSERT_TRUE(Put(1, "<1>").ok());
  store_.reset();
  const std::string path = options_.directory + "/checkpoint";
  const std::string content = *ReadFile(FileSystem::Real(), path);
  for (const size_t at :
       {size_t{0}, size_t{9}, content.size() / 2, content.size() - 1}) {
    std::string damaged = content;
    damaged[at] ^= 1;
    ASSERT_TRUE(ReplaceFile(FileSystem::Real(), path, damaged).ok());
    EXPECT_FALSE(Store::Open(options_).ok()) << "byte " << at;
  }
  std::filesystem::remove(path);
  EXPECT_EQ(ReasonOf(Store::Open(options_).status()), Reason::kDataLoss);
  ASSERT_TRUE(ReplaceFile(FileSystem::Real(), path, content).ok());
  OpenStore();
  EXPECT_EQ(Read(1), "<1>");
}

TEST_F(StoreFaultsTest, AMissingLogSegmentIsDataLoss) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Put(i).ok());
  const std::string copy = CrashCopy();
  std::filesystem::remove_all(copy + "/log");
  std::filesystem::create_directory(copy + "/log");
  // The checkpoint is from the birth of the store: what came after is gone, but
  // nothing tells. With a later checkpoint something does.
  store_.reset();
  OpenStore();
  const std::string later = CrashCopy();
  for (const auto& entry :
       std::filesystem::directory_iterator(later + "/log")) {
    std::filesystem::remove(entry.path());
  }
  EXPECT_EQ(ReasonOf(OpenCopy(later).status()), Reason::kDataLoss);
}

}  // namespace
}  // namespace pallet::storage
