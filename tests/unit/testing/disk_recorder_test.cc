// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/disk_recorder.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {
namespace {

using ::testing::Contains;

class DiskRecorderTest : public ::testing::Test {
 protected:
  std::string path(absl::string_view name) const {
    return directory_.path() + "/" + std::string(name);
  }

  // What `name` holds in many crash images; "gone" where it is not there.
  std::set<std::string> Fates(const DiskRecorder& recorder, size_t position,
                              absl::string_view name) {
    std::set<std::string> fates;
    for (int i = 0; i < 300; ++i) {
      const std::string image = elsewhere_.path() + "/" + std::to_string(++n_);
      recorder.BuildCrashImage(position, random_, image);
      const auto content = ReadFile(files_, image + "/" + std::string(name));
      fates.insert(content.ok() ? *content : "gone");
      std::filesystem::remove_all(image);
    }
    return fates;
  }

  TemporaryDirectory directory_, elsewhere_;
  FileSystem* const files_ = FileSystem::Real();
  Random random_{1};
  int n_ = 0;
};

TEST_F(DiskRecorderTest, Example) {
  DiskRecorder recorder(directory_.path());
  auto file = files_->Open(path("f"), OpenMode::kCreateNew);
  ASSERT_TRUE((*file)->Write(0, "old").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  ASSERT_TRUE(files_->SyncDirectory(directory_.path()).ok());
  const size_t synced = recorder.position();
  ASSERT_TRUE((*file)->Write(0, "new").ok());
  const size_t written = recorder.position();
  ASSERT_TRUE((*file)->SyncData().ok());
  recorder.Stop();

  EXPECT_THAT(Fates(recorder, synced, "f"), ::testing::ElementsAre("old"));
  const std::set<std::string> open_fate = Fates(recorder, written, "f");
  EXPECT_THAT(open_fate, Contains("old"));
  EXPECT_THAT(open_fate, Contains("new"));
  EXPECT_THAT(open_fate, Contains("nld"));  // torn
  EXPECT_THAT(Fates(recorder, recorder.position(), "f"),
              ::testing::ElementsAre("new"));
}

TEST_F(DiskRecorderTest, ASyncedFileWithoutASyncedNameMayBeGone) {
  DiskRecorder recorder(directory_.path());
  auto file = files_->Open(path("f"), OpenMode::kCreateNew);
  ASSERT_TRUE((*file)->Write(0, "x").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_THAT(Fates(recorder, recorder.position(), "f"),
              ::testing::ElementsAre("gone", "x"));
}

TEST_F(DiskRecorderTest, ARenameBringsUnsyncedBytesWithIt) {
  ASSERT_TRUE(ReplaceFile(files_, path("f"), "old").ok());
  DiskRecorder recorder(directory_.path());
  auto file = files_->Open(path("t"), OpenMode::kCreateNew);
  ASSERT_TRUE((*file)->Write(0, "new").ok());
  ASSERT_TRUE(files_->Rename(path("t"), path("f")).ok());
  ASSERT_TRUE(files_->SyncDirectory(directory_.path()).ok());
  const std::set<std::string> fates = Fates(recorder, recorder.position(), "f");
  EXPECT_THAT(fates, Contains(""));
  EXPECT_THAT(fates, Contains("new"));
  EXPECT_THAT(fates, ::testing::Not(Contains("old")));
}

TEST_F(DiskRecorderTest, ReplaceFileLeavesTheOldOrTheNew) {
  ASSERT_TRUE(ReplaceFile(files_, path("f"), "old").ok());
  DiskRecorder recorder(directory_.path());
  ASSERT_TRUE(ReplaceFile(files_, path("f"), "new").ok());
  recorder.Stop();
  std::set<std::string> fates;
  for (size_t i = 0; i <= recorder.position(); ++i) {
    fates.merge(Fates(recorder, i, "f"));
  }
  EXPECT_THAT(fates, ::testing::ElementsAre("new", "old"));
}

TEST_F(DiskRecorderTest, PagesAndSectorsOfALargeWriteGoTheirOwnWays) {
  DiskRecorder recorder(directory_.path());
  auto file = files_->Open(path("f"), OpenMode::kCreateNew);
  ASSERT_TRUE(files_->SyncDirectory(directory_.path()).ok());
  ASSERT_TRUE((*file)->Write(0, std::string(16384, 'a')).ok());
  const std::set<std::string> fates = Fates(recorder, recorder.position(), "f");
  EXPECT_GT(fates.size(), 100u);
  for (const std::string& content : fates) EXPECT_LE(content.size(), 16384u);
}

TEST_F(DiskRecorderTest, AWriteWithDSyncIsDurableByItself) {
  DiskRecorder recorder(directory_.path());
  const int file = open(path("f").c_str(), O_CREAT | O_RDWR | O_DSYNC, 0600);
  ASSERT_GE(file, 0);
  ASSERT_TRUE(files_->SyncDirectory(directory_.path()).ok());
  ASSERT_EQ(pwrite(file, "abc", 3, 0), 3);
  close(file);
  EXPECT_THAT(Fates(recorder, recorder.position(), "f"),
              ::testing::ElementsAre("abc"));
}

TEST_F(DiskRecorderTest, FaultsMakeCallsFail) {
  auto file = files_->Open(path("f"), OpenMode::kCreateNew);
  DiskRecorder recorder(directory_.path());
  recorder.SetFault([](absl::string_view operation, absl::string_view path) {
    return operation == "sync" && path == "f" ? EIO : 0;
  });
  EXPECT_TRUE((*file)->Write(0, "x").ok());
  EXPECT_FALSE((*file)->SyncData().ok());
  recorder.SetFault(nullptr);
  EXPECT_TRUE((*file)->SyncData().ok());
}

}  // namespace
}  // namespace pallet::testing
