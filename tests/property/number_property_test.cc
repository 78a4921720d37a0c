// SPDX-License-Identifier: Apache-2.0
//
// Numbers against schoolbook arithmetic on eight hundred decimal places.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "model/number.h"
#include "tests/testing/seed.h"

namespace pallet::model {
namespace {

using pallet::testing::TestRounds;
using pallet::testing::TestSeed;

// A signed fixed-point number: place i counts 10^(kTop - i).
struct Oracle {
  static constexpr int kTop = 400;
  static constexpr int kPlaces = 2 * kTop + 1;
  bool negative = false;
  std::array<int, kPlaces> places = {};

  int First() const {
    int i = 0;
    while (i < kPlaces && places[i] == 0) ++i;
    return i;
  }
  int Last() const {
    int i = kPlaces - 1;
    while (i >= 0 && places[i] == 0) --i;
    return i;
  }
  bool IsZero() const { return First() == kPlaces; }
};

int CompareMagnitudes(const Oracle& a, const Oracle& b) {
  return a.places < b.places ? -1 : (a.places == b.places ? 0 : 1);
}

int Compare(const Oracle& a, const Oracle& b) {
  const int sign_a = a.IsZero() ? 0 : (a.negative ? -1 : 1);
  const int sign_b = b.IsZero() ? 0 : (b.negative ? -1 : 1);
  if (sign_a != sign_b) return sign_a < sign_b ? -1 : 1;
  return sign_a * CompareMagnitudes(a, b);
}

Oracle Add(const Oracle& a, const Oracle& b) {
  Oracle sum;
  int carry = 0;
  if (a.negative == b.negative) {
    sum.negative = a.negative;
    for (int i = Oracle::kPlaces - 1; i >= 0; --i) {
      const int digit = a.places[i] + b.places[i] + carry;
      sum.places[i] = digit % 10;
      carry = digit / 10;
    }
    return sum;
  }
  const bool a_is_larger = CompareMagnitudes(a, b) >= 0;
  const Oracle& larger = a_is_larger ? a : b;
  const Oracle& smaller = a_is_larger ? b : a;
  sum.negative = larger.negative;
  for (int i = Oracle::kPlaces - 1; i >= 0; --i) {
    int digit = larger.places[i] - smaller.places[i] - carry;
    carry = digit < 0 ? 1 : 0;
    sum.places[i] = digit + 10 * carry;
  }
  return sum;
}

constexpr char kOverflow[] =
    "Number overflow. Attempting to store a number with magnitude larger than "
    "supported range";
constexpr char kUnderflow[] =
    "Number underflow. Attempting to store a number with magnitude smaller "
    "than supported range";
constexpr char kTooPrecise[] =
    "Attempting to store more than 38 significant digits in a Number";

// The normal text, or DynamoDB's complaint.
std::string Expected(const Oracle& oracle) {
  if (oracle.IsZero()) return "0";
  const int first = Oracle::kTop - oracle.First();
  const int last = Oracle::kTop - oracle.Last();
  if (first > 125) return kOverflow;
  if (first < -130) return kUnderflow;
  if (first - last + 1 > 38) return kTooPrecise;
  std::string text = oracle.negative ? "-" : "";
  for (int place = std::max(first, 0); place >= std::min(last, 0); --place) {
    if (place == -1) text += '.';
    text += static_cast<char>('0' + oracle.places[Oracle::kTop - place]);
  }
  return text;
}

// A number's size from the definition: digit pairs on each side of the point.
size_t ExpectedSize(const Oracle& oracle) {
  if (oracle.IsZero()) return 1;
  size_t whole = 0, fraction = 0;
  for (int i = oracle.First(); i <= oracle.Last(); ++i) {
    ++(i <= Oracle::kTop ? whole : fraction);
  }
  return 1 + (whole + 1) / 2 + (fraction + 1) / 2 + (oracle.negative ? 1 : 0);
}

// The normal text of a number, or why there is none.
std::string Text(const absl::StatusOr<Number>& number) {
  return number.ok() ? number->ToString()
                     : std::string(number.status().message());
}

struct Sample {
  std::string text;
  Oracle oracle;
};

// Any text of the grammar, with the number it stands for.
Sample RandomText(Random& random, int max_digits, int max_exponent) {
  Sample sample;
  const uint64_t sign = random.Below(3);
  sample.oracle.negative = sign == 1;
  sample.text = sign == 0 ? "" : (sign == 1 ? "-" : "+");
  const int digits = static_cast<int>(random.Between(1, max_digits));
  const int point = static_cast<int>(random.Between(0, digits));
  const bool has_exponent = random.OneIn(2);
  const int exponent =
      has_exponent
          ? static_cast<int>(random.Below(2 * max_exponent + 1)) - max_exponent
          : 0;
  const uint64_t zeros = random.Between(1, 6);
  for (int i = 0; i < digits; ++i) {
    if (i == point) sample.text += '.';
    const int digit =
        random.OneIn(zeros) ? 0 : static_cast<int>(random.Below(10));
    sample.text += static_cast<char>('0' + digit);
    sample.oracle.places[Oracle::kTop - (point - 1 - i + exponent)] = digit;
  }
  if (point == digits && random.OneIn(4)) sample.text += '.';
  if (has_exponent) absl::StrAppend(&sample.text, "e", exponent);
  return sample;
}

// A number that parses; the two of a pair are often of like magnitude.
Sample RandomNumber(Random& random) {
  while (true) {
    const int max_exponent = random.OneIn(3) ? 130 : 5;
    Sample sample = RandomText(random, random.OneIn(2) ? 38 : 6, max_exponent);
    if (Number::Parse(sample.text).ok()) return sample;
  }
}

class NumberPropertyTest : public ::testing::Test {
 protected:
  Random random_{TestSeed()};
};

TEST_F(NumberPropertyTest, ParsesAsTheOracle) {
  for (int round = TestRounds(30000); round > 0; --round) {
    const Sample sample = RandomText(random_, random_.OneIn(4) ? 60 : 40, 200);
    if (sample.oracle.IsZero()) continue;
    const absl::StatusOr<Number> number = Number::Parse(sample.text);
    ASSERT_EQ(Text(number), Expected(sample.oracle)) << sample.text;
    if (!number.ok()) continue;
    ASSERT_EQ(number->size_in_item(), ExpectedSize(sample.oracle));
    ASSERT_EQ(Number::SizeInItem(number->ToString()), number->size_in_item());
    ASSERT_TRUE(Number::IsNormal(number->ToString()));
  }
}

TEST_F(NumberPropertyTest, AddsAndSubtractsAsTheOracle) {
  for (int round = TestRounds(30000); round > 0; --round) {
    const Sample a = RandomNumber(random_);
    const Sample b = RandomNumber(random_);
    const std::string what = absl::StrCat(a.text, " and ", b.text);
    const Number x = *Number::Parse(a.text), y = *Number::Parse(b.text);
    ASSERT_EQ(Text(Number::Add(x, y)), Expected(Add(a.oracle, b.oracle)))
        << what;
    Oracle minus = b.oracle;
    minus.negative = !minus.negative;
    ASSERT_EQ(Text(Number::Subtract(x, y)), Expected(Add(a.oracle, minus)))
        << what;
  }
}

TEST_F(NumberPropertyTest, OrderIsTheOraclesInBothForms) {
  const auto ordered = [](const Number& number) {
    std::string bytes;
    number.AppendOrdered(&bytes);
    return bytes;
  };
  for (int round = TestRounds(30000); round > 0; --round) {
    const Sample a = RandomNumber(random_);
    const Sample b = RandomNumber(random_);
    const Number x = *Number::Parse(a.text), y = *Number::Parse(b.text);
    const int order = Compare(a.oracle, b.oracle);
    ASSERT_EQ(Number::Compare(x, y), order) << a.text << " " << b.text;
    ASSERT_EQ(Number::CompareNormal(x.ToString(), y.ToString()), order)
        << a.text << " " << b.text;
    const std::string bytes_x = ordered(x), bytes_y = ordered(y);
    const int bytes_order = bytes_x.compare(bytes_y);
    ASSERT_EQ((bytes_order > 0) - (bytes_order < 0), order)
        << a.text << " " << b.text;
    if (order != 0) {
      ASSERT_FALSE(absl::StartsWith(bytes_x, bytes_y)) << a.text << b.text;
    }
    absl::string_view rest = bytes_x;
    ASSERT_EQ(*Number::DecodeOrdered(&rest), x);
    ASSERT_TRUE(rest.empty());
  }
}

}  // namespace
}  // namespace pallet::model
