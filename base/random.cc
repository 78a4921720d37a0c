// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include <cstring>

#include "base/check.h"

namespace pallet {
namespace {

uint64_t RotateLeft(uint64_t value, int bits) {
  return (value << bits) | (value >> (64 - bits));
}

// SplitMix64, which the authors of xoshiro256++ advise for seeding it.
uint64_t SplitMix(uint64_t* state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) word = SplitMix(&seed);
}

uint64_t Random::Next() {
  const uint64_t result = RotateLeft(state_[0] + state_[3], 23) + state_[0];
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = RotateLeft(state_[3], 45);
  return result;
}

uint64_t Random::Below(uint64_t bound) {
  CHECK_GT(bound, 0u);
  // Numbers under the threshold would favour the small results.
  const uint64_t threshold = -bound % bound;
  uint64_t number;
  do {
    number = Next();
  } while (number < threshold);
  return number % bound;
}

uint64_t Random::Between(uint64_t first, uint64_t last) {
  CHECK_LE(first, last);
  const uint64_t count = last - first + 1;
  return count == 0 ? Next() : first + Below(count);
}

double Random::Fraction() {
  return static_cast<double>(Next() >> 11) * 0x1p-53;
}

std::string Random::Bytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
    const uint64_t word = Next();
    std::memcpy(bytes.data() + done, &word,
                std::min(sizeof(word), size - done));
  }
  return bytes;
}

std::string RealEntropy(size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t count = getrandom(bytes.data() + done, size - done, 0);
    CHECK(count > 0 || errno == EINTR) << std::strerror(errno);
    if (count > 0) done += count;
  }
  return bytes;
}

uint64_t RealSeed() {
  uint64_t seed;
  std::memcpy(&seed, RealEntropy(sizeof(seed)).data(), sizeof(seed));
  return seed;
}

}  // namespace pallet
