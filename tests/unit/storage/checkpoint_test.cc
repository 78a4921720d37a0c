// SPDX-License-Identifier: Apache-2.0
#include "storage/checkpoint.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/image_fixture.h"

namespace pallet::storage {
namespace {

absl::Status SyncNothing() { return absl::OkStatus(); }

class CheckpointTest : public ::testing::Test {
 protected:
  void TakeCheckpoint(uint64_t log_frame) {
    ASSERT_TRUE(fixture_.checkpoints().Begin({.log_frame = log_frame}).ok());
    ASSERT_TRUE(fixture_.checkpoints().Finish(SyncNothing).ok());
  }

  std::string file(absl::string_view name) const {
    return fixture_.directory() + "/" + std::string(name);
  }

  testing::ImageFixture fixture_;
};

TEST_F(CheckpointTest, Example) {
  EXPECT_TRUE(fixture_.opened().created);
  fixture_.Put("row", "before");
  CheckpointContents contents{
      .log_frame = 12,
      .groups = {{.partition = PartitionId(1), .applied_index = 5}}};
  ASSERT_TRUE(fixture_.checkpoints().Begin(contents).ok());
  fixture_.Put("row", "after");  // the writer does not wait
  ASSERT_TRUE(fixture_.checkpoints().Finish(SyncNothing).ok());
  EXPECT_EQ(fixture_.Get("row"), "after");

  // Recovery goes back to the checkpoint; the log has the rest.
  ASSERT_TRUE(fixture_.Open().ok());
  EXPECT_FALSE(fixture_.opened().created);
  EXPECT_EQ(fixture_.opened().contents, contents);
  EXPECT_EQ(fixture_.Get("row"), "before");
}

TEST_F(CheckpointTest, AStoreIsBornWithACheckpoint) {
  fixture_.Put("row", "not in any checkpoint");
  ASSERT_TRUE(fixture_.Open().ok());
  EXPECT_FALSE(fixture_.opened().created);
  EXPECT_EQ(fixture_.Get("row"), "nothing");
  EXPECT_EQ(fixture_.opened().contents, CheckpointContents());
}

TEST_F(CheckpointTest, AHalfBornStoreIsMadeAgain) {
  fixture_.Put("row", "1");
  fixture_.Close();
  std::filesystem::remove(file("checkpoint"));
  ASSERT_TRUE(fixture_.Open().ok());
  EXPECT_TRUE(fixture_.opened().created);
  EXPECT_EQ(fixture_.Get("row"), "nothing");
}

TEST_F(CheckpointTest, ALostCheckpointIsDataLossWhereThereIsALog) {
  fixture_.Close();
  std::filesystem::remove(file("checkpoint"));
  CheckpointOptions options = fixture_.options();
  options.may_create = false;
  EXPECT_EQ(Checkpoints::Open(options).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(std::filesystem::exists(file("image/data.mdb")));
}

TEST_F(CheckpointTest, StateOfTheLastCheckpointOutlivesManyCommits) {
  for (int i = 0; i < 300; ++i) {
    fixture_.Put("row" + std::to_string(i), std::string(500, 'a'));
  }
  TakeCheckpoint(1);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 300; ++i) {
      fixture_.Put("row" + std::to_string(i), std::string(500, 'b'));
    }
  }
  ASSERT_TRUE(fixture_.Open().ok());
  ASSERT_TRUE(fixture_.image().Verify().ok());
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(fixture_.Get("row" + std::to_string(i)), std::string(500, 'a'));
  }
}

TEST_F(CheckpointTest, PagesOfEndedCheckpointsAreUsedAgain) {
  uint64_t bytes_after_warm_up = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 50; ++i) {
      fixture_.Put("row" + std::to_string(i), std::string(500, 'a'));
    }
    TakeCheckpoint(round);
    if (round == 10) {
      bytes_after_warm_up = fixture_.image().usage().allocated_bytes;
    }
  }
  EXPECT_LE(fixture_.image().usage().allocated_bytes,
            bytes_after_warm_up + bytes_after_warm_up / 4);
}

TEST_F(CheckpointTest, AllocatedBytesGrowWithWritesAndStartAgain) {
  TakeCheckpoint(1);
  EXPECT_EQ(fixture_.checkpoints().AllocatedBytes().value(), 0u);
  uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      fixture_.Put("row" + std::to_string(i), std::string(500, 'a'));
    }
    const uint64_t now = fixture_.checkpoints().AllocatedBytes().value();
    EXPECT_GE(now, last + 50 * 4096);
    last = now;
  }
  TakeCheckpoint(2);
  EXPECT_EQ(fixture_.checkpoints().AllocatedBytes().value(), 0u);
}

