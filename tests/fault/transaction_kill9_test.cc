// SPDX-License-Identifier: Apache-2.0
//
// kill -9 amid transactions over a few lists, again and again on one directory,
// starts included. After each kill nothing is locked, and all that was ever answered
// can have happened one after the other (tests/testing/append_history.h).
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/fault/transaction_journal.h"
#include "tests/fault/transaction_node.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

extern char** environ;

namespace pallet::testing {
namespace {

class TransactionKill9Test : public ::testing::Test {
 protected:
  void RunAndKill(int round, uint64_t microseconds) {
    std::vector<std::string> arguments = {PALLET_TRANSACTION_WORKER, data_,
                                          JournalOf(round), absl::StrCat(round),
                                          absl::StrCat(random_.Next())};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t child = -1;
    ASSERT_EQ(
        posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ),
        0);
    timespec pause = {static_cast<time_t>(microseconds / 1'000'000),
                      static_cast<long>(microseconds % 1'000'000 * 1000)};
    pselect(0, nullptr, nullptr, nullptr, &pause, nullptr);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "the worker ended by itself: " << status;
  }

  std::string JournalOf(int round) {
    return absl::StrCat(directory_.path(), "/journal-", round);
  }

  TemporaryDirectory directory_;
  const std::string data_ = directory_.path() + "/data";
  Random random_{TestSeed()};
  uint64_t answered_ = 0;
};

TEST_F(TransactionKill9Test, WhatIsAnsweredCanHaveHappenedOneAfterTheOther) {
  const int rounds = TestRounds(12);
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    RunAndKill(round, random_.Between(20'000, 400'000));
    if (HasFatalFailure()) return;
    // And amid what the next start has to do.
    while (random_.OneIn(3)) {
      RunAndKill(-1, random_.Below(30'000));
      if (HasFatalFailure()) return;
    }
    const auto node = TransactionNode::Open(data_);
    ASSERT_TRUE(node.ok()) << node.status();
    ASSERT_EQ(LocksOf(**node), 0u);
    const std::string wrong =
        ReadJournal(JournalOf(round), &answered_).Check(ListsOf(**node, round));
    ASSERT_EQ(wrong, "");
    for (uint32_t i = 0; i < (*node)->host().store_count(); ++i) {
      const absl::Status sound =
          (*node)->host().store(cluster::StoreId(i)).Verify();
      ASSERT_TRUE(sound.ok()) << sound;
    }
  }
  std::printf("%d kills, %llu answers: strictly serializable\n", rounds,
              static_cast<unsigned long long>(answered_));
  EXPECT_GT(answered_, 0u);
}

}  // namespace
}  // namespace pallet::testing
