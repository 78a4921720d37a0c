// SPDX-License-Identifier: Apache-2.0
//
// Encoded AttributeValues and Items by hand, short enough for a test's line:
// Value::S("x"), Value::N("1"), ItemOf({{"pk", S("x")}}). Lengths under 128
// take one byte, longer ones as many as a varint needs.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pallet::testing {

inline std::string Varint(size_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<char>(value | 0x80));
  }
  out.push_back(static_cast<char>(value));
  return out;
}

// One length-delimited field.
inline std::string Field(int number, const std::string& bytes) {
  return Varint(number << 3 | 2) + Varint(bytes.size()) + bytes;
}

inline std::string S(const std::string& text) { return Field(1, text); }
inline std::string N(const std::string& text) { return Field(2, text); }
inline std::string B(const std::string& bytes) { return Field(3, bytes); }
inline std::string Null() { return std::string("\x48\x01", 2); }
inline std::string Bool(bool value) {
  return std::string("\x50", 1) + (value ? '\x01' : '\0');
}

// The members must be in canonical order.
inline std::string StringSet(const std::vector<std::string>& members) {
  std::string out;
  for (const std::string& member : members) out += Field(1, member);
  return Field(4, out);
}

inline std::string List(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += Field(1, value);
  return Field(8, out);
}

using Attributes = std::vector<std::pair<std::string, std::string>>;

// The names must be in order.
inline std::string ItemOf(const Attributes& attributes) {
  std::string out;
  for (const auto& [name, value] : attributes) {
    out += Field(1, Field(1, name) + Field(2, value));
  }
  return out;
}

inline std::string Map(const Attributes& entries) {
  return Field(7, ItemOf(entries));
}

}  // namespace pallet::testing
