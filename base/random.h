// SPDX-License-Identifier: Apache-2.0
//
// Random: a small fast generator (xoshiro256++) whose whole sequence follows
// from its seed, so that what it decided can be repeated; and RealEntropy, the
// only source of true randomness. Not for secrets: those take RealEntropy.
//
// A Random belongs to one thread at a time. It is a UniformRandomBitGenerator,
// so std::shuffle and the std distributions take it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace pallet {

class Random {
 public:
  using result_type = uint64_t;

  explicit Random(uint64_t seed);

  uint64_t Next();

  // Evenly from [0, bound). REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound);

  // Evenly from [first, last]. REQUIRES: first <= last.
  uint64_t Between(uint64_t first, uint64_t last);

  // True once in `n` times on average. REQUIRES: n > 0.
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  // Evenly from [0, 1).
  double Fraction();

  // `size` random bytes.
  std::string Bytes(size_t size);

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() {
    return std::numeric_limits<uint64_t>::max();
  }
  uint64_t operator()() { return Next(); }

 private:
  uint64_t state_[4];
};

// `size` bytes from the operating system; fit for ids, seeds and secrets.
std::string RealEntropy(size_t size);

// A seed from RealEntropy.
uint64_t RealSeed();

}  // namespace pallet
