// SPDX-License-Identifier: Apache-2.0
#include "model/number.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "model/errors.h"

namespace pallet::model {
namespace {

constexpr int kMaxExponent = 126;   // 9.99...E+125 is 0.999... * 10^126
constexpr int kMinExponent = -129;  // 1E-130 is 0.1 * 10^-129
constexpr uint8_t kBelowZero = 0x01;
constexpr uint8_t kZero = 0x02;
constexpr uint8_t kAboveZero = 0x03;
constexpr uint8_t kEndOfPairs = 0x00;
// Adding two numbers that lie further apart than this cannot give 38 digits,
// even when a carry disappears.
constexpr int kMaxSpan = Number::kMaxDigits + 1;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

absl::Status NotANumber(absl::string_view text) {
  constexpr absl::string_view kMessage =
      "The parameter cannot be converted to a numeric value";
  if (text.empty()) return ValidationError(kMessage);
  return ValidationError(absl::StrCat(kMessage, ": ", text));
}

absl::Status TooPrecise() {
  return ValidationError(
      "Attempting to store more than 38 significant digits in a Number");
}

absl::Status Overflow() {
  return ValidationError(
      "Number overflow. Attempting to store a number with magnitude larger "
      "than supported range");
}

absl::Status Underflow() {
  return ValidationError(
      "Number underflow. Attempting to store a number with magnitude smaller "
      "than supported range");
}

absl::Status Damaged() {
  return MakeError(Reason::kDataLoss, "ordered bytes of a number are damaged");
}

// The digits of a text around its point, leading zeros dropped.
struct Digits {
  uint8_t kept[Number::kMaxDigits];
  int64_t seen = 0;          // since the first that is not 0
  int64_t last_nonzero = 0;  // of those, up to and with the last that is not 0
  int64_t exponent = 0;      // as Number's, if any digit is not 0
  int64_t fraction = 0;      // digits behind the point

  void Take(char c, bool behind_point) {
    if (behind_point) ++fraction;
    if (c == '0' && seen == 0) {
      if (behind_point) --exponent;
      return;
    }
    if (!behind_point) ++exponent;
    if (seen < Number::kMaxDigits) kept[seen] = static_cast<uint8_t>(c - '0');
    ++seen;
    if (c != '0') last_nonzero = seen;
  }
};

// Reads what follows the 'e'; false if that is no integer. Bounded.
bool ParseExponent(absl::string_view text, int64_t* exponent) {
  constexpr int64_t kBound = 1000000000;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return false;
  int64_t value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return false;
    value = std::min(kBound, value * 10 + (c - '0'));
  }
  *exponent = negative ? -value : value;
  return true;
}

}  // namespace

Number Number::FromInteger(int64_t value) {
  return FromNormal(absl::AlphaNum(value).Piece());
}

absl::StatusOr<Number> Number::Parse(absl::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;

  Digits digits;
  const char* const first = p;
  while (p != end && IsDigit(*p)) digits.Take(*p++, false);
  bool any_digit = p != first;
  if (p != end && *p == '.') {
    const char* const behind_point = ++p;
    while (p != end && IsDigit(*p)) digits.Take(*p++, true);
    any_digit = any_digit || p != behind_point;
  }
  int64_t shift = 0;
  if (any_digit && p != end && (*p == 'e' || *p == 'E')) {
    if (!ParseExponent({p + 1, static_cast<size_t>(end - p - 1)}, &shift)) {
      return NotANumber(text);
    }
    p = end;
  }
  if (!any_digit || p != end) return NotANumber(text);

  if (digits.last_nonzero == 0) {
    // DynamoDB looks at a zero's exponent too: 0e126 is refused, 0.0e126 is 0.
    if (shift - digits.fraction >= kMaxExponent) return Overflow();
    return Number();
  }
  return Checked(
      negative, digits.kept,
      static_cast<int>(std::min<int64_t>(digits.last_nonzero, kMaxDigits + 1)),
      digits.exponent + shift);
}

// `digits` start and end with one that is not 0; those past kMaxDigits are not
// looked at.
absl::StatusOr<Number> Number::Checked(bool negative, const uint8_t* digits,
                                       int count, int64_t exponent) {
  if (exponent > kMaxExponent) return Overflow();
  if (exponent < kMinExponent) return Underflow();
  if (count > kMaxDigits) return TooPrecise();
  Number number;
  std::memcpy(number.digits_.data(), digits, count);
  number.exponent_ = static_cast<int16_t>(exponent);
  number.count_ = static_cast<uint8_t>(count);
  number.negative_ = negative;
  return number;
}