TEST_F(CheckpointTest, LiveBytesAreThoseOfThePinnedState) {
  for (int i = 0; i < 100; ++i) {
    fixture_.Put("row" + std::to_string(i), std::string(2000, 'a'));
  }
  TakeCheckpoint(1);
  const uint64_t full = fixture_.checkpoints().LiveBytes();
  EXPECT_GE(full, 100u * 2000);
  // Pages that changed rows left behind are not live.
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 100; ++i) {
      fixture_.Put("row" + std::to_string(i), std::string(2000, 'b'));
    }
  }
  EXPECT_EQ(fixture_.checkpoints().LiveBytes(), full);
  TakeCheckpoint(2);
  EXPECT_LE(fixture_.checkpoints().LiveBytes(), full + full / 4);
  EXPECT_GT(fixture_.image().usage().allocated_bytes, 2 * full);
}

TEST_F(CheckpointTest, AFailedLogSyncEndsAllCheckpointsAndKeepsTheLast) {
  fixture_.Put("row", "kept");
  TakeCheckpoint(7);
  fixture_.Put("row", "lost");
  ASSERT_TRUE(fixture_.checkpoints().Begin({.log_frame = 8}).ok());
  EXPECT_FALSE(fixture_.checkpoints()
                   .Finish([] { return absl::DataLossError("sync"); })
                   .ok());
  EXPECT_TRUE(fixture_.checkpoints().failed());
  const absl::Status refused = fixture_.checkpoints().Begin({.log_frame = 9});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(model::ReasonOf(refused), model::Reason::kStoreFenced);
  ASSERT_TRUE(fixture_.Open().ok());
  EXPECT_EQ(fixture_.opened().contents.log_frame, 7u);
  EXPECT_EQ(fixture_.Get("row"), "kept");
}

TEST_F(CheckpointTest,
       AFileThatCannotBeWrittenLeavesTheLastAndMayBeTriedAgain) {
  TakeCheckpoint(7);
  fixture_.Put("row", "new");
  std::filesystem::create_directory(file("checkpoint.tmp"));
  ASSERT_TRUE(fixture_.checkpoints().Begin({.log_frame = 8}).ok());
  EXPECT_FALSE(fixture_.checkpoints().Finish(SyncNothing).ok());
  EXPECT_FALSE(fixture_.checkpoints().failed());
  std::filesystem::remove(file("checkpoint.tmp"));
  TakeCheckpoint(9);
  ASSERT_TRUE(fixture_.Open().ok());
  EXPECT_EQ(fixture_.opened().contents.log_frame, 9u);
  EXPECT_EQ(fixture_.Get("row"), "new");
}

TEST_F(CheckpointTest, ADamagedCheckpointIsDataLoss) {
  fixture_.Close();
  std::fstream(file("checkpoint"),
               std::ios::in | std::ios::out | std::ios::binary)
          .seekp(100)
      << "damage";
  const absl::Status status = fixture_.Open();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(model::ReasonOf(status), model::Reason::kDataLoss);
}

TEST_F(CheckpointTest, ACheckpointOfAnotherImageChangesNothing) {
  fixture_.Put("row", "mine");
  TakeCheckpoint(1);
  fixture_.Close();
  testing::TemporaryDirectory other;
  CheckpointOptions options = fixture_.options();
  options.directory = other.path();
  options.new_uuid = "another image!!!";
  ASSERT_TRUE(Checkpoints::Open(options).ok());

  std::filesystem::rename(file("checkpoint"), file("mine"));
  std::filesystem::copy(other.path() + "/checkpoint", file("checkpoint"));
  const absl::Status status = fixture_.Open();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(model::ReasonOf(status), model::Reason::kDataLoss);

  std::filesystem::rename(file("mine"), file("checkpoint"));
  ASSERT_TRUE(fixture_.Open().ok());
  EXPECT_EQ(fixture_.Get("row"), "mine");
}

TEST_F(CheckpointTest, AnotherPageSizeIsRefused) {
  fixture_.Close();
  CheckpointFile other =
      DecodeCheckpoint(ReadFile(FileSystem::Real(), file("checkpoint")).value())
          .value();
  other.meta_pages.page_size *= 2;
  other.meta_pages.bytes.resize(2 * other.meta_pages.page_size);
  std::ofstream(file("checkpoint"), std::ios::binary)
      << EncodeCheckpoint(other);
  EXPECT_EQ(fixture_.Open().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace pallet::storage
