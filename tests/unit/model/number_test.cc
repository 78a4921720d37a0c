// SPDX-License-Identifier: Apache-2.0
#include "model/number.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/errors.h"

namespace pallet::model {
namespace {

std::string Normal(absl::string_view text) {
  const absl::StatusOr<Number> number = Number::Parse(text);
  return number.ok() ? number->ToString()
                     : std::string(number.status().message());
}

Number N(absl::string_view text) {
  const absl::StatusOr<Number> number = Number::Parse(text);
  EXPECT_TRUE(number.ok()) << text << ": " << number.status();
  return number.value_or(Number());
}

std::string Sum(absl::string_view a, absl::string_view b) {
  const absl::StatusOr<Number> sum = Number::Add(N(a), N(b));
  return sum.ok() ? sum->ToString() : std::string(sum.status().message());
}

std::string Difference(absl::string_view a, absl::string_view b) {
  const absl::StatusOr<Number> sum = Number::Subtract(N(a), N(b));
  return sum.ok() ? sum->ToString() : std::string(sum.status().message());
}

std::string Ordered(absl::string_view text) {
  std::string bytes;
  N(text).AppendOrdered(&bytes);
  return bytes;
}

std::string Nines(int count) { return std::string(count, '9'); }
std::string Zeros(int count) { return std::string(count, '0'); }

constexpr char kTooPrecise[] =
    "Attempting to store more than 38 significant digits in a Number";
constexpr char kOverflow[] =
    "Number overflow. Attempting to store a number with magnitude larger than "
    "supported range";
constexpr char kUnderflow[] =
    "Number underflow. Attempting to store a number with magnitude smaller "
    "than supported range";

TEST(NumberTest, Example) {
  const absl::StatusOr<Number> price = Number::Parse("19.90");
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->ToString(), "19.9");

