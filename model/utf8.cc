// SPDX-License-Identifier: Apache-2.0
#include "model/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace pallet::model {
namespace {

// REQUIRES: size is a multiple of 8; unrolled where it is a constant.
inline bool IsAscii(const uint8_t* p, size_t size) {
  uint64_t bits = 0;
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word;
    std::memcpy(&word, p + i, sizeof word);
    bits |= word;
  }
  return (bits & 0x8080808080808080u) == 0;
}

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The length of the character at `p`, or 0 if it is not well formed.
size_t CharacterLength(const uint8_t* p, size_t left) {
  const uint8_t lead = *p;
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return left >= 2 && IsContinuation(p[1]) ? 2 : 0;
  if (lead < 0xF0) {
    if (left < 3 || !IsContinuation(p[1]) || !IsContinuation(p[2])) return 0;
    if (lead == 0xE0 && p[1] < 0xA0) return 0;   // overlong
    if (lead == 0xED && p[1] >= 0xA0) return 0;  // surrogate
    return 3;
  }
  if (lead > 0xF4 || left < 4) return 0;
  if (!IsContinuation(p[1]) || !IsContinuation(p[2]) || !IsContinuation(p[3])) {
    return 0;
  }
  if (lead == 0xF0 && p[1] < 0x90) return 0;   // overlong
  if (lead == 0xF4 && p[1] >= 0x90) return 0;  // above U+10FFFF
  return 4;
}

}  // namespace

bool IsValidUtf8(absl::string_view text) {
  const uint8_t* p = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* const end = p + text.size();
  while (p != end) {
    while (end - p >= 32 && IsAscii(p, 32)) p += 32;
    while (end - p >= 8 && IsAscii(p, 8)) p += 8;
    while (p != end && *p < 0x80) ++p;
    if (p == end) break;
    const size_t length = CharacterLength(p, end - p);
    if (length == 0) return false;
    p += length;
  }
  return true;
}

size_t CountUtf8Characters(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace pallet::model
