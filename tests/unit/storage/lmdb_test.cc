// SPDX-License-Identifier: Apache-2.0
#include "storage/lmdb.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/thread.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage::lmdb {
namespace {

class LmdbTest : public ::testing::Test {
 protected:
  void Open(Options options = {}) {
    database_ = Database();
    environment_.reset();
    options.directory = directory_.path();
    auto environment = Environment::Open(options);
    ASSERT_TRUE(environment.ok()) << environment.status();
    environment_ = *std::move(environment);
    auto databases = environment_->OpenDatabases({"things"});
    ASSERT_TRUE(databases.ok()) << databases.status();
    database_ = databases->front();
  }

  absl::Status Put(absl::string_view key, absl::string_view value) {
    auto write = environment_->BeginWrite();
    if (!write.ok()) return write.status();
    absl::Status status = write->Put(database_, key, value);
    return status.ok() ? write->Commit() : status;
  }

  std::string Get(absl::string_view key) {
    auto read = environment_->BeginRead();
    auto value = read->Get(database_, key);
    return !value.ok() ? std::string(value.status().message())
           : *value    ? std::string(**value)
                       : "nothing";
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<Environment> environment_;
  Database database_;
};

TEST_F(LmdbTest, Example) {
  Open();
  auto write = environment_->BeginWrite();
  ASSERT_TRUE(write.ok());
  ASSERT_TRUE(write->Put(database_, "a", "1").ok());
  ASSERT_TRUE(write->Put(database_, "b", "2").ok());
  auto room = write->Reserve(database_, "c", 5);
  ASSERT_TRUE(room.ok());
  std::memcpy(*room, "three", 5);
  ASSERT_TRUE(write->Commit().ok());

  EXPECT_EQ(Get("c"), "three");
  EXPECT_EQ(Get("d"), "nothing");

  auto read = environment_->BeginRead();
  auto cursor = read->OpenCursor(database_);
  std::string seen;
  absl::Status status = cursor->SeekAtOrAfter("aa");
  for (; status.ok() && cursor->valid(); status = cursor->Next()) {
    seen +=
        std::string(cursor->key()) + "=" + std::string(cursor->value()) + " ";
  }
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, "b=2 c=three ");
}

TEST_F(LmdbTest, WhatWasNotCommittedIsDropped) {
  Open();
  {
    auto write = environment_->BeginWrite();
    ASSERT_TRUE(write->Put(database_, "a", "1").ok());
  }
  EXPECT_EQ(Get("a"), "nothing");
}

TEST_F(LmdbTest, AReaderKeepsItsStateAndTheNextOneSeesTheNewOne) {
  Open();
  ASSERT_TRUE(Put("a", "1").ok());
  auto old = environment_->BeginRead();
  ASSERT_TRUE(Put("a", "2").ok());
  EXPECT_EQ(*old->Get(database_, "a").value(), "1");
  EXPECT_EQ(Get("a"), "2");
}

TEST_F(LmdbTest, CursorWalksBothWaysAndDeletes) {
  Open();
  for (const char* key : {"a", "b", "c", "d"}) ASSERT_TRUE(Put(key, "x").ok());
  auto write = environment_->BeginWrite();
  auto cursor = write->OpenCursor(database_);
  ASSERT_TRUE(cursor->SeekExact("b").ok());
  ASSERT_TRUE(cursor->DeleteAndNext().ok());
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "c");
  ASSERT_TRUE(cursor->Previous().ok());
  EXPECT_EQ(cursor->key(), "a");
  ASSERT_TRUE(cursor->Last().ok());
  EXPECT_EQ(cursor->key(), "d");
  ASSERT_TRUE(cursor->DeleteAndNext().ok());
  EXPECT_FALSE(cursor->valid());
  ASSERT_TRUE(cursor->SeekExact("b").ok());
  EXPECT_FALSE(cursor->valid());
  auto deleted = write->Delete(database_, "b");
  EXPECT_FALSE(deleted.value());
  deleted = write->Delete(database_, "a");
  EXPECT_TRUE(deleted.value());
}

