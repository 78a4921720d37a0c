// SPDX-License-Identifier: Apache-2.0
//
// Backfill as its follower runs it, step by step.
#include "gsi/backfill.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "gsi/follower.h"
#include "gtest/gtest.h"
#include "tests/testing/indexed_table.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::gsi {
namespace {

constexpr int kItems = 200;

// A table with an index that has all and one that is new. Its own propagator is
// paused: the test makes each step.
class BackfillTest : public ::testing::Test {
 protected:
  BackfillTest() : table_(directory_.path()) {
    table_.AddIndex(1);
    table_.AwaitActive(1);
    for (int i = 0; i < kItems; ++i) Put(absl::StrCat("item-", i), "before");
    table_.AwaitAll();
    table_.propagator().SetSwitch(1, {true, {}});
    table_.propagator().SetSwitch(2, {true, {}});
    table_.AddIndex(2);
  }

  std::unique_ptr<Follower> Start(size_t source, const ChunkLimits& chunk,
                                  StepObserver observer = nullptr) {
    const TopologyPtr topology = table_.topology();
    Follower::Options options;
    options.clock = Clock::Real();
    options.logger = Logger::Real();
    options.chunk = chunk;
    options.chunk_slots = &slots_;
    options.switch_of = [this](uint64_t index) {
      return IndexSwitch{paused_.count(index) > 0, {}};
    };
    options.observer = std::move(observer);
    auto follower =
        std::make_unique<Follower>(topology->sources[source], options);
    const absl::Status set = follower->SetTable(topology);
    CHECK(set.ok()) << set;
    return follower;
  }

  void Finish(Follower& follower) {
    while (follower.Run() <= absl::ZeroDuration()) {
    }
  }

  void Put(const std::string& pk, const std::string& a) {
    const absl::Status put = table_.Put({.pk = pk, .a = a, .b = 1});
    CHECK(put.ok()) << put;
  }

  // The least far of the index's cursors in that lineage.
  uint64_t CursorOf(const Follower& follower, uint64_t index) {
    uint64_t least = UINT64_MAX;
    for (const Target& target : table_.topology()->indexes[index - 1].targets) {
      least = std::min(least, follower.CursorOf(target.id)->value());
    }
    return least;
  }

  uint64_t ReadOf(const Follower& follower, uint64_t index) {
    return follower.ProgressOf(index).value().backfill.items_read;
  }

  void ExpectEqual() {
    const IndexCheck check = table_.Check();
    EXPECT_EQ(check.differences, 0u)
        << (check.examples.empty() ? "" : check.examples[0]);
    EXPECT_GE(check.entries, 2u * kItems);
  }

  ChunkSlots slots_{1};
  std::set<uint64_t> paused_;
  testing::TemporaryDirectory directory_;
  testing::IndexedTable table_;
};

TEST_F(BackfillTest, OthersTakeChangesWhileAChunkIsUnderWay) {
  const ChunkLimits small = {.read_rows = 5, .wave_entries = 10};
  for (const size_t source : {0, 1}) {
    const auto follower = Start(source, small);
    follower->Run();
    follower->Run();
    ASSERT_FALSE(follower->HasFilled(2));
    const uint64_t before = CursorOf(*follower, 2);
    // One of them lies in this half of the table.
    std::string here;
    for (int i = 0; here.empty(); ++i) {
      const std::string pk = absl::StrCat("item-", i);
      if (table_.SourceOf(pk) == follower->source().id) here = pk;
    }
    Put(here, "after");
    int steps = 0;
    while (!follower->HasFilled(2)) {
      // Rows that were read before may be older than the change, so it waits.
      if (ReadOf(*follower, 2) == 0) {
        EXPECT_EQ(CursorOf(*follower, 2), before);
        ++steps;
      }
      ASSERT_EQ(follower->Run(), absl::ZeroDuration());
      EXPECT_GT(CursorOf(*follower, 1), before);
    }
    EXPECT_GT(steps, 20);
    Finish(*follower);
    EXPECT_GT(CursorOf(*follower, 2), before);
  }
  ExpectEqual();
}

TEST_F(BackfillTest, AChunkThatIsLostHalfWayIsReadAgain) {
  const ChunkLimits small = {.read_rows = 1000, .wave_entries = 10};
  for (const size_t source : {0, 1}) {
    int waves = 0;
    {
      const auto follower = Start(source, small, [&waves](Step step) {
        if (step == Step::kTaken) ++waves;
      });
      while (waves < 8) follower->Run();
      EXPECT_EQ(ReadOf(*follower, 2), 0u);
    }
    const auto follower = Start(source, small);
    Finish(*follower);
    EXPECT_TRUE(follower->HasFilled(2));
  }
  ExpectEqual();
}

TEST_F(BackfillTest, APausedIndexGivesItsChunkBack) {
  const ChunkLimits small = {.read_rows = 5};
  const auto follower = Start(0, small);
  follower->Run();
  EXPECT_FALSE(slots_.Take(this));  // stands in line
  paused_.insert(2);
  follower->Run();
  EXPECT_TRUE(slots_.Take(this));
  paused_.clear();
  EXPECT_GT(follower->Run(), absl::ZeroDuration());  // it waits for its turn
  slots_.Leave(this);
  Finish(*follower);
  EXPECT_TRUE(follower->HasFilled(2));
  Finish(*Start(1, small));
  ExpectEqual();
}

// An index that comes later goes alone up to where the first one is, then the
// rows are read for both.
TEST_F(BackfillTest, IndexesThatAreAsFarGoTogether) {
  int chunks = 0;
  // About three chunks for a half of the table.
  const ChunkLimits small = {.read_rows = 3, .bytes = 6000};
  const auto follower = Start(0, small, [&chunks](Step step) {
    if (step == Step::kChunkKept) ++chunks;
  });
  while (chunks < 1) follower->Run();
  const uint64_t first = ReadOf(*follower, 2);
  EXPECT_GT(first, 0u);
  table_.propagator().SetSwitch(4, {true, {}});
  table_.AddIndex(4);  // of whole items: other rows end its chunks
  ASSERT_TRUE(follower->SetTable(table_.topology()).ok());
  while (ReadOf(*follower, 4) < first) follower->Run();
  EXPECT_EQ(ReadOf(*follower, 4), first);
  EXPECT_EQ(ReadOf(*follower, 2), first);
  const int before = chunks;
  while (chunks == before) follower->Run();
  EXPECT_EQ(ReadOf(*follower, 4), ReadOf(*follower, 2));
  EXPECT_GT(ReadOf(*follower, 2), first);
  Finish(*follower);
  Finish(*Start(1, small));
  ExpectEqual();
}

}  // namespace
}  // namespace pallet::gsi
