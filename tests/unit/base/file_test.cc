// SPDX-License-Identifier: Apache-2.0
//
// The same promises, kept by the machine's files, by those in memory and through
// the wrapper that injects faults.
#include "base/file.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/fault_injecting_file_system.h"
#include "tests/testing/memory_file_system.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using ::testing::ElementsAre;
using testing::FaultInjectingFileSystem;
using testing::MemoryFileSystem;
using testing::TemporaryDirectory;

class FileTest : public ::testing::TestWithParam<const char*> {
 protected:
  FileTest() : directory_(temporary_.path() + "/d") {
    const absl::string_view kind = GetParam();
    if (kind == "memory") {
      files_ = &memory_;
      directory_ = "d";
    } else if (kind == "faulty") {
      files_ = &faulty_;
    }
    EXPECT_TRUE(files_->CreateDirectory(directory_).ok());
  }

  std::string Path(const std::string& name) const {
    return directory_ + "/" + name;
  }

  std::unique_ptr<File> Open(const std::string& name, OpenMode mode) {
    auto file = files_->Open(Path(name), mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  TemporaryDirectory temporary_;
  MemoryFileSystem memory_;
  FaultInjectingFileSystem faulty_{FileSystem::Real()};
  FileSystem* files_ = FileSystem::Real();
  std::string directory_;
};

INSTANTIATE_TEST_SUITE_P(All, FileTest,
                         ::testing::Values("real", "memory", "faulty"));

TEST_P(FileTest, Example) {
  std::unique_ptr<File> file = Open("a", OpenMode::kCreateNew);
  ASSERT_TRUE(file->Write(3, "defg").ok());
  ASSERT_TRUE(file->Write(0, "abc").ok());
  ASSERT_TRUE(file->SyncData().ok());
  ASSERT_TRUE(files_->SyncDirectory(directory_).ok());
  EXPECT_EQ(*file->Size(), 7u);
  char buffer[16];
  EXPECT_EQ(*file->Read(2, sizeof(buffer), buffer), 5u);
  EXPECT_EQ(absl::string_view(buffer, 5), "cdefg");
  EXPECT_EQ(*file->Read(7, sizeof(buffer), buffer), 0u);
  ASSERT_TRUE(file->Truncate(2).ok());
  EXPECT_EQ(*ReadFile(files_, Path("a")), "ab");
}

TEST_P(FileTest, OpenModesSayWhatMustExist) {
  EXPECT_TRUE(
      absl::IsNotFound(files_->Open(Path("a"), OpenMode::kRead).status()));
  EXPECT_TRUE(
      absl::IsNotFound(files_->Open(Path("a"), OpenMode::kReadWrite).status()));
  Open("a", OpenMode::kOpenOrCreate);
  EXPECT_TRUE(absl::IsAlreadyExists(
      files_->Open(Path("a"), OpenMode::kCreateNew).status()));
}

TEST_P(FileTest, DirectoriesListSortedRenameReplacesRemoveForgets) {
  for (const char* name : {"c", "a", "b"}) {
    ASSERT_TRUE(Open(name, OpenMode::kCreateNew)->Write(0, name).ok());
  }
  EXPECT_THAT(*files_->List(directory_), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(files_->Rename(Path("a"), Path("c")).ok());
  ASSERT_TRUE(files_->Remove(Path("b")).ok());
  EXPECT_THAT(*files_->List(directory_), ElementsAre("c"));
  EXPECT_EQ(*ReadFile(files_, Path("c")), "a");
  EXPECT_FALSE(*files_->Exists(Path("a")));
  EXPECT_TRUE(*files_->Exists(Path("c")));
  EXPECT_TRUE(absl::IsNotFound(files_->Remove(Path("a"))));
  EXPECT_TRUE(absl::IsNotFound(files_->List(Path("x")).status()));
}

TEST_P(FileTest, LockIsHeldByOneAtATime) {
  auto lock = files_->Lock(Path("LOCK"));
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(files_->Lock(Path("LOCK")).status()));
  lock->reset();
  EXPECT_TRUE(files_->Lock(Path("LOCK")).ok());
}

TEST_P(FileTest, ReplaceFileLeavesTheNewContentAndNothingElse) {
  ASSERT_TRUE(ReplaceFile(files_, Path("f"), "old and long").ok());
  ASSERT_TRUE(ReplaceFile(files_, Path("f"), "new").ok());
  EXPECT_EQ(*ReadFile(files_, Path("f")), "new");
  EXPECT_THAT(*files_->List(directory_), ElementsAre("f"));
  EXPECT_GT(*files_->FreeBytes(directory_), 0u);
}

TEST(DirectoryOfTest, IsWhatStandsBeforeTheLastSlash) {
  EXPECT_EQ(DirectoryOf("a/b/c"), "a/b");
  EXPECT_EQ(DirectoryOf("/a"), "/");
  EXPECT_EQ(DirectoryOf("a"), ".");
}

class LosePowerTest : public ::testing::Test {
 protected:
  LosePowerTest() { EXPECT_TRUE(memory_.CreateDirectory("d").ok()); }

  std::unique_ptr<File> Synced(const std::string& content) {
    auto file = disk_.Open("d/f", OpenMode::kCreateNew);
    EXPECT_TRUE((*file)->Write(0, content).ok());
    EXPECT_TRUE((*file)->Sync().ok());
    EXPECT_TRUE(disk_.SyncDirectory("d").ok());
    return *std::move(file);
  }

  MemoryFileSystem memory_;
  FaultInjectingFileSystem disk_{&memory_};
};

TEST_F(LosePowerTest, ForgetsWhatWasNotSynced) {
  std::unique_ptr<File> file = Synced("old");
  ASSERT_TRUE(file->Write(0, "new and longer").ok());
  disk_.LosePower(nullptr);
  EXPECT_EQ(*ReadFile(&disk_, "d/f"), "old");
}

TEST_F(LosePowerTest, KeepsWhatWasSynced) {
  std::unique_ptr<File> file = Synced("old");
  ASSERT_TRUE(file->Write(0, "new").ok());
  ASSERT_TRUE(file->SyncData().ok());
  disk_.LosePower(nullptr);
  EXPECT_EQ(*ReadFile(&disk_, "d/f"), "new");
}

TEST_F(LosePowerTest, SyncThatFailedIsNotMadeGoodByALaterOne) {
  std::unique_ptr<File> file = Synced("old");
  ASSERT_TRUE(file->Write(0, "new").ok());
  disk_.FailSync(1, EIO);
  EXPECT_FALSE(file->SyncData().ok());
  EXPECT_TRUE(file->SyncData().ok());
  EXPECT_EQ(*ReadFile(&disk_, "d/f"), "new");  // the page cache has it
  disk_.LosePower(nullptr);
  EXPECT_EQ(*ReadFile(&disk_, "d/f"), "old");
}

TEST_F(LosePowerTest, LosesAnySubsetOfSectors) {
  Random random(1);
  bool mixed = false;
  for (int i = 0; i < 50 && !mixed; ++i) {
    std::unique_ptr<File> file = Synced(std::string(1024, 'a'));
    ASSERT_TRUE(file->Write(0, std::string(1024, 'b')).ok());
    disk_.LosePower(&random);
    const std::string content = *ReadFile(&disk_, "d/f");
    ASSERT_EQ(content.size(), 1024u);
    mixed = content[0] == 'a' && content[1023] == 'b';
    ASSERT_TRUE(disk_.Remove("d/f").ok());
  }
  EXPECT_TRUE(mixed);
}

TEST_F(LosePowerTest, ForgetsNamesThatWereNotSynced) {
  std::unique_ptr<File> file = Synced("content");
  ASSERT_TRUE(disk_.Rename("d/f", "d/g").ok());
  ASSERT_TRUE(disk_.Open("d/h", OpenMode::kCreateNew).ok());
  ASSERT_TRUE(disk_.Remove("d/g").ok());
  disk_.LosePower(nullptr);
  EXPECT_THAT(*disk_.List("d"), ElementsAre("f"));
  EXPECT_EQ(*ReadFile(&disk_, "d/f"), "content");
}

TEST_F(LosePowerTest, FullDiskTakesWhatFitsAndRemovalFrees) {
  disk_.SetSpace(10);
  auto file = disk_.Open("d/f", OpenMode::kCreateNew);
  ASSERT_TRUE((*file)->Write(0, "12345").ok());
  EXPECT_TRUE(absl::IsResourceExhausted((*file)->Write(5, "1234567")));
  EXPECT_EQ(*(*file)->Size(), 10u);
  EXPECT_TRUE((*file)->Write(0, "54321").ok());
  ASSERT_TRUE(disk_.Remove("d/f").ok());
  EXPECT_EQ(*disk_.FreeBytes("d"), 10u);
}

TEST_F(LosePowerTest, FailsTheNthWriteHalfWritten) {
  std::unique_ptr<File> file = Synced("0000");
  disk_.FailWrite(2, EIO);
  EXPECT_TRUE(file->Write(0, "1111").ok());
  EXPECT_FALSE(file->Write(0, "2222").ok());
  EXPECT_EQ(*ReadFile(&disk_, "d/f"), "2211");
}

TEST_F(LosePowerTest, TurnedAwayChangesLeaveNoTrace) {
  std::unique_ptr<File> file = Synced("0000");
  disk_.TurnAway(true);
  EXPECT_FALSE(file->Write(0, "1").ok());
  EXPECT_FALSE(file->Truncate(0).ok());
  EXPECT_FALSE(disk_.Remove("d/f").ok());
  EXPECT_FALSE(disk_.Rename("d/f", "d/g").ok());
  EXPECT_FALSE(disk_.Open("d/g", OpenMode::kCreateNew).ok());
  disk_.TurnAway(false);
  EXPECT_EQ(*ReadFile(&disk_, "d/f"), "0000");
  EXPECT_THAT(*disk_.List("d"), ElementsAre("f"));
}

}  // namespace
}  // namespace pallet
