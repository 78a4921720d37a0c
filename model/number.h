// SPDX-License-Identifier: Apache-2.0
//
// Number: DynamoDB's number, an exact decimal of up to 38 significant digits
// with a magnitude of 1E-130 to 9.99...E+125, or zero.
//
// Its normal text is plain decimal without an exponent: no '+', no leading
// zeros but one before a point, no trailing zeros after it, never "-0". Equal
// numbers have equal normal texts (1e3 is 1000).
//
//   ordered  := 0x02                                          -- zero
//             | 0x03 exponent pair+ 0x00                      -- above zero
//             | 0x01 ~(exponent pair+ 0x00)                   -- below zero
//   exponent := u8, 129 more than the number of digits before the point
//   pair     := u8, one more than two decimal digits (0..99); the first digit
//               is not 0, and a last odd one is followed by 0
//
// memcmp order of the ordered bytes is the order of the numbers, and none is a
// prefix of another. On disk since format 1. Values; thread-safe as such.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pallet::model {

class Number {
 public:
  static constexpr int kMaxDigits = 38;

  Number() = default;  // zero
  static Number FromInteger(int64_t value);

  // What DynamoDB takes: sign?, digits with at most one point, exponent?, and
  // nothing else. Errors are kValidation in DynamoDB's words.
  static absl::StatusOr<Number> Parse(absl::string_view text);

  // REQUIRES: IsNormal(text).
  static Number FromNormal(absl::string_view text);

  // True for exactly the texts ToString makes.
  static bool IsNormal(absl::string_view text);

  std::string ToString() const;
  void AppendTo(std::string* out) const;

  // Exact, or kValidation as for a number that is parsed: more than 38 digits,
  // overflow, underflow.
  static absl::StatusOr<Number> Add(const Number& a, const Number& b);
  static absl::StatusOr<Number> Subtract(const Number& a, const Number& b);

  // -1, 0 or 1 as a is below, equal to or above b.
  static int Compare(const Number& a, const Number& b);
  // The same from the texts. REQUIRES: IsNormal of both.
  static int CompareNormal(absl::string_view a, absl::string_view b);

  void AppendOrdered(std::string* out) const;
  // Consumes one number from the front of `bytes`; kDataLoss, and `bytes` as
  // they were, if they do not start with what AppendOrdered made.
  static absl::StatusOr<Number> DecodeOrdered(absl::string_view* bytes);

  // What the number counts for in an item's size, bytes.
  size_t size_in_item() const;
  // The same from the text. REQUIRES: IsNormal(text).
  static size_t SizeInItem(absl::string_view text);

  bool is_zero() const { return count_ == 0; }
  bool is_negative() const { return negative_; }

  friend bool operator==(const Number&, const Number&) = default;

 private:
  // The value is 0.d1 d2 ... dn * 10^exponent_, d1 and dn not 0, n = count_.
  // Zero has no digits and exponent 0. Digits past count_ are 0, so that the
  // array compares as the magnitude does.
  std::array<uint8_t, kMaxDigits> digits_ = {};
  int16_t exponent_ = 0;  // -129..126
  uint8_t count_ = 0;
  bool negative_ = false;

  static absl::StatusOr<Number> Checked(bool negative, const uint8_t* digits,
                                        int count, int64_t exponent);
};

}  // namespace pallet::model
