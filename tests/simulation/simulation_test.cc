// SPDX-License-Identifier: Apache-2.0
//
// Replication in simulated worlds. PALLET_TEST_SEED and PALLET_ROUNDS choose
// other worlds, and how many.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/simulation/world.h"
#include "tests/testing/seed.h"

namespace pallet::simulation {
namespace {

TEST(SimulationTest, ReplicasAgreeAndClientsSeeOneHistory) {
  const uint64_t first = testing::TestSeed();
  const int rounds = testing::TestRounds(60);
  Counts all;
  for (int round = 0; round < rounds; ++round) {
    Counts counts;
    ASSERT_EQ(RunWorld({.seed = first + round}, {}, &counts), "")
        << "PALLET_TEST_SEED=" << first + round << " PALLET_ROUNDS=1";
    all.Add(counts);
  }
  std::printf("%d worlds: %s\n", rounds, all.Text().c_str());
  // A world in which nothing happens proves nothing.
  const uint64_t worlds = rounds;
  EXPECT_GT(all.writes, 200 * worlds);
  EXPECT_GT(all.reads, 200 * worlds);
  EXPECT_GT(all.crashes, worlds);
  EXPECT_GT(all.snapshots, worlds);
  EXPECT_GT(all.changes, worlds);
  EXPECT_GT(all.transfers, worlds);
}

TEST(SimulationTest, AWorldFollowsFromItsSeed) {
  const WorldOptions options = {.seed = 4711};
  // One after the other: they share the library's random numbers.
  World first(options, {});
  first.Run();
  World second(options, {});
  second.Run();
  EXPECT_EQ(first.digest(), second.digest());
  EXPECT_EQ(first.counts().Text(), second.counts().Text());
}

}  // namespace
}  // namespace pallet::simulation
