// SPDX-License-Identifier: Apache-2.0
#include "model/expression/placeholders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "model/errors.h"
#include "model/item_codec.h"
#include "tests/testing/wire_values.h"

namespace pallet::model::expression {
namespace {

using ::pallet::testing::N;
using ::pallet::testing::S;
using Map = std::map<std::string, std::string>;

std::string ErrorOf(const Map& names, const Map& values) {
  const auto result = Placeholders::Create(names, values);
  if (result.ok()) return "";
  EXPECT_EQ(ReasonOf(result.status()), Reason::kValidation);
  return std::string(result.status().message());
}

TEST(PlaceholdersTest, Example) {
  auto placeholders =
      Placeholders::Create(Map{{"#n", "name"}}, Map{{":v", N("01.50")}});
  ASSERT_TRUE(placeholders.ok()) << placeholders.status();
  EXPECT_EQ(*placeholders->FindName("#n"), "name");
  EXPECT_EQ(*placeholders->FindValue(":v"), N("1.5"));
  EXPECT_EQ(placeholders->FindName("#m"), nullptr);
  EXPECT_EQ(placeholders->FindValue(":w"), nullptr);
  EXPECT_TRUE(placeholders->CheckAllUsed().ok());
}

TEST(PlaceholdersTest, NothingIsFine) {
  auto placeholders = Placeholders::Create(Map{}, Map{});
  ASSERT_TRUE(placeholders.ok());
  EXPECT_FALSE(placeholders->has_names());
  EXPECT_FALSE(placeholders->has_values());
  EXPECT_TRUE(placeholders->CheckAllUsed().ok());
}

TEST(PlaceholdersTest, UnusedOnesAreNamedInOrder) {
  auto placeholders = Placeholders::Create(
      Map{{"#b", "x"}, {"#a", "y"}, {"#c", "z"}}, Map{{":v", S("x")}});
  ASSERT_TRUE(placeholders.ok());
  placeholders->FindName("#c");
  EXPECT_EQ(placeholders->CheckAllUsed().message(),
            "Value provided in ExpressionAttributeNames unused in expressions: "
            "keys: {#a, #b}");
  placeholders->FindName("#a");
  placeholders->FindName("#b");
  EXPECT_EQ(placeholders->CheckAllUsed().message(),
            "Value provided in ExpressionAttributeValues unused in "
            "expressions: keys: {:v}");
  placeholders->FindValue(":v");
  EXPECT_TRUE(placeholders->CheckAllUsed().ok());
}

TEST(PlaceholdersTest, ABadPlaceholderIsAnError) {
  EXPECT_EQ(ErrorOf({{"a", "x"}}, {}),
            "ExpressionAttributeNames contains invalid key: Syntax error; key: "
            "\"a\"");
  EXPECT_EQ(ErrorOf({}, {{"#v", S("x")}}),
            "ExpressionAttributeValues contains invalid key: Syntax error; "
            "key: \"#v\"");
  for (const char* bad : {"", "#", "##a", "#a-b", "#a.b", " #a", "#\xC3\xA9"}) {
    EXPECT_NE(ErrorOf({{bad, "x"}}, {}), "") << bad;
  }
}

TEST(PlaceholdersTest, PlaceholdersHave255BytesAndNotOneMore) {
  const std::string longest = "#" + std::string(254, 'a');
  EXPECT_EQ(ErrorOf({{longest, "x"}}, {}), "");
  EXPECT_EQ(ErrorOf({{longest + "a", "x"}}, {}),
            "ExpressionAttributeNames contains invalid key: The expression "
            "attribute map contains a key that is too long; size of key: 256");
  EXPECT_NE(ErrorOf({}, {{":" + std::string(255, 'a'), S("x")}}), "");
}

TEST(PlaceholdersTest, BothMapsTogetherHaveTwoMegabytesAndNotOneByteMore) {
  const auto values = [](size_t total) {
    // ":v" and four bytes of tag and length.
    return Map{{":v", S(std::string(total - 6, 'x'))}};
  };
  EXPECT_EQ(ErrorOf({}, values(kMaxPlaceholdersBytes)), "");
  EXPECT_NE(ErrorOf({}, values(kMaxPlaceholdersBytes + 1)), "");
  EXPECT_NE(ErrorOf({{"#n", "a"}}, values(kMaxPlaceholdersBytes)), "");
}

TEST(PlaceholdersTest, NamesHave65535BytesAndAreNotEmpty) {
  EXPECT_EQ(ErrorOf({{"#n", std::string(kMaxAttributeNameBytes, 'a')}}, {}),
            "");
  EXPECT_NE(ErrorOf({{"#n", std::string(kMaxAttributeNameBytes + 1, 'a')}}, {}),
            "");
  EXPECT_NE(ErrorOf({{"#n", ""}}, {}), "");
}

TEST(PlaceholdersTest, ABadValueNamesItsPlaceholder) {
  const std::string error = ErrorOf({}, {{":v", N("one")}});
  EXPECT_EQ(error,
            "ExpressionAttributeValues contains invalid value: The parameter "
            "cannot be converted to a numeric value: one for key :v");
}

}  // namespace
}  // namespace pallet::model::expression
