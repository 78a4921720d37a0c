// SPDX-License-Identifier: Apache-2.0
//
// index_writer DIRECTORY SEED NEW INDEX...: opens a table that has these indexes,
// makes the index NEW (0: none), and writes to the table with several threads
// until it is killed.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/random.h"
#include "base/thread.h"
#include "tests/testing/indexed_table.h"
#include "tests/testing/random_items.h"

namespace pallet::testing {
namespace {

constexpr int kThreads = 4;
constexpr int kKeys = 2000;

uint64_t Number(const char* text) {
  uint64_t number = 0;
  CHECK(absl::SimpleAtoi(text, &number)) << text;
  return number;
}

[[noreturn]] void Run(int argc, char** argv) {
  CHECK(argc >= 4);
  Random random(Number(argv[2]));
  const uint64_t new_index = Number(argv[3]);
  std::vector<uint64_t> indexes;
  for (int i = 4; i < argc; ++i) indexes.push_back(Number(argv[i]));
  IndexedTable table(argv[1], indexes);
  std::vector<Thread> writers;
  for (int i = 0; i < kThreads; ++i) {
    writers.emplace_back("writer", [&table, seed = random.Next()] {
      Random mine(seed);
      while (true) {
        const absl::Status written = WriteOne(mine, kKeys, table);
        CHECK(written.ok()) << written;
      }
    });
  }
  // Beside the writes.
  if (new_index > 0) {
    table.AddIndex(new_index);
    indexes.push_back(new_index);
  }
  while (true) {
    if (indexes.empty()) continue;
    const uint64_t index = indexes[random.Below(indexes.size())];
    table.propagator().SetSwitch(index, {random.OneIn(2), {}});
    table.propagator().SetSwitch(index, {});
    (void)table.CountChanges();
  }
}

}  // namespace
}  // namespace pallet::testing

int main(int argc, char** argv) { pallet::testing::Run(argc, argv); }
