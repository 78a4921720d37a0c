// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"

namespace pallet {
namespace {

TEST(ExecutorTest, Example) {
  absl::Notification done;
  Executor executor({.name = "read", .threads = 2, .queue_limit = 10});
  ASSERT_TRUE(executor.TrySubmit([&done] { done.Notify(); }));
  done.WaitForNotification();
}

TEST(ExecutorTest, FullQueueRefusesAndShutdownRunsWhatWasTaken) {
  std::atomic<int> ran = 0;
  int taken = 0;
  absl::Notification started, release;
  {
    Executor executor({.name = "one", .threads = 1, .queue_limit = 3});
    ASSERT_TRUE(executor.TrySubmit([&] {
      started.Notify();
      release.WaitForNotification();
      ++ran;
    }));
    ++taken;
    started.WaitForNotification();
    while (executor.TrySubmit([&ran] { ++ran; })) ++taken;
    EXPECT_EQ(taken, 1 + 3);
    EXPECT_EQ(executor.queued(), 3u);
    release.Notify();
  }
  EXPECT_EQ(ran, taken);
}

TEST(ExecutorTest, AfterShutdownNothingIsTaken) {
  bool ran = false;
  Executor executor({.name = "one", .threads = 1, .queue_limit = 3});
  executor.Shutdown();
  EXPECT_FALSE(executor.TrySubmit([&ran] { ran = true; }));
  EXPECT_FALSE(ran);
}

TEST(ExecutorTest, ManyThreadsRunEachTaskOnce) {
  std::atomic<int> ran = 0;
  int taken = 0;
  {
    Executor executor({.name = "many", .threads = 4, .queue_limit = 16});
    for (int i = 0; i < 2000; ++i) {
      if (executor.TrySubmit([&ran] { ++ran; })) ++taken;
    }
  }
  EXPECT_EQ(ran, taken);
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace pallet
