// SPDX-License-Identifier: Apache-2.0
//
// The process that expiry_kill9_test kills: threads that write to a table with a
// time to live, and a keeper that deletes without a pause.
//
//   expiry_worker DATA_DIRECTORY JOURNAL ROUND SEED
#include <cstdlib>
#include <vector>

#include "base/check.h"
#include "base/thread.h"
#include "service/expiry/expiry_keeper.h"
#include "tests/fault/expiry_life.h"

int main(int argc, char** argv) {
  using namespace pallet;           // NOLINT
  using namespace pallet::testing;  // NOLINT
  CHECK_EQ(argc, 5);
  const int journal = OpenToAppend(argv[2]);
  const int round = std::atoi(argv[3]);
  const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
  const auto node = TransactionNode::Open(argv[1]);
  CHECK(node.ok()) << node.status();
  MakeExpiryTable(**node);
  service::ExpiryKeeper keeper({.host = &(*node)->host()});
  std::vector<Thread> threads;
  threads.emplace_back("keeper", [&] {
    while (true) keeper.RunOnce();
  });
  for (int i = 0; i < kExpiryWriters; ++i) {
    threads.emplace_back("writer", [&, i] {
      ExpiryWriter writer(node->get(), journal, round, i, seed + i);
      while (true) writer.Step();
    });
  }
  for (Thread& thread : threads) thread.Join();
}
