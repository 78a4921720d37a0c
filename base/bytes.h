// SPDX-License-Identifier: Apache-2.0
//
// Byte codecs: fixed-width big-endian integers and varints, appended to a
// std::string and consumed from a view. The words all our formats are built of.
//
//   u8, u16, u32, u64 := big endian, so that memcmp order is numeric order
//   varint            := seven bits a byte, least significant first, the high
//                        bit set on all but the last; 1 to 10 bytes
//   bytes             := varint length, then that many bytes
//
// Consume* take from the front of `*in`; they return false and leave `*in` and
// the result alone if it is too short or malformed. A varint longer than its
// value needs is malformed, so each value has one encoding. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace pallet {

inline constexpr size_t kMaxVarintBytes = 10;

inline void StoreU16(char* out, uint16_t value) {
  const uint16_t big = __builtin_bswap16(value);
  std::memcpy(out, &big, sizeof(big));
}
inline void StoreU32(char* out, uint32_t value) {
  const uint32_t big = __builtin_bswap32(value);
  std::memcpy(out, &big, sizeof(big));
}
inline void StoreU64(char* out, uint64_t value) {
  const uint64_t big = __builtin_bswap64(value);
  std::memcpy(out, &big, sizeof(big));
}

inline uint16_t LoadU16(const char* in) {
  uint16_t big;
  std::memcpy(&big, in, sizeof(big));
  return __builtin_bswap16(big);
}
inline uint32_t LoadU32(const char* in) {
  uint32_t big;
  std::memcpy(&big, in, sizeof(big));
  return __builtin_bswap32(big);
}
inline uint64_t LoadU64(const char* in) {
  uint64_t big;
  std::memcpy(&big, in, sizeof(big));
  return __builtin_bswap64(big);
}

inline void AppendU8(std::string* out, uint8_t value) {
  out->push_back(static_cast<char>(value));
}
inline void AppendU16(std::string* out, uint16_t value) {
  char bytes[sizeof(value)];
  StoreU16(bytes, value);
  out->append(bytes, sizeof(bytes));
}
inline void AppendU32(std::string* out, uint32_t value) {
  char bytes[sizeof(value)];
  StoreU32(bytes, value);
  out->append(bytes, sizeof(bytes));
}
inline void AppendU64(std::string* out, uint64_t value) {
  char bytes[sizeof(value)];
  StoreU64(bytes, value);
  out->append(bytes, sizeof(bytes));
}

// Writes the varint and returns the byte after it. REQUIRES: kMaxVarintBytes of
// room.
inline char* StoreVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

inline void AppendVarint(std::string* out, uint64_t value) {
  char bytes[kMaxVarintBytes];
  out->append(bytes, StoreVarint(bytes, value) - bytes);
}
inline void AppendBytes(std::string* out, absl::string_view bytes) {
  AppendVarint(out, bytes.size());
  out->append(bytes.data(), bytes.size());
}

// How many bytes AppendVarint takes for this value.
inline size_t VarintBytes(uint64_t value) {
  return (63 - __builtin_clzll(value | 1)) / 7 + 1;
}

[[nodiscard]] inline bool ConsumeU8(absl::string_view* in, uint8_t* value) {
  if (in->empty()) return false;
  *value = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  return true;
}
[[nodiscard]] inline bool ConsumeU16(absl::string_view* in, uint16_t* value) {
  if (in->size() < sizeof(*value)) return false;
  *value = LoadU16(in->data());
  in->remove_prefix(sizeof(*value));
  return true;
}
[[nodiscard]] inline bool ConsumeU32(absl::string_view* in, uint32_t* value) {
  if (in->size() < sizeof(*value)) return false;
  *value = LoadU32(in->data());
  in->remove_prefix(sizeof(*value));
  return true;
}
[[nodiscard]] inline bool ConsumeU64(absl::string_view* in, uint64_t* value) {
  if (in->size() < sizeof(*value)) return false;
  *value = LoadU64(in->data());
  in->remove_prefix(sizeof(*value));
  return true;
}

[[nodiscard]] bool ConsumeVarint(absl::string_view* in, uint64_t* value);

// The result is a view into what `*in` views.
[[nodiscard]] bool ConsumeBytes(absl::string_view* in,
                                absl::string_view* bytes);

}  // namespace pallet