Number Number::FromNormal(absl::string_view text) {
  absl::StatusOr<Number> number = Parse(text);
  CHECK(number.ok()) << text;
  return *number;
}

bool Number::IsNormal(absl::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (negative) ++p;
  const char* const first = p;
  while (p != end && IsDigit(*p)) ++p;
  const int64_t whole = p - first;
  if (whole == 0 || whole > kMaxExponent) return false;
  const bool below_one = *first == '0';
  if (below_one && whole > 1) return false;

  if (p == end) {
    if (below_one) return !negative;
    while (p[-1] == '0') --p;
    return p - first <= kMaxDigits;
  }
  if (*p++ != '.') return false;
  const char* const point = p;
  while (p != end && IsDigit(*p)) ++p;
  if (p != end || p == point || p[-1] == '0') return false;
  if (!below_one) return whole + (p - point) <= kMaxDigits;
  const char* significant = point;
  while (*significant == '0') ++significant;
  return significant - point <= -kMinExponent && p - significant <= kMaxDigits;
}

void Number::AppendTo(std::string* out) const {
  if (is_zero()) {
    out->push_back('0');
    return;
  }
  char text[kMaxDigits - kMinExponent + 4];
  char* p = text;
  if (negative_) *p++ = '-';
  if (exponent_ <= 0) {
    *p++ = '0';
    *p++ = '.';
    for (int i = exponent_; i < 0; ++i) *p++ = '0';
  }
  for (int i = 0; i < count_; ++i) {
    if (i == exponent_ && i > 0) *p++ = '.';
    *p++ = static_cast<char>('0' + digits_[i]);
  }
  for (int i = count_; i < exponent_; ++i) *p++ = '0';
  out->append(text, p - text);
}

std::string Number::ToString() const {
  std::string text;
  AppendTo(&text);
  return text;
}

int Number::Compare(const Number& a, const Number& b) {
  const int sign_a = a.is_zero() ? 0 : a.negative_ ? -1 : 1;
  const int sign_b = b.is_zero() ? 0 : b.negative_ ? -1 : 1;
  if (sign_a != sign_b) return sign_a < sign_b ? -1 : 1;
  int magnitude = a.exponent_ - b.exponent_;
  if (magnitude == 0) {
    magnitude = std::memcmp(a.digits_.data(), b.digits_.data(), kMaxDigits);
  }
  if (magnitude == 0) return 0;
  return (magnitude < 0) == (sign_a > 0) ? -1 : 1;
}

absl::StatusOr<Number> Number::Add(const Number& a, const Number& b) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  Number size_a = a, size_b = b;
  size_a.negative_ = size_b.negative_ = false;
  const int order = Compare(size_a, size_b);
  if (order == 0 && a.negative_ != b.negative_) return Number();
  const bool negative = order >= 0 ? a.negative_ : b.negative_;

  const int top = std::max(a.exponent_, b.exponent_);
  const int bottom = std::min(a.exponent_ - a.count_, b.exponent_ - b.count_);
  if (top - bottom > kMaxSpan) return TooPrecise();

  // The places of the sum, the highest first, behind one for a carry. Each is
  // the plain sum of two signed digits until it is carried.
  int sum[kMaxSpan + 1] = {};
  const int places = top - bottom + 1;
  for (const Number* number : {&a, &b}) {
    int* const digits = sum + 1 + top - number->exponent_;
    for (int i = 0; i < number->count_; ++i) {
      digits[i] += number->negative_ ? -number->digits_[i] : number->digits_[i];
    }
  }
  uint8_t digits[kMaxSpan + 1];
  int carry = 0;
  for (int i = places - 1; i >= 0; --i) {
    int digit = (negative ? -sum[i] : sum[i]) + carry;
    carry = digit < 0 ? -1 : digit > 9 ? 1 : 0;
    digits[i] = static_cast<uint8_t>(digit - 10 * carry);
  }
  CHECK_EQ(carry, 0);
  int begin = 0, end = places;
  while (digits[begin] == 0) ++begin;
  while (digits[end - 1] == 0) --end;
  return Checked(negative, digits + begin, end - begin, top + 1 - begin);
}

