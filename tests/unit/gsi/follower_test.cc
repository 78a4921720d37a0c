// SPDX-License-Identifier: Apache-2.0
#include "gsi/follower.h"

#include <memory>

#include "absl/time/time.h"
#include "base/check.h"
#include "gtest/gtest.h"
#include "tests/testing/indexed_table.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;

// A table whose own propagator is paused: the test makes each step.
class FollowerTest : public ::testing::Test {
 protected:
  FollowerTest() : table_(directory_.path()) {
    table_.AddIndex(1);
    table_.AwaitActive(1);
    table_.propagator().SetSwitch(1, {true, {}});
  }

  // Reads one change at a time, or more when it is far behind; what it remembers
  // is new.
  std::unique_ptr<Follower> Start(uint64_t round_growth = 1) {
    const TopologyPtr topology = table_.topology();
    const storage::PartitionId lineage = table_.SourceOf("x");
    const Source& source = topology->sources[0].id == lineage
                               ? topology->sources[0]
                               : topology->sources[1];
    Follower::Options options;
    options.clock = Clock::Real();
    options.logger = Logger::Real();
    options.round_changes = 1;
    options.round_growth = round_growth;
    options.chunk_slots = &slots_;
    options.switch_of = [](uint64_t) { return IndexSwitch(); };
    auto follower = std::make_unique<Follower>(source, options);
    const absl::Status set = follower->SetTable(topology);
    CHECK(set.ok()) << set;
    return follower;
  }

  void Put(const std::string& key) {
    const absl::Status put = table_.Put({.pk = "x", .a = key});
    CHECK(put.ok()) << put;
  }

  // Both keys that the tests use lie in one partition of the index, or a double
  // could not be.
  storage::PartitionId TargetWithEntry() {
    const TopologyPtr topology = table_.topology();
    for (const Target& target : topology->indexes[0].targets) {
      if (target.store->Partition(target.id)->item_count > 0) return target.id;
    }
    return storage::PartitionId(0);
  }

  ChunkSlots slots_{1};
  testing::TemporaryDirectory directory_;
  testing::IndexedTable table_;
};

TEST_F(FollowerTest, StepByStep) {
  const auto follower = Start();
  Put("a0");
  Put("a1");
  EXPECT_EQ(follower->Run(), absl::ZeroDuration());
  const storage::PartitionId target = TargetWithEntry();
  EXPECT_EQ(follower->CursorOf(target), ChangeSeq(1));
  EXPECT_TRUE(follower->IsSettled(target));
  follower->Run();
  EXPECT_EQ(follower->CursorOf(target), ChangeSeq(2));
  EXPECT_EQ(table_.CountDoubles(1), 0u);
}

// The trace that the model found (docs/models): what was put early before a
// start is found again only by the changes that were read past it.
TEST_F(FollowerTest, AfterAStartItIsSettledWhenNothingEarlyCanBeLeft) {
  // Two keys of one target.
  std::string one, two;
  {
    const auto follower = Start();
    storage::PartitionId first_target;
    for (int i = 0; two.empty(); ++i) {
      const std::string key = absl::StrCat("k", i);
      Put(key);
      while (follower->Run() <= absl::ZeroDuration()) {
      }
      if (one.empty()) {
        one = key;
        first_target = TargetWithEntry();
      } else if (TargetWithEntry() == first_target) {
        two = key;
      }
    }
    Put("elsewhere");
    while (follower->Run() <= absl::ZeroDuration()) {
    }
    ASSERT_TRUE(table_.Delete("x").ok());
    while (follower->Run() <= absl::ZeroDuration()) {
    }
  }
  auto follower = Start();
  Put(one);
  Put(two);
  follower->Run();  // the first change; puts what the second one made
  const storage::PartitionId target = TargetWithEntry();

  follower = Start();  // what was put early is forgotten
  EXPECT_FALSE(follower->IsSettled(target));
  Put(one);
  follower->Run();  // the second change; the item has its first key again
  EXPECT_EQ(table_.CountDoubles(1), 1u);
  EXPECT_FALSE(follower->IsSettled(target));
  while (follower->Run() <= absl::ZeroDuration()) {
  }
  EXPECT_EQ(table_.CountDoubles(1), 0u);
  EXPECT_TRUE(follower->IsSettled(target));
}

TEST_F(FollowerTest, WhoIsFarBehindReadsMoreAtOnce) {
  for (const uint64_t growth : {1, 16}) {
    const auto follower = Start(growth);
    // The item is ahead of the changes all the time, and comes back to keys.
    for (int i = 0; i < 60; ++i) Put(absl::StrCat("a", i % 7));
    int rounds = 0;
    while (follower->Run() <= absl::ZeroDuration()) ++rounds;
    if (growth == 1) {
      EXPECT_GE(rounds, 60);
    } else {
      EXPECT_LT(rounds, 20);
    }
    const IndexCheck check = table_.Check();
    EXPECT_EQ(check.differences, 0u);
    EXPECT_EQ(check.entries, 1u);
  }
}

}  // namespace
}  // namespace pallet::gsi
