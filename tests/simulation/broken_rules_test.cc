// SPDX-License-Identifier: Apache-2.0
//
// Each rule broken once: a simulation that does not notice proves nothing.
#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "tests/simulation/world.h"

namespace pallet::simulation {
namespace {

struct Case {
  const char* name;
  bool Faults::*rule;
  uint64_t first;  // seed, not far from one that shows it
};

// In so many worlds at most it must show.
constexpr uint64_t kWorlds = 400;

class BrokenRuleTest : public ::testing::TestWithParam<Case> {};

TEST_P(BrokenRuleTest, IsNoticed) {
  Faults faults;
  faults.*GetParam().rule = true;
  for (uint64_t i = 0; i < kWorlds; ++i) {
    Counts counts;
    const std::string violation =
        RunWorld({.seed = GetParam().first + i}, faults, &counts);
    if (violation.empty()) continue;
    std::printf("%s\n", violation.substr(0, 300).c_str());
    return;
  }
  FAIL() << "not within " << kWorlds << " worlds";
}

INSTANTIATE_TEST_SUITE_P(
    Simulation, BrokenRuleTest,
    ::testing::Values(
        Case{"MessagesBeforeSync", &Faults::messages_before_sync, 1},
        Case{"HardStateForgotten", &Faults::hard_state_forgotten, 1},
        Case{"ReadsBeforeFirstEntry", &Faults::reads_before_first_entry, 188},
        Case{"LeaseBeforeRead", &Faults::lease_before_read, 1},
        Case{"LeaseTooLong", &Faults::lease_too_long, 1},
        Case{"VotesAfterStart", &Faults::votes_after_start, 485},
        Case{"TransferKeepsLease", &Faults::transfer_keeps_lease, 1},
        Case{"WipedKeepsItsId", &Faults::wiped_keeps_its_id, 1},
        Case{"SnapshotInPlace", &Faults::snapshot_in_place, 1},
        Case{"SnapshotServesEarly", &Faults::snapshot_serves_early, 1}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pallet::simulation