TEST_F(LmdbTest, AFileThatIsNotSyncedIsFilledAheadOfItsUse) {
  Open({.map_size = 64 << 20, .sync_commits = false});
  const std::string path = absl::StrCat(directory_.path(), "/", kDataFileName);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Put(absl::StrCat("key", i), std::string(3000, 'x')).ok());
  }
  const Usage usage = environment_->usage();
  const uint64_t used = usage.allocated_pages * usage.page_size;
  EXPECT_GT(std::filesystem::file_size(path), used);
  EXPECT_LT(std::filesystem::file_size(path), used + (4 << 20));

  // What is behind the last page is used again, not filled again.
  Open({.map_size = 64 << 20, .sync_commits = false});
  const uint64_t before = std::filesystem::file_size(path);
  ASSERT_TRUE(Put("key0", "y").ok());
  EXPECT_EQ(std::filesystem::file_size(path), before);
  EXPECT_EQ(Get("key0"), "y");
  EXPECT_EQ(Get("key199"), std::string(3000, 'x'));
}

TEST_F(LmdbTest, FullMapIsStorageFullAndTheOldStateStays) {
  Open({.map_size = 1 << 20, .sync_commits = false});
  ASSERT_TRUE(Put("first", "1").ok());
  absl::Status status;
  for (int i = 0; i < 300 && status.ok(); ++i) {
    status = Put("key" + std::to_string(i), std::string(8192, 'x'));
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(model::ReasonOf(status), model::Reason::kStorageFull) << status;
  EXPECT_EQ(Get("first"), "1");
}

TEST_F(LmdbTest, AFileThatIsNoLmdbFileIsDataLoss) {
  std::ofstream(directory_.path() + "/data.mdb") << std::string(8192, 'z');
  auto environment = Environment::Open({.directory = directory_.path()});
  ASSERT_FALSE(environment.ok());
  EXPECT_EQ(model::ReasonOf(environment.status()), model::Reason::kDataLoss)
      << environment.status();
}

TEST_F(LmdbTest, AReaderBeyondTheBoundWaitsForOneToEnd) {
  Open({.max_readers = 1});
  ASSERT_TRUE(Put("a", "1").ok());
  std::optional<absl::StatusOr<ReadTransaction>> first;
  first.emplace(environment_->BeginRead());
  bool ended = false;
  std::string seen;
  Thread second("second reader", [&] {
    auto read = environment_->BeginRead();
    EXPECT_TRUE(ended);
    seen = std::string(**read->Get(database_, "a"));
  });
  ended = true;
  first.reset();
  second.Join();
  EXPECT_EQ(seen, "1");
}

TEST_F(LmdbTest, APinKeepsItsPagesAndTheMetaPagesBringItBack) {
  Open({.sync_commits = false});
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Put("key" + std::to_string(i), std::string(1000, 'a')).ok());
  }
  MetaPages pages;
  {
    auto pin = environment_->PinLatest();
    ASSERT_TRUE(pin.ok());
    auto saved = environment_->ReadMetaPages(*pin);
    ASSERT_TRUE(saved.ok());
    pages = *saved;
    EXPECT_EQ(environment_->PagesFreedAfter(pin->id())->pages, 0u);
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(
            Put("key" + std::to_string(i), std::string(1000, 'b')).ok());
      }
    }
    EXPECT_GT(environment_->PagesFreedAfter(pin->id())->pages, 1000u);
    EXPECT_EQ(Get("key7"), std::string(1000, 'b'));
  }
  environment_.reset();
  ASSERT_TRUE(Environment::RestoreMetaPages(FileSystem::Real(),
                                            directory_.path(), pages)
                  .ok());
  Open();
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Get("key" + std::to_string(i)), std::string(1000, 'a'));
  }
}

}  // namespace
}  // namespace pallet::storage::lmdb
