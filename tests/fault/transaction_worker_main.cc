// SPDX-License-Identifier: Apache-2.0
//
// The process that transaction_kill9_test kills: several threads of
// transactions over a few lists.
//
//   transaction_worker DATA_DIRECTORY JOURNAL ROUND SEED
#include <fcntl.h>

#include <atomic>
#include <cstdlib>
#include <vector>

#include "base/check.h"
#include "base/thread.h"
#include "tests/fault/transaction_worker.h"

int main(int argc, char** argv) {
  using namespace pallet;           // NOLINT
  using namespace pallet::testing;  // NOLINT
  CHECK_EQ(argc, 5);
  const int journal = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
  CHECK(journal >= 0) << argv[2];
  const int round = std::atoi(argv[3]);
  const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
  const auto node = TransactionNode::Open(argv[1]);
  CHECK(node.ok()) << node.status();
  std::atomic<uint64_t> next_id{1};
  std::vector<Thread> threads;
  for (int i = 0; i < kTransactionThreads; ++i) {
    threads.emplace_back("worker", [&, journal, round, seed, i] {
      TransactionWorker worker(node->get(), &next_id, journal, round, seed + i);
      while (true) worker.Step();
    });
  }
  for (Thread& thread : threads) thread.Join();
}
