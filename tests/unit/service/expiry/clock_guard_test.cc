// SPDX-License-Identifier: Apache-2.0
#include "service/expiry/clock_guard.h"

#include "gtest/gtest.h"
#include "tests/testing/manual_clock.h"

namespace pallet::service {
namespace {

class ClockGuardTest : public ::testing::Test {
 protected:
  bool IsBelieved() { return guard_.Now().has_value(); }

  testing::ManualClock clock_;
  ClockGuard guard_{&clock_};
};

TEST_F(ClockGuardTest, Example) {
  EXPECT_EQ(guard_.Now(), clock_.Now());
  clock_.Advance(absl::Hours(5));
  EXPECT_EQ(guard_.Now(), clock_.Now());

  // An hour that is set, and taken back.
  clock_.SetWallClock(absl::Hours(1));
  EXPECT_FALSE(IsBelieved());
  clock_.Advance(absl::Minutes(9));
  EXPECT_FALSE(IsBelieved());
  clock_.SetWallClock(-absl::Hours(1));
  EXPECT_EQ(guard_.Now(), clock_.Now());
}

TEST_F(ClockGuardTest, ATimeThatStaysIsBelievedInTheEnd) {
  for (const absl::Duration by : {absl::Hours(1), -absl::Hours(3)}) {
    ASSERT_TRUE(IsBelieved());
    clock_.SetWallClock(by);
    EXPECT_FALSE(IsBelieved());
    clock_.Advance(ClockGuard::kProbation - absl::Seconds(1));
    EXPECT_FALSE(IsBelieved());
    clock_.Advance(absl::Seconds(1));
    EXPECT_EQ(guard_.Now(), clock_.Now());
  }
}

TEST_F(ClockGuardTest, AMinuteIsAllowed) {
  ASSERT_TRUE(IsBelieved());
  clock_.SetWallClock(ClockGuard::kAllowedJump);
  EXPECT_TRUE(IsBelieved());
  clock_.SetWallClock(-ClockGuard::kAllowedJump);
  EXPECT_TRUE(IsBelieved());
  clock_.SetWallClock(ClockGuard::kAllowedJump + absl::Milliseconds(1));
  EXPECT_FALSE(IsBelieved());
}

TEST_F(ClockGuardTest, EachJumpBeginsANewProbation) {
  ASSERT_TRUE(IsBelieved());
  clock_.SetWallClock(absl::Hours(1));
  EXPECT_FALSE(IsBelieved());
  clock_.Advance(absl::Minutes(9));
  clock_.SetWallClock(absl::Hours(1));
  EXPECT_FALSE(IsBelieved());
  clock_.Advance(absl::Minutes(9));
  EXPECT_FALSE(IsBelieved());
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(IsBelieved());
}

}  // namespace
}  // namespace pallet::service
