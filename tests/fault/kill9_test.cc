// SPDX-License-Identifier: Apache-2.0
//
// kill -9 at a random moment, again and again on one directory: while the store
// opens, replays, writes, makes checkpoints, reclaims partitions or closes.
// After each kill every acknowledged write must be there, no write half there,
// every count exact.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "storage/store.h"
#include "tests/fault/file_journal.h"
#include "tests/fault/small_store.h"
#include "tests/testing/seed.h"
#include "tests/testing/store_client.h"
#include "tests/testing/store_workload.h"
#include "tests/testing/temporary_directory.h"

extern char** environ;

namespace pallet::storage {
namespace {

constexpr uint64_t kVersionsPerRound = 10'000'000;

class Kill9Test : public ::testing::Test {
 protected:
  pid_t StartWriter(uint64_t first_version, int operations) {
    std::vector<std::string> arguments = {PALLET_STORE_WRITER,
                                          store_path_,
                                          journal_path_,
                                          absl::StrCat(first_version),
                                          absl::StrCat(random_.Next()),
                                          absl::StrCat(operations)};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t child = -1;
    EXPECT_EQ(
        posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ),
        0);
    return child;
  }

  // The child must die of our signal and of nothing else.
  void KillAfter(pid_t child, uint64_t microseconds) {
    timespec pause = {static_cast<time_t>(microseconds / 1'000'000),
                      static_cast<long>(microseconds % 1'000'000 * 1000)};
    pselect(0, nullptr, nullptr, nullptr, &pause, nullptr);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "the writer ended by itself: " << status;
  }

  testing::TemporaryDirectory directory_;
  const std::string store_path_ = directory_.path() + "/store";
  const std::string journal_path_ = directory_.path() + "/journal";
  Random random_{testing::TestSeed()};
};

TEST_F(Kill9Test, AcknowledgedWritesSurviveKillAtAnyMoment) {
  const int rounds = testing::TestRounds(12);
  testing::SlotExpectations expected;
  size_t journal_read = 0;
  uint64_t replayed = 0, frames = 0;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    // Mostly under load; sometimes while it opens or, with few operations,
    // while it closes and opens again and again.
    const int operations = random_.OneIn(4) ? 50 : 1'000'000;
    const uint64_t pause =
        random_.OneIn(4) ? random_.Below(30'000) : random_.Below(600'000);
    const pid_t child = StartWriter(1 + round * kVersionsPerRound, operations);
    ASSERT_GT(child, 0);
    KillAfter(child, pause);
    if (HasFatalFailure()) return;

    testing::FileJournal::Read(journal_path_, &journal_read, &expected);
    // Without a look the next writer recovers on its own: a crash after a
    // crash.
    if (random_.OneIn(3)) continue;
    auto store = Store::Open(testing::SmallStore(store_path_));
    ASSERT_TRUE(store.ok()) << store.status();
    const StoreMetrics metrics = (*store)->Metrics();
    frames += metrics.replayed_frames;
    replayed += metrics.replayed_frames > 0;
    const absl::Status kept = expected.CheckAndSettle(**store);
    ASSERT_TRUE(kept.ok()) << kept;
    const absl::Status sound = (*store)->Verify();
    ASSERT_TRUE(sound.ok()) << sound;
  }
  std::printf(
      "%d kills, %zu acknowledged operations, %llu replays of %llu "
      "frames: none lost, none torn\n",
      rounds, expected.acknowledged(),
      static_cast<unsigned long long>(replayed),
      static_cast<unsigned long long>(frames));
  EXPECT_GT(expected.acknowledged(), 0);
}

}  // namespace
}  // namespace pallet::storage
