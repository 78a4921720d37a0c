// SPDX-License-Identifier: Apache-2.0
//
// index_writer DIRECTORY SEED NEW STEP COUNT INDEX...: opens a table that has
// these indexes, makes the index NEW (0: none), and writes to the table with
// several threads until it is killed: by itself when propagation comes to the
// STEP (gsi/step.h; -1: none) for the COUNTth time. Ends with 3 if it does not
// come there.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "gsi/step.h"
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

constexpr absl::Duration kPatience = absl::Seconds(20);

// These happen when it is quiet.
bool NeedsQuiet(gsi::Step step) {
  return step == gsi::Step::kBeforeCursors || step == gsi::Step::kCursorsKept ||
         step == gsi::Step::kBeforeTrim || step == gsi::Step::kTrimmed;
}

class Killer {
 public:
  Killer(int64_t step, uint64_t count) : step_(step), left_(count) {}

  bool needs_quiet() const {
    return step_ >= 0 && NeedsQuiet(static_cast<gsi::Step>(step_));
  }
  bool kills() const { return step_ >= 0; }

  void Tell(gsi::Step step) {
    if (static_cast<int64_t>(step) != step_ || --left_ != 0) return;
    kill(getpid(), SIGKILL);
    while (true) pause();  // not one step further
  }

 private:
  const int64_t step_;
  std::atomic<uint64_t> left_;
};

[[noreturn]] void Run(int argc, char** argv) {
  CHECK(argc >= 6);
  Random random(Number(argv[2]));
  const uint64_t new_index = Number(argv[3]);
  int64_t step = 0;
  CHECK(absl::SimpleAtoi(argv[4], &step)) << argv[4];
  Killer killer(step, Number(argv[5]));
  std::vector<uint64_t> indexes;
  for (int i = 6; i < argc; ++i) indexes.push_back(Number(argv[i]));
  IndexedTable table(
      argv[1], indexes,
      {.round_changes = static_cast<uint64_t>(random.OneIn(2) ? 3 : 1000),
       // Half of the time several chunks, each of several reads and waves.
       .chunk = random.OneIn(2) ? gsi::ChunkLimits{.read_rows = 70,
                                                   .bytes = 40000,
                                                   .wave_entries = 100}
                                : gsi::ChunkLimits(),
       .observer = [&killer](gsi::Step at) { killer.Tell(at); }});
  std::vector<Thread> writers;
  for (int i = 0; i < kThreads; ++i) {
    writers.emplace_back("writer", [&table, &killer, seed = random.Next()] {
      Random mine(seed);
      for (int n = 0; !killer.needs_quiet() || n < 100; ++n) {
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
  const absl::Duration end = Clock::Real()->Monotonic() + kPatience;
  while (true) {
    if (killer.kills() && Clock::Real()->Monotonic() > end) _exit(3);
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
