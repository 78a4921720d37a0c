// SPDX-License-Identifier: Apache-2.0
//
// Writes and syncs of the image that fail, which only somebody between LMDB and
// the kernel can arrange. The log has it all: the store is fenced and the next
// start makes it good.
#include <cerrno>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "storage/store.h"
#include "tests/fault/small_store.h"
#include "tests/testing/disk_recorder.h"
#include "tests/testing/store_client.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage {
namespace {

using model::Reason;
using testing::PutAndWait;
using testing::ReadItem;

constexpr PartitionId kPartition{1};
constexpr KeyspaceId kKeyspace{1};

std::string Key(int number) {
  return testing::TestKey(kKeyspace, number, absl::StrCat("row ", number));
}

class StoreImageFaultsTest : public ::testing::Test {
 protected:
  StoreImageFaultsTest() {
    OpenStore();
    CHECK_OK(store_->CreatePartition(kPartition, kKeyspace, {}));
    for (int i = 0; i < 10; ++i) CHECK_OK(Put(i));
  }

  void OpenStore() {
    store_.reset();
    StoreOptions options = testing::SmallStore(directory_.path() + "/store");
    options.checkpoint_bytes = uint64_t{1} << 30;
    auto store = Store::Open(options);
    CHECK_OK(store.status());
    store_ = *std::move(store);
  }

  absl::Status Put(int number) {
    return PutAndWait(*store_, kPartition, Key(number),
                      absl::StrCat("item ", number));
  }

  // Each such call on the image's data fails.
  void FailOnImage(const std::string& operation, int error) {
    disk_.SetFault([=](absl::string_view called, absl::string_view path) {
      const bool here = called == operation && absl::StrContains(path, "image");
      return here ? error : 0;
    });
  }

  testing::TemporaryDirectory directory_;
  testing::DiskRecorder disk_{directory_.path()};
  std::unique_ptr<Store> store_;
};

TEST_F(StoreImageFaultsTest, AnApplyThatFailsFencesAndTheLogBringsItBack) {
  for (const int error : {EIO, ENOSPC}) {
    FailOnImage("write", error);
    // Answered before it is applied: it is in the log, and stays readable.
    EXPECT_TRUE(Put(100 + error).ok());
    EXPECT_FALSE(store_->Verify().ok());  // applies
    EXPECT_EQ(model::ReasonOf(Put(11)), Reason::kStoreFenced);
    EXPECT_EQ(ReadItem(*store_, Key(3)), "item 3");
    EXPECT_EQ(ReadItem(*store_, Key(100 + error)),
              absl::StrCat("item ", 100 + error));
    disk_.SetFault(nullptr);
    OpenStore();
    EXPECT_EQ(ReadItem(*store_, Key(100 + error)),
              absl::StrCat("item ", 100 + error));
    EXPECT_TRUE(store_->Verify().ok());
  }
}

TEST_F(StoreImageFaultsTest, APartitionThatIsNotAppliedHasAnUnknownOutcome) {
  FailOnImage("write", EIO);
  const PartitionId other(kPartition.value() + 1);
  const absl::Status created =
      store_->CreatePartition(other, KeyspaceId(kKeyspace.value() + 1), {});
  EXPECT_EQ(model::ReasonOf(created), Reason::kOutcomeUnknown) << created;
  EXPECT_EQ(model::ReasonOf(Put(11)), Reason::kStoreFenced);
  disk_.SetFault(nullptr);
  // The fault has passed; a checkpoint now would pass over what is missing.
  EXPECT_FALSE(store_->Checkpoint().ok());
  // It was synced before the apply failed, so it is there.
  OpenStore();
  EXPECT_TRUE(store_->Partition(other).ok());
  EXPECT_EQ(ReadItem(*store_, Key(3)), "item 3");
}

TEST_F(StoreImageFaultsTest, ASyncOfTheImageThatFailsFencesTheStore) {
  const uint64_t checkpoints = store_->Metrics().checkpoints;
  FailOnImage("sync", EIO);
  EXPECT_FALSE(store_->Checkpoint().ok());
  EXPECT_EQ(store_->Metrics().checkpoints, checkpoints);
  EXPECT_EQ(model::ReasonOf(Put(11)), Reason::kStoreFenced);
  EXPECT_EQ(ReadItem(*store_, Key(3)), "item 3");
  disk_.SetFault(nullptr);
  OpenStore();
  EXPECT_EQ(ReadItem(*store_, Key(9)), "item 9");
  EXPECT_TRUE(Put(11).ok());
  EXPECT_TRUE(store_->Checkpoint().ok());
  EXPECT_TRUE(store_->Verify().ok());
}

// The kernel tells of a failed write-out once: the sync after it would not.
TEST_F(StoreImageFaultsTest, AWriteOutOfTheImageThatFailsFencesTheStore) {
  const uint64_t checkpoints = store_->Metrics().checkpoints;
  FailOnImage("sync range", EIO);
  EXPECT_FALSE(store_->Checkpoint().ok());
  EXPECT_EQ(store_->Metrics().checkpoints, checkpoints);
  disk_.SetFault(nullptr);
  EXPECT_FALSE(store_->Checkpoint().ok());
  EXPECT_EQ(model::ReasonOf(Put(11)), Reason::kStoreFenced);
  EXPECT_EQ(ReadItem(*store_, Key(3)), "item 3");
  OpenStore();
  EXPECT_EQ(ReadItem(*store_, Key(9)), "item 9");
  EXPECT_TRUE(Put(11).ok());
  EXPECT_TRUE(store_->Checkpoint().ok());
  EXPECT_TRUE(store_->Verify().ok());
}

TEST_F(StoreImageFaultsTest, WithoutSlicesTheImageIsSyncedAsAWhole) {
  const uint64_t checkpoints = store_->Metrics().checkpoints;
  FailOnImage("sync range", ENOSYS);
  EXPECT_TRUE(Put(11).ok());
  EXPECT_TRUE(store_->Checkpoint().ok());
  EXPECT_EQ(store_->Metrics().checkpoints, checkpoints + 1);
  disk_.SetFault(nullptr);
  OpenStore();
  EXPECT_EQ(store_->Metrics().replayed_frames, 0);
  EXPECT_EQ(ReadItem(*store_, Key(11)), "item 11");
}

TEST_F(StoreImageFaultsTest, ACheckpointThatFindsNoRoomIsTriedAgain) {
  disk_.SetFault([](absl::string_view called, absl::string_view path) {
    return called == "write" && absl::StrContains(path, "checkpoint") ? ENOSPC
                                                                      : 0;
  });
  EXPECT_EQ(model::ReasonOf(store_->Checkpoint()), Reason::kStorageFull);
  EXPECT_TRUE(Put(11).ok());
  disk_.SetFault(nullptr);
  EXPECT_TRUE(store_->Checkpoint().ok());
  OpenStore();
  EXPECT_EQ(store_->Metrics().replayed_frames, 0);
  EXPECT_EQ(ReadItem(*store_, Key(11)), "item 11");
}

}  // namespace
}  // namespace pallet::storage
