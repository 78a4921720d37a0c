// SPDX-License-Identifier: Apache-2.0
#include "service/json/text_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "service/json/base64.h"

namespace pallet::service::json {
namespace {

constexpr char kHex[] = "0123456789abcdef";

constexpr std::array<bool, 256> MakeEscaped() {
  std::array<bool, 256> table{};
  for (int c = 0; c < 0x20; ++c) table[c] = true;
  table['"'] = table['\\'] = true;
  return table;
}
constexpr std::array<bool, 256> kEscaped = MakeEscaped();

// How many bytes at the front need no escape.
size_t PlainPrefix(const char* p, size_t size) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x8080808080808080;
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    uint64_t word;
    std::memcpy(&word, p + at, sizeof(word));
    const uint64_t quote = word ^ (kOnes * '"');
    const uint64_t slash = word ^ (kOnes * '\\');
    const uint64_t found = ((word - kOnes * 0x20) & ~word) |
                           ((quote - kOnes) & ~quote) |
                           ((slash - kOnes) & ~slash);
    if ((found & kHigh) != 0) break;
  }
  while (at < size && !kEscaped[static_cast<uint8_t>(p[at])]) ++at;
  return at;
}

char* PutEscape(char c, char* out) {
  *out++ = '\\';
  switch (c) {
    case '"':
    case '\\':
      *out++ = c;
      return out;
    case '\n':
      *out++ = 'n';
      return out;
    case '\r':
      *out++ = 'r';
      return out;
    case '\t':
      *out++ = 't';
      return out;
    default:
      *out++ = 'u';
      *out++ = '0';
      *out++ = '0';
      *out++ = kHex[static_cast<uint8_t>(c) >> 4];
      *out++ = kHex[c & 15];
      return out;
  }
}

}  // namespace

void TextWriter::String(absl::string_view text) {
  constexpr size_t kLongestEscape = 6;
  char* p = Room(text.size() + 2);
  *p++ = '"';
  size_ += 1;
  while (!text.empty()) {
    const size_t plain = PlainPrefix(text.data(), text.size());
    p = Room(text.size() + kLongestEscape + 1);
    std::memcpy(p, text.data(), plain);
    size_ += plain;
    text.remove_prefix(plain);
    if (text.empty()) break;
    size_ = PutEscape(text.front(), p + plain) - text_.data();
    text.remove_prefix(1);
  }
  Raw('"');
}

void TextWriter::Binary(absl::string_view bytes) {
  char* p = Room(Base64Size(bytes.size()) + 2);
  *p++ = '"';
  p = EncodeBase64(bytes, p);
  *p++ = '"';
  size_ = p - text_.data();
}

void TextWriter::Integer(int64_t value) {
  char* p = Room(20);
  size_ = std::to_chars(p, p + 20, value).ptr - text_.data();
}

void TextWriter::Double(double value) {
  constexpr size_t kLongest = 32;
  if (!std::isfinite(value)) value = 0;  // JSON has no other numbers
  char* p = Room(kLongest);
  char* end = std::to_chars(p, p + kLongest, value).ptr;
  if (std::find_if(p, end, [](char c) { return c == '.' || c == 'e'; }) ==
      end) {
    *end++ = '.';
    *end++ = '0';
  }
  size_ = end - text_.data();
}

void TextWriter::Seconds(int64_t seconds, int32_t nanos) {
  Integer(seconds);
  if (nanos <= 0) return;
  char digits[10] = {'.'};
  for (int i = 9; i > 0; --i, nanos /= 10) {
    digits[i] = static_cast<char>('0' + nanos % 10);
  }
  size_t size = sizeof(digits);
  while (digits[size - 1] == '0') --size;
  Raw(absl::string_view(digits, size));
}

}  // namespace pallet::service::json
