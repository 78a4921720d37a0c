// SPDX-License-Identifier: Apache-2.0
//
// kill -9 at each step of propagation and backfill, under load, again and again
// on one directory: after each the indexes catch up and are their table.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "base/random.h"
#include "gsi/step.h"
#include "gtest/gtest.h"
#include "tests/fault/index_writer.h"
#include "tests/testing/indexed_table.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {
namespace {

using gsi::Step;

// How often a run comes there for sure, at least.
uint64_t MostOf(Step step) {
  switch (step) {
    case Step::kBeforeActivation:
    case Step::kActivated:
    case Step::kBeforeCursors:
    case Step::kCursorsKept:
    case Step::kBeforeTrim:
    case Step::kTrimmed:
      return 1;
    case Step::kBeforeAttach:
    case Step::kAttached:
    case Step::kChunkRead:
    case Step::kChunkSent:
    case Step::kChunkKept:
      return 2;  // one for each partition of the table
    default:
      return 40;
  }
}

TEST(IndexStepsTest, IndexesAreTheirTableAfterAKillAtEachStep) {
  Random random(TestSeed());
  const int rounds = TestRounds(gsi::kSteps);
  TemporaryDirectory directory;
  std::array<int, gsi::kSteps> kills = {};
  std::vector<uint64_t> indexes;
  uint64_t next_index = 1, items = 0, entries = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto step = static_cast<Step>(round % gsi::kSteps);
    // Something is to be filled each time: a new index, beside those that are
    // there.
    indexes.push_back(next_index);
    std::vector<uint64_t> old(indexes.begin(), indexes.end() - 1);
    const pid_t child =
        StartIndexWriter({.directory = directory.path(),
                          .seed = random.Next(),
                          .new_index = next_index++,
                          .step = step,
                          .count = random.Between(1, MostOf(step)),
                          .indexes = old});
    int code = 0;
    ASSERT_TRUE(AwaitKill(child, &code))
        << "step " << static_cast<int>(step) << ": ended with " << code;
    ++kills[static_cast<int>(step)];

    IndexedTable table(directory.path(), indexes);
    for (const uint64_t index : indexes) table.AwaitActive(index);
    table.AwaitAll();
    const gsi::IndexCheck check = table.Check();
    ASSERT_EQ(check.differences, 0u)
        << "round " << round << ", step " << static_cast<int>(step) << ": "
        << (check.examples.empty() ? "" : check.examples[0]);
    const absl::Status verified = table.Verify();
    ASSERT_TRUE(verified.ok()) << verified;
    items += check.items;
    entries += check.entries;
    while (indexes.size() > 3) {
      table.DropIndex(indexes.front());
      indexes.erase(indexes.begin());
    }
  }
  std::printf("kills at each step:");
  for (const int count : kills) std::printf(" %d", count);
  std::printf("\n%d kills, %d items and %d entries compared, no difference\n",
              rounds, static_cast<int>(items), static_cast<int>(entries));
}

}  // namespace
}  // namespace pallet::testing
