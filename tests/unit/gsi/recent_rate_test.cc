// SPDX-License-Identifier: Apache-2.0
#include "gsi/recent_rate.h"

#include "gtest/gtest.h"

namespace pallet::gsi {
namespace {

constexpr absl::Duration Ms(int64_t ms) { return absl::Milliseconds(ms); }

TEST(RecentRateTest, NothingHasNoRate) {
  RecentRate rate;
  EXPECT_EQ(rate.PerSecond(Ms(0)), 0);
  rate.Note(Ms(7), 100);
  EXPECT_EQ(rate.PerSecond(Ms(7)), 0);
  EXPECT_EQ(rate.PerSecond(Ms(1000)), 0);
}

TEST(RecentRateTest, IsWhatGrewInTheLastSeconds) {
  RecentRate rate;
  // 1000 a second, noted each 3 ms, for 20 s; then 200 a second.
  for (int64_t at = 0; at < 20000; at += 3) rate.Note(Ms(at), at);
  EXPECT_NEAR(rate.PerSecond(Ms(20000)), 1000, 30);
  for (int64_t at = 20000; at < 40000; at += 3) {
    rate.Note(Ms(at), 20000 + (at - 20000) / 5);
  }
  EXPECT_NEAR(rate.PerSecond(Ms(40000)), 200, 10);
}

TEST(RecentRateTest, FallsToNothingWhileItStandsStill) {
  RecentRate rate;
  for (int64_t at = 0; at <= 4000; at += 50) rate.Note(Ms(at), at);
  EXPECT_NEAR(rate.PerSecond(Ms(4000)), 1000, 1);
  EXPECT_NEAR(rate.PerSecond(Ms(6500)), 500, 50);
  EXPECT_EQ(rate.PerSecond(Ms(9000)), 0);
  // It begins anew: the pause does not count for longer than the window.
  rate.Note(Ms(60000), 4000);
  rate.Note(Ms(60500), 5000);
  EXPECT_NEAR(rate.PerSecond(Ms(60500)), 200, 1);
  rate.Note(Ms(64999), 8000);
  rate.Note(Ms(65200), 9000);
  EXPECT_NEAR(rate.PerSecond(Ms(65300)), 1000, 50);
}

}  // namespace
}  // namespace pallet::gsi
