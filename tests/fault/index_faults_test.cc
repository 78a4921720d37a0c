// SPDX-License-Identifier: Apache-2.0
//
// A store that has half of an index and half of its table breaks: its disk is
// full, or a sync of its log fails. The other half of the table goes on, and
// when the store is back the indexes are their table.
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/thread.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/fault_injecting_file_system.h"
#include "tests/testing/indexed_table.h"
#include "tests/testing/random_items.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {
namespace {

class IndexFaultsTest : public ::testing::Test {
 protected:
  IndexFaultsTest()
      : table_(std::make_unique<IndexedTable>(
            directory_.path(), std::vector<uint64_t>{1, 2},
            IndexedTableOptions{
                .round_changes = 20,
                .file_systems = {FileSystem::Real(), &disk_}})) {}

  // Writes that the broken store refuses are counted, those that the sound one
  // refuses are a failure.
  void Write(int count) {
    for (int i = 0; i < count; ++i) {
      const TestItem item = RandomItem(random_, 300);
      const absl::Status put = table_->Put(item);
      if (put.ok()) {
        ++written_;
        continue;
      }
      ++refused_;
      ASSERT_EQ(table_->SourceOf(item.pk), storage::PartitionId(2)) << put;
    }
  }

  void ExpectEqual() {
    for (const uint64_t index : {1, 2}) table_->AwaitActive(index);
    table_->AwaitAll();
    const gsi::IndexCheck check = table_->Check();
    EXPECT_GT(check.entries, 0u);
    EXPECT_EQ(check.differences, 0u)
        << (check.examples.empty() ? "" : check.examples[0]);
    const absl::Status verified = table_->Verify();
    EXPECT_TRUE(verified.ok()) << verified;
  }

  Random random_{TestSeed()};
  TemporaryDirectory directory_;
  FaultInjectingFileSystem disk_{FileSystem::Real()};
  std::unique_ptr<IndexedTable> table_;
  int written_ = 0, refused_ = 0;
};

TEST_F(IndexFaultsTest, AFullDiskHoldsUpItsOwnHalfAndNothingIsLost) {
  for (int round = 0; round < TestRounds(3); ++round) {
    Write(300);
    disk_.SetSpace(0);
    const int before = written_;
    Write(300);
    EXPECT_GT(written_, before);  // the sound half goes on
    disk_.SetUnlimitedSpace();
    Write(50);
    ExpectEqual();
    if (HasFailure()) return;
  }
  EXPECT_GT(refused_, 0);
}

TEST_F(IndexFaultsTest, AFailedSyncFencesItsHalfUntilANewStart) {
  for (int round = 0; round < TestRounds(3); ++round) {
    Write(200);
    disk_.FailSync(random_.Between(1, 30), EIO);
    const int before = written_;
    Write(300);
    EXPECT_GT(written_, before);
    EXPECT_GT(refused_, 0);
    refused_ = 0;
    // What the sync did not bring to the disk is lost.
    disk_.TurnAway(true);
    table_ = nullptr;
    disk_.TurnAway(false);
    disk_.LosePower(&random_);
    table_ = std::make_unique<IndexedTable>(
        directory_.path(), std::vector<uint64_t>{1, 2},
        IndexedTableOptions{.round_changes = 20,
                            .file_systems = {FileSystem::Real(), &disk_}});
    ExpectEqual();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace pallet::testing
