// SPDX-License-Identifier: Apache-2.0
//
// Which record the next operation touches, as in YCSB (Cooper et al.,
// "Benchmarking Cloud Serving Systems with YCSB", 2010): uniform, scrambled
// zipfian (constant 0.99; Gray et al., "Quickly Generating Billion-Record
// Synthetic Databases", 1994) and latest. One thread each.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/random.h"

namespace pallet::bench {

class Zipfian {
 public:
  static constexpr double kTheta = 0.99;

  explicit Zipfian(uint64_t items) : items_(items), zeta_(Zeta(items)) {
    eta_ = (1 - std::pow(2.0 / items_, 1 - kTheta)) / (1 - Zeta(2) / zeta_);
  }

  // 0 is the most frequent.
  uint64_t Next(Random& random) const {
    const double u = random.Fraction();
    const double uz = u * zeta_;
    if (uz < 1) return 0;
    if (uz < 1 + std::pow(0.5, kTheta)) return 1;
    const auto rank = static_cast<uint64_t>(
        items_ * std::pow(eta_ * u - eta_ + 1, 1 / (1 - kTheta)));
    return rank < items_ ? rank : items_ - 1;
  }

  // Spreads the frequent ones over all records (FNV-1a, as YCSB does).
  uint64_t NextScrambled(Random& random) const {
    uint64_t hash = 0xCBF29CE484222325;
    for (uint64_t rank = Next(random), i = 0; i < 8; ++i, rank >>= 8) {
      hash = (hash ^ (rank & 0xFF)) * 0x100000001B3;
    }
    return hash % items_;
  }

 private:
  static double Zeta(uint64_t n) {
    double sum = 0;
    for (uint64_t i = 1; i <= n; ++i) sum += 1 / std::pow(i, kTheta);
    return sum;
  }

  uint64_t items_;
  double zeta_;
  double eta_;
};

}  // namespace pallet::bench