absl::StatusOr<Number> Number::Subtract(const Number& a, const Number& b) {
  Number minus_b = b;
  minus_b.negative_ = !b.negative_ && !b.is_zero();
  return Add(a, minus_b);
}

void Number::AppendOrdered(std::string* out) const {
  if (is_zero()) {
    out->push_back(static_cast<char>(kZero));
    return;
  }
  uint8_t bytes[3 + (kMaxDigits + 1) / 2];
  uint8_t* p = bytes;
  *p++ = negative_ ? kBelowZero : kAboveZero;
  *p++ = static_cast<uint8_t>(exponent_ - kMinExponent);
  for (int i = 0; i < count_; i += 2) {
    *p++ = static_cast<uint8_t>(1 + 10 * digits_[i] + digits_[i + 1]);
  }
  *p++ = kEndOfPairs;
  if (negative_) {
    for (uint8_t* q = bytes + 1; q != p; ++q) *q = static_cast<uint8_t>(~*q);
  }
  out->append(reinterpret_cast<const char*>(bytes), p - bytes);
}

absl::StatusOr<Number> Number::DecodeOrdered(absl::string_view* bytes) {
  if (bytes->empty()) return Damaged();
  const uint8_t kind = static_cast<uint8_t>(bytes->front());
  if (kind == kZero) {
    bytes->remove_prefix(1);
    return Number();
  }
  if (kind != kBelowZero && kind != kAboveZero) return Damaged();
  const uint8_t flip = kind == kBelowZero ? 0xFF : 0x00;
  Number number;
  number.negative_ = kind == kBelowZero;
  size_t at = 1;
  const auto next = [&](uint8_t* byte) {
    if (at == bytes->size()) return false;
    *byte = static_cast<uint8_t>((*bytes)[at++]) ^ flip;
    return true;
  };
  uint8_t byte;
  if (!next(&byte)) return Damaged();
  number.exponent_ = static_cast<int16_t>(byte + kMinExponent);
  int places = 0;
  while (true) {
    if (!next(&byte)) return Damaged();
    if (byte == kEndOfPairs) break;
    if (byte > 100 || places == kMaxDigits) return Damaged();
    number.digits_[places++] = static_cast<uint8_t>((byte - 1) / 10);
    number.digits_[places++] = static_cast<uint8_t>((byte - 1) % 10);
  }
  if (places == 0 || number.digits_[0] == 0) return Damaged();
  if (number.digits_[places - 1] == 0) --places;
  if (number.digits_[places - 1] == 0) return Damaged();
  number.count_ = static_cast<uint8_t>(places);
  bytes->remove_prefix(at);
  return number;
}

int Number::CompareNormal(absl::string_view a, absl::string_view b) {
  const bool negative = a.front() == '-';
  if (negative != (b.front() == '-')) return negative ? -1 : 1;
  if (negative) {
    std::swap(a, b);
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  // Without leading zeros the longer whole part is the larger one. Behind it
  // the texts compare as texts: '.' sorts below the digits, and no text ends
  // with a zero behind the point.
  const size_t whole_a = std::min(a.find('.'), a.size());
  const size_t whole_b = std::min(b.find('.'), b.size());
  if (whole_a != whole_b) return whole_a < whole_b ? -1 : 1;
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

size_t Number::size_in_item() const {
  const int whole = std::clamp<int>(exponent_, 0, count_);
  return 1 + (whole + 1) / 2 + (count_ - whole + 1) / 2 + (negative_ ? 1 : 0);
}

size_t Number::SizeInItem(absl::string_view text) {
  size_t size = 1;
  if (text.front() == '-') {
    text.remove_prefix(1);
    ++size;
  }
  const size_t point = text.find('.');
  absl::string_view whole = text.substr(0, point);
  absl::string_view fraction;
  if (point == absl::string_view::npos) {
    while (!whole.empty() && whole.back() == '0') whole.remove_suffix(1);
  } else {
    fraction = text.substr(point + 1);
    if (whole == "0") {
      whole = {};
      while (fraction.front() == '0') fraction.remove_prefix(1);
    }
  }
  return size + (whole.size() + 1) / 2 + (fraction.size() + 1) / 2;
}

}  // namespace pallet::model
