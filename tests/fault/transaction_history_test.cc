// SPDX-License-Identifier: Apache-2.0
//
// Transactions side by side over a few lists in one process, with orderly restarts:
// all that was answered can have happened one after the other.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/thread.h"
#include "gtest/gtest.h"
#include "tests/fault/transaction_journal.h"
#include "tests/fault/transaction_node.h"
#include "tests/fault/transaction_worker.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {
namespace {

constexpr int kSteps = 60;  // of each thread, each round

TEST(TransactionHistoryTest, WhatIsAnsweredCanHaveHappenedOneAfterTheOther) {
  Random random(TestSeed());
  TemporaryDirectory directory;
  const int rounds = TestRounds(3);
  uint64_t answered = 0;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    const std::string path = absl::StrCat(directory.path(), "/journal-", round);
    const int journal = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ASSERT_GE(journal, 0);
    {
      const auto node = TransactionNode::Open(directory.path() + "/data");
      ASSERT_TRUE(node.ok()) << node.status();
      std::atomic<uint64_t> next_id{1};
      std::vector<Thread> threads;
      for (int i = 0; i < kTransactionThreads; ++i) {
        threads.emplace_back("worker", [&, seed = random.Next()] {
          TransactionWorker worker(node->get(), &next_id, journal, round, seed);
          for (int step = 0; step < kSteps; ++step) worker.Step();
        });
      }
      for (Thread& thread : threads) thread.Join();
    }
    close(journal);
    const auto node = TransactionNode::Open(directory.path() + "/data");
    ASSERT_TRUE(node.ok()) << node.status();
    ASSERT_EQ(LocksOf(**node), 0u);
    const std::string wrong =
        ReadJournal(path, &answered).Check(ListsOf(**node, round));
    ASSERT_EQ(wrong, "");
  }
  std::printf("%llu answers: strictly serializable\n",
              static_cast<unsigned long long>(answered));
}

}  // namespace
}  // namespace pallet::testing
