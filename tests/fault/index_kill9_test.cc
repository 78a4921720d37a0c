// SPDX-License-Identifier: Apache-2.0
//
// kill -9 at a random moment, again and again on one directory, while indexes
// are attached, filled, followed and trimmed under load: after each kill the
// indexes catch up and are their table, entry by entry.
#include <signal.h>
#include <sys/select.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/fault/index_writer.h"
#include "tests/testing/indexed_table.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {
namespace {

// The child must die of our signal and of nothing else.
void KillAfter(pid_t child, uint64_t microseconds) {
  timespec pause = {static_cast<time_t>(microseconds / 1'000'000),
                    static_cast<long>(microseconds % 1'000'000 * 1000)};
  pselect(0, nullptr, nullptr, nullptr, &pause, nullptr);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int code = 0;
  ASSERT_TRUE(AwaitKill(child, &code)) << code;
}

TEST(IndexKill9Test, IndexesAreTheirTableAfterEachKill) {
  Random random(TestSeed());
  const int rounds = TestRounds(10);
  TemporaryDirectory directory;
  std::vector<uint64_t> indexes;
  uint64_t next_index = 1, items = 0, entries = 0;
  for (int round = 0; round < rounds; ++round) {
    const bool adds = round > 0 && (indexes.empty() || random.OneIn(2));
    const uint64_t new_index = adds ? next_index++ : 0;
    const pid_t child = StartIndexWriter({.directory = directory.path(),
                                          .seed = random.Next(),
                                          .new_index = new_index,
                                          .indexes = indexes});
    if (adds) indexes.push_back(new_index);
    KillAfter(child, random.Between(1'000, 300'000));
    if (HasFatalFailure()) return;

    IndexedTable table(directory.path(), indexes);
    for (const uint64_t index : indexes) table.AwaitActive(index);
    table.AwaitAll();
    const gsi::IndexCheck check = table.Check();
    ASSERT_EQ(check.differences, 0u)
        << "round " << round << ": "
        << (check.examples.empty() ? "" : check.examples[0]);
    const absl::Status verified = table.Verify();
    ASSERT_TRUE(verified.ok()) << verified;
    items += check.items;
    entries += check.entries;
    if (indexes.size() > 4) {
      table.DropIndex(indexes.front());
      indexes.erase(indexes.begin());
    }
  }
  std::printf("%d kills, %d items and %d entries compared, no difference\n",
              rounds, static_cast<int>(items), static_cast<int>(entries));
}

}  // namespace
}  // namespace pallet::testing
