// SPDX-License-Identifier: Apache-2.0
//
// The process that stream_kill9_test kills: threads that write to a table with a
// stream, and consumers of the stream.
//
//   stream_worker DATA_DIRECTORY JOURNAL CONSUMED ROUND SEED
#include <cstdlib>
#include <vector>

#include "base/check.h"
#include "base/thread.h"
#include "tests/fault/stream_life.h"

int main(int argc, char** argv) {
  using namespace pallet;           // NOLINT
  using namespace pallet::testing;  // NOLINT
  CHECK_EQ(argc, 6);
  const int journal = OpenToAppend(argv[2]);
  const int round = std::atoi(argv[4]);
  const uint64_t seed = std::strtoull(argv[5], nullptr, 10);
  const auto node = TransactionNode::Open(argv[1]);
  CHECK(node.ok()) << node.status();
  MakeStreamTable(**node);
  ShardLeases leases(argv[3]);
  std::vector<Thread> threads;
  for (int i = 0; i < kConsumers; ++i) {
    threads.emplace_back("consumer", [&] {
      while (true) ConsumeOnce(**node, leases);
    });
  }
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back("writer", [&, i] {
      StreamWriter writer(node->get(), journal, round, i, seed + i);
      while (true) writer.Step();
    });
  }
  for (Thread& thread : threads) thread.Join();
}
