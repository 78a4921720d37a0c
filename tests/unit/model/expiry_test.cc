// SPDX-License-Identifier: Apache-2.0
#include "model/expiry.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testing/item_text.h"

namespace pallet::model {
namespace {

using pallet::testing::CanonicalItemBytes;

// The expiry of an item whose "ttl" is `value`, in text format.
std::optional<int64_t> ExpiryOfValue(absl::string_view value) {
  const std::string bytes = CanonicalItemBytes(absl::StrCat(
      R"(attributes { key: "k" value { s: "1" } }
         attributes { key: "ttl" value { )",
      value, " } }"));
  return ExpiryOf(ItemView(bytes), "ttl");
}

TEST(ExpiryTest, IsAWholeNumberOfSeconds) {
  EXPECT_EQ(ExpiryOfValue(R"(n: "1700000000")"), 1700000000);
  EXPECT_EQ(ExpiryOfValue(R"(n: "1")"), 1);
  EXPECT_EQ(ExpiryOfValue(R"(n: "0")"), 0);
  EXPECT_EQ(ExpiryOfValue(R"(n: "-0.0")"), 0);
  EXPECT_EQ(ExpiryOfValue(R"(n: "1.7E9")"), 1700000000);
  EXPECT_EQ(ExpiryOfValue(R"(n: "1700000000.00")"), 1700000000);
}

TEST(ExpiryTest, OtherNumbersAreNone) {
  for (const char* number :
       {"-1", "-1700000000", "0.5", "1700000000.5", "-0.1", "1E-130"}) {
    EXPECT_EQ(ExpiryOfValue(absl::StrCat("n: \"", number, "\"")), std::nullopt)
        << number;
  }
}

TEST(ExpiryTest, EndsWithTheYear9999) {
  EXPECT_EQ(ExpiryOfValue(R"(n: "253402300799")"), kLastExpiry);
  // One more, one that 64 bits do not hold, and the largest number.
  for (const char* number :
       {"253402300800", "18446744073709551617", "9.9E125"}) {
    EXPECT_EQ(ExpiryOfValue(absl::StrCat("n: \"", number, "\"")), std::nullopt)
        << number;
  }
}

TEST(ExpiryTest, OtherTypesAreNone) {
  for (const char* value :
       {R"(s: "1700000000")", R"(b: "1700000000")", "bool: true", "null: true",
        R"(ns { values: "1700000000" })", R"(l { values { n: "1700000000" } })",
        R"(m { entries { key: "ttl" value { n: "1700000000" } } })"}) {
    EXPECT_EQ(ExpiryOfValue(value), std::nullopt) << value;
  }
}

TEST(ExpiryTest, AnItemWithoutTheAttributeHasNone) {
  const std::string bytes = CanonicalItemBytes(
      R"(attributes { key: "tt" value { n: "1" } }
         attributes { key: "ttl2" value { n: "2" } })");
  EXPECT_EQ(ExpiryOf(ItemView(bytes), "ttl"), std::nullopt);
  EXPECT_EQ(ExpiryOf(ItemView(""), "ttl"), std::nullopt);
}

TEST(ExpiryTest, HasExpiredFromItsVerySecondOn) {
  const int64_t expiry = 1'700'000'000;
  const absl::Time time = absl::FromUnixSeconds(expiry);
  EXPECT_FALSE(HasExpired(expiry, time - absl::Nanoseconds(1)));
  EXPECT_TRUE(HasExpired(expiry, time));
  EXPECT_TRUE(HasExpired(expiry, time + absl::Hours(24)));
  EXPECT_FALSE(HasExpired(kLastExpiry, time));
}

TEST(ExpiryTest, AfterFiveYearsItStays) {
  const int64_t expiry = 1'700'000'000;
  const absl::Time last =
      absl::FromUnixSeconds(expiry) + 5 * absl::Hours(365 * 24);
  EXPECT_TRUE(HasExpired(expiry, last));
  EXPECT_TRUE(HasExpired(expiry, last + absl::Milliseconds(999)));
  EXPECT_FALSE(HasExpired(expiry, last + absl::Seconds(1)));
  EXPECT_FALSE(HasExpired(0, last));
}

}  // namespace
}  // namespace pallet::model
