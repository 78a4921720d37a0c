// SPDX-License-Identifier: Apache-2.0
//
// Where a random test begins, so that it can be repeated.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/random.h"

namespace pallet::testing {

// PALLET_TEST_SEED from the environment, or a new one; printed.
inline uint64_t TestSeed() {
  uint64_t seed = RealSeed() % 1'000'000'000;
  if (const char* text = std::getenv("PALLET_TEST_SEED")) {
    CHECK(absl::SimpleAtoi(text, &seed)) << "PALLET_TEST_SEED=" << text;
  }
  std::printf("PALLET_TEST_SEED=%" PRIu64 "\n", seed);
  std::fflush(stdout);
  return seed;
}

// PALLET_ROUNDS from the environment, or `otherwise`.
inline int TestRounds(int otherwise) {
  int rounds = otherwise;
  if (const char* text = std::getenv("PALLET_ROUNDS")) {
    CHECK(absl::SimpleAtoi(text, &rounds)) << "PALLET_ROUNDS=" << text;
  }
  return rounds;
}

}  // namespace pallet::testing
