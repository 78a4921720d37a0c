// SPDX-License-Identifier: Apache-2.0
#include "service/json/base64.h"

#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace pallet::service::json {
namespace {

constexpr char kAlphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNone = 0xFF;

constexpr std::array<uint8_t, 256> MakeValues() {
  std::array<uint8_t, 256> values{};
  for (uint8_t& value : values) value = kNone;
  for (uint8_t i = 0; i < 64; ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = i;
  }
  return values;
}
constexpr std::array<uint8_t, 256> kValues = MakeValues();

absl::Status BadCharacter(absl::string_view text) {
  for (const char c : text) {
    if (kValues[static_cast<uint8_t>(c)] != kNone) continue;
    const absl::string_view shown =
        static_cast<uint8_t>(c) < 0x80 ? absl::string_view(&c, 1) : "?";
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid Base64 character: '", shown, "'"));
  }
  return absl::InvalidArgumentError(
      "Invalid last non-pad Base64 character dectected");
}

}  // namespace

char* EncodeBase64(absl::string_view bytes, char* out) {
  const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= 3; left -= 3, p += 3) {
    const uint32_t word = p[0] << 16 | p[1] << 8 | p[2];
    *out++ = kAlphabet[word >> 18];
    *out++ = kAlphabet[word >> 12 & 63];
    *out++ = kAlphabet[word >> 6 & 63];
    *out++ = kAlphabet[word & 63];
  }
  if (left > 0) {
    const uint32_t word = p[0] << 16 | (left == 2 ? p[1] << 8 : 0);
    *out++ = kAlphabet[word >> 18];
    *out++ = kAlphabet[word >> 12 & 63];
    *out++ = left == 2 ? kAlphabet[word >> 6 & 63] : '=';
    *out++ = '=';
  }
  return out;
}

absl::Status DecodeBase64(absl::string_view text, std::string* out) {
  if (text.size() % 4 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Base64 encoded length is expected a multiple of 4 bytes but found: ",
        text.size()));
  }
  const absl::string_view whole = text;
  int padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  size_t at = out->size();
  out->resize(at + text.size() * 3 / 4);
  uint32_t word = 0, seen = 0;
  size_t count = 0;
  for (const char c : text) {
    const uint8_t value = kValues[static_cast<uint8_t>(c)];
    seen |= value;
    word = word << 6 | (value & 63);
    if (++count % 4 == 0) {
      (*out)[at++] = static_cast<char>(word >> 16);
      (*out)[at++] = static_cast<char>(word >> 8);
      (*out)[at++] = static_cast<char>(word);
    }
  }
  if ((seen & 0xC0) != 0) return BadCharacter(text);
  if (padding == 0) return absl::OkStatus();
  // Of 12 or 18 bits, the last 4 or 2 mean nothing.
  const int unused = padding == 2 ? 4 : 2;
  if ((word & ((1u << unused) - 1)) != 0)
    return BadCharacter(whole.substr(0, 0));
  word >>= unused;
  if (padding == 1) (*out)[at++] = static_cast<char>(word >> 8);
  (*out)[at++] = static_cast<char>(word);
  return absl::OkStatus();
}

}  // namespace pallet::service::json
