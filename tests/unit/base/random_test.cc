// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace pallet {
namespace {

TEST(RandomTest, ExampleTheSeedTellsTheWholeSequence) {
  Random a(42), b(42), c(43);
  EXPECT_EQ(a.Next(), b.Next());
  EXPECT_EQ(a.Bytes(100), b.Bytes(100));
  EXPECT_NE(a.Next(), c.Next());
}

TEST(RandomTest, IsTheGeneratorItSays) {
  // What the reference implementation gives when SplitMix64 of 0 seeds it.
  Random random(0);
  EXPECT_EQ(random.Next(), 0x53175d61490b23dfu);
  EXPECT_EQ(random.Next(), 0x61da6f3dc380d507u);
}

TEST(RandomTest, BoundsHoldAndAllValuesCome) {
  Random random(7);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Between(3, 7));
  EXPECT_EQ(seen, (std::set<uint64_t>{3, 4, 5, 6, 7}));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(random.Below(1), 0u);
    const double fraction = random.Fraction();
    EXPECT_GE(fraction, 0.0);
    EXPECT_LT(fraction, 1.0);
  }
  random.Between(0, UINT64_MAX);
}

TEST(RandomTest, EntropyDiffersEachTime) {
  EXPECT_EQ(RealEntropy(16).size(), 16u);
  EXPECT_NE(RealEntropy(16), RealEntropy(16));
  EXPECT_NE(RealSeed(), RealSeed());
}

}  // namespace
}  // namespace pallet