  const absl::StatusOr<Number> sum =
      Number::Add(*price, Number::FromInteger(-20));
  ASSERT_TRUE(sum.ok());
  EXPECT_EQ(sum->ToString(), "-0.1");
  EXPECT_EQ(Number::Compare(*sum, *price), -1);
}

TEST(NumberTest, NormalFormIsPlainDecimal) {
  EXPECT_EQ(Normal("0"), "0");
  EXPECT_EQ(Normal("-0"), "0");
  EXPECT_EQ(Normal("+0.000"), "0");
  EXPECT_EQ(Normal(".5"), "0.5");
  EXPECT_EQ(Normal("5."), "5");
  EXPECT_EQ(Normal("+007"), "7");
  EXPECT_EQ(Normal("-1.500"), "-1.5");
  EXPECT_EQ(Normal("1e3"), "1000");
  EXPECT_EQ(Normal("1.25E+1"), "12.5");
  EXPECT_EQ(Normal("1234e-2"), "12.34");
  EXPECT_EQ(Normal("1234e-6"), "0.001234");
  EXPECT_EQ(Normal("100.0010"), "100.001");
  EXPECT_EQ(Normal("1e125"), "1" + Zeros(125));
  EXPECT_EQ(Normal("-1e-130"), "-0." + Zeros(129) + "1");
}

TEST(NumberTest, WhatIsNoNumberIsQuoted) {
  for (const char* text :
       {"a",     "-",     "+",        ".",    "e5",  ".e5", "1e",
        "1e+",   "1e1.5", "--1",      "+-1",  "1 ",  " 1",  "1,5",
        "1.2.3", "NaN",   "Infinity", "0x10", "1_0", "1e5x"}) {
    EXPECT_EQ(Normal(text),
              std::string("The parameter cannot be converted to a numeric "
                          "value: ") +
                  text);
    EXPECT_EQ(ReasonOf(Number::Parse(text).status()), Reason::kValidation);
  }
  EXPECT_EQ(Normal(""), "The parameter cannot be converted to a numeric value");
  EXPECT_FALSE(Number::Parse(absl::string_view("1\0", 2)).ok());
}

TEST(NumberTest, ThirtyEightDigitsAndNoMore) {
  EXPECT_EQ(Normal(Nines(38)), Nines(38));
  EXPECT_EQ(Normal(Nines(39)), kTooPrecise);
  EXPECT_EQ(Normal("1" + Zeros(36) + "1"), "1" + Zeros(36) + "1");
  EXPECT_EQ(Normal("1" + Zeros(37) + "1"), kTooPrecise);
  EXPECT_EQ(Normal("0." + Nines(38)), "0." + Nines(38));
  EXPECT_EQ(Normal("1." + Nines(38)), kTooPrecise);
}

TEST(NumberTest, ZerosAroundTheDigitsDoNotCount) {
  EXPECT_EQ(Normal(Zeros(100) + Nines(38) + Zeros(10)), Nines(38) + Zeros(10));
  EXPECT_EQ(Normal(Nines(38) + "." + Zeros(50)), Nines(38));
  EXPECT_EQ(Normal("1" + Zeros(200) + "e-200"), "1");
}

TEST(NumberTest, MagnitudeAtTheLimitsAndOneOver) {
  EXPECT_EQ(Normal("9." + Nines(37) + "e125"), Nines(38) + Zeros(88));
  EXPECT_EQ(Normal("1e126"), kOverflow);
  EXPECT_EQ(Normal("-1e126"), kOverflow);
  EXPECT_EQ(Normal("1" + Zeros(126)), kOverflow);
  EXPECT_EQ(Normal("0.1e126"), "1" + Zeros(125));
  EXPECT_EQ(Normal("1e-130"), "0." + Zeros(129) + "1");
  EXPECT_EQ(Normal("0.9e-130"), kUnderflow);
  EXPECT_EQ(Normal("1e-131"), kUnderflow);
  EXPECT_EQ(Normal("1e99999999999999999999"), kOverflow);
  EXPECT_EQ(Normal("1e-99999999999999999999"), kUnderflow);
  EXPECT_EQ(Normal("1.00000000000000000000000000000000000001e126"), kOverflow);
}

TEST(NumberTest, AZeroTooLargeForItsExponentIsRefusedAsInDynamoDb) {
  EXPECT_EQ(Normal("0e125"), "0");
  EXPECT_EQ(Normal("0e126"), kOverflow);
  EXPECT_EQ(Normal("0.0e126"), "0");
  EXPECT_EQ(Normal("0e-500"), "0");
}

TEST(NumberTest, ReadsIntegersOfTheMachine) {
  EXPECT_EQ(Number::FromInteger(0), Number());
  EXPECT_EQ(Number::FromInteger(INT64_MIN).ToString(), "-9223372036854775808");
  EXPECT_EQ(Number::FromInteger(INT64_MAX).ToString(), "9223372036854775807");
}

TEST(NumberTest, IsNormalKnowsExactlyTheTextsOfToString) {
  for (const std::string& text :
       {std::string("0"), std::string("7"), std::string("-10"),
        std::string("0.5"), std::string("-12.05"), Nines(38), "1" + Zeros(125),
        "-" + Nines(38) + Zeros(88), "0." + Nines(38), "0." + Zeros(129) + "1",
        "0." + Zeros(129) + Nines(38)}) {
    EXPECT_TRUE(Number::IsNormal(text)) << text;
    EXPECT_EQ(Normal(text), text);
  }
  for (const std::string& text :
       {std::string(""),         std::string("-"),
        std::string("-0"),       std::string("+1"),
        std::string("01"),       std::string("00"),
        std::string("1."),       std::string(".5"),
        std::string("1.0"),      std::string("1.50"),
        std::string("0.0"),      std::string("1e1"),
        std::string("1 "),       std::string("-.5"),
        std::string("-00.5"),    Nines(39),
        "1" + Zeros(126),        "1" + Zeros(37) + "1",
        "0." + Zeros(130) + "1", "1." + Nines(38),
        "0." + Nines(39)}) {
    EXPECT_FALSE(Number::IsNormal(text)) << text;
  }
}

TEST(NumberTest, AddsExactly) {
  EXPECT_EQ(Sum("0.1", "0.2"), "0.3");
  EXPECT_EQ(Sum("99", "1"), "100");
  EXPECT_EQ(Sum("-99", "-1"), "-100");
  EXPECT_EQ(Sum("5", "-5"), "0");
  EXPECT_EQ(Sum("5", "-7.25"), "-2.25");
  EXPECT_EQ(Sum("-5", "7.25"), "2.25");
  EXPECT_EQ(Sum("0", "-3"), "-3");
  EXPECT_EQ(Sum("1e37", "1e-0"), "1" + Zeros(36) + "1");
  EXPECT_EQ(Difference("1000", "0.001"), "999.999");
  EXPECT_EQ(Difference("0", "0"), "0");
  EXPECT_EQ(Difference("0", "4"), "-4");
  EXPECT_EQ(Difference("-4", "-4"), "0");
  EXPECT_EQ(Difference("4", "0"), "4");
}

TEST(NumberTest, AResultHasThirtyEightDigitsAtMost) {
  EXPECT_EQ(Sum(Nines(38), "1"), "1" + Zeros(38));
  EXPECT_EQ(Sum(Nines(38), "2"), kTooPrecise);
  EXPECT_EQ(Sum("1e38", "1"), kTooPrecise);
  EXPECT_EQ(Difference("1e38", "1"), Nines(38));
  EXPECT_EQ(Difference("1e39", "1"), kTooPrecise);
  // The first digit disappears and leaves 1.
  EXPECT_EQ(Difference("1e38", Nines(38)), "1");
  // As far apart as can be.
  EXPECT_EQ(Sum("1e125", "1e-130"), kTooPrecise);
  EXPECT_EQ(Difference("1e125", "1e-130"), kTooPrecise);
}

TEST(NumberTest, AResultStaysInTheRange) {
  const std::string largest = Nines(38) + Zeros(88);
  EXPECT_EQ(Sum(largest, "1e88"), kOverflow);
  EXPECT_EQ(Difference("-" + largest, "1e88"), kOverflow);
  EXPECT_EQ(Sum("9e125", "1e125"), kOverflow);
  EXPECT_EQ(Difference("1.5e-130", "1e-130"), kUnderflow);
  EXPECT_EQ(Difference("3e-130", "2e-130"), "0." + Zeros(129) + "1");
}

// In ascending order.
std::vector<std::string> Ladder() {
  return {"-" + Nines(38) + Zeros(88),
          "-1e125",
          "-100.5",
          "-100",
          "-99",
          "-10",
          "-9.99",
          "-9",
          "-1.5",
          "-1.05",
          "-1",
          "-0.5",
          "-0.05",
          "-1.1e-130",
          "-1e-130",
          "0",
          "1e-130",
          "1.1e-130",
          "0.05",
          "0.5",
          "1",
          "1.05",
          "1.5",
          "9",
          "9.99",
          "10",
          "99",
          "100",
          "100.5",
          "1e125",
          Nines(38) + Zeros(88)};
}

TEST(NumberTest, ComparesByValue) {
  const std::vector<std::string> ladder = Ladder();
  for (size_t i = 0; i < ladder.size(); ++i) {
    for (size_t j = 0; j < ladder.size(); ++j) {
      EXPECT_EQ(Number::Compare(N(ladder[i]), N(ladder[j])),
                i < j ? -1 : (i > j ? 1 : 0))
          << ladder[i] << " " << ladder[j];
    }
  }
  EXPECT_EQ(Number::Compare(N("1e3"), N("1000.0")), 0);
}

TEST(NumberTest, OrderedBytesSortAsNumbersAndDecode) {
  std::string before;
  for (const std::string& text : Ladder()) {
    const std::string bytes = Ordered(text);
    EXPECT_LT(before, bytes) << text;
    EXPECT_NE(bytes.substr(0, before.size()), before.empty() ? "x" : before);
    before = bytes;

    const std::string followed = bytes + "rest";
    absl::string_view rest = followed;
    const absl::StatusOr<Number> decoded = Number::DecodeOrdered(&rest);
    ASSERT_TRUE(decoded.ok()) << text;
    EXPECT_EQ(*decoded, N(text));
    EXPECT_EQ(rest, "rest");
  }
}

TEST(NumberTest, OrderedBytesAreGolden) {
  EXPECT_EQ(Ordered("0"), "\x02");
  EXPECT_EQ(Ordered("1"), std::string("\x03\x82\x0B\x00", 4));
  EXPECT_EQ(Ordered("12.3"), std::string("\x03\x83\x0D\x1F\x00", 5));
  EXPECT_EQ(Ordered("-12.3"), "\x01\x7C\xF2\xE0\xFF");
  EXPECT_EQ(Ordered("1e-130"), std::string("\x03\x00\x0B\x00", 4));
  EXPECT_EQ(Ordered("1e125"), std::string("\x03\xFF\x0B\x00", 4));
}

TEST(NumberTest, DamagedOrderedBytesAreDataLoss) {
  const std::string too_long =
      "\x03\x80" + std::string(20, '\x0B') + std::string(1, '\0');
  for (const std::string& bytes :
       {std::string(), std::string("\x04"), std::string("\x03"),
        std::string("\x03\x80"), std::string("\x03\x80\x0B"),
        std::string("\x03\x80\x00", 3),          // no digits
        std::string("\x03\x80\x05\x00", 4),      // first digit 0
        std::string("\x03\x80\x0B\x01\x00", 5),  // last pair 00
        std::string("\x03\x80\x65\x00", 4),      // pair of 100
        std::string("\x01\x80\xF4\x00", 4), too_long}) {
    absl::string_view rest = bytes;
    const absl::Status status = Number::DecodeOrdered(&rest).status();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(ReasonOf(status), Reason::kDataLoss);
    EXPECT_EQ(rest, bytes);
  }
}

TEST(NumberTest, CountsItsDigitPairsInAnItem) {
  const std::vector<std::pair<std::string, size_t>> sizes = {
      {"0", 1},
      {"1", 2},
      {"-1", 3},
      {"12", 2},
      {"123", 3},
      {"1000", 2},
      {"1001", 3},
      {"0.5", 2},
      {"0.05", 2},
      {"1.05", 3},
      {"-1.05", 4},
      {"100.5", 4},
      {"0.00123", 3},
      {Nines(38), 20},
      {"-" + Nines(38), 21},
      {"1" + Zeros(125), 2},
      {"9." + Nines(37), 1 + 1 + 19}};
  for (const auto& [text, size] : sizes) {
    EXPECT_EQ(N(text).size_in_item(), size) << text;
    EXPECT_EQ(Number::SizeInItem(text), size) << text;
  }
}

}  // namespace
}  // namespace pallet::model
