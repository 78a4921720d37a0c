// SPDX-License-Identifier: Apache-2.0
#include "model/expression/lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "model/expression/reserved_words.h"

namespace pallet::model::expression {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Texts(absl::string_view text) {
  std::vector<std::string> texts;
  Lexer lexer(text);
  for (Token t = lexer.Next(); t.kind != TokenKind::kEnd; t = lexer.Next()) {
    texts.emplace_back(t.text);
  }
  return texts;
}

TokenKind First(absl::string_view text) { return Lexer(text).Next().kind; }

TEST(LexerTest, Example) {
  EXPECT_THAT(Texts("#p = :v AND size(a.b[12])>=:n"),
              ElementsAre("#p", "=", ":v", "AND", "size", "(", "a", ".", "b",
                          "[", "12", "]", ")", ">=", ":n"));
}

TEST(LexerTest, BlanksOnlySeparate) {
  EXPECT_THAT(Texts(" \t\r\na\n.\rb  "), ElementsAre("a", ".", "b"));
  EXPECT_THAT(Texts(""), ElementsAre());
}

TEST(LexerTest, TheLongerSymbolWins) {
  EXPECT_THAT(Texts("<><=>=<>="), ElementsAre("<>", "<=", ">=", "<>", "="));
  EXPECT_THAT(Texts("> ="), ElementsAre(">", "="));
}

TEST(LexerTest, KeywordsInAnyCaseButNotAsPartOfAWord) {
  EXPECT_EQ(First("bEtWeEn"), TokenKind::kBetween);
  EXPECT_EQ(First("and"), TokenKind::kAnd);
  EXPECT_EQ(First("OR"), TokenKind::kOr);
  EXPECT_EQ(First("Not"), TokenKind::kNot);
  EXPECT_EQ(First("in"), TokenKind::kIn);
  EXPECT_EQ(First("android"), TokenKind::kIdentifier);
  EXPECT_EQ(First("in_"), TokenKind::kIdentifier);
}

TEST(LexerTest, PlaceholdersMayStartWithADigitAndIdentifiersMayNot) {
  EXPECT_EQ(First("#0"), TokenKind::kName);
  EXPECT_EQ(First(":_9"), TokenKind::kValue);
  EXPECT_THAT(Texts("9lives"), ElementsAre("9", "lives"));
  EXPECT_EQ(First("_a"), TokenKind::kInvalid);
  EXPECT_EQ(First("#"), TokenKind::kInvalid);
  EXPECT_EQ(First(": v"), TokenKind::kInvalid);
}

TEST(LexerTest, AnInvalidCharacterIsOneWholeCharacter) {
  EXPECT_THAT(Texts("!!"), ElementsAre("!", "!"));
  EXPECT_THAT(Texts("a\xC3\xA9z"), ElementsAre("a", "\xC3\xA9", "z"));
  EXPECT_THAT(Texts(absl::string_view("a\0b", 3)),
              ElementsAre("a", std::string(1, '\0'), "b"));
}

TEST(LexerTest, OffsetsPointIntoTheText) {
  Lexer lexer("  ab <= 1");
  EXPECT_EQ(lexer.Next().offset, 2u);
  const Token symbol = lexer.Next();
  EXPECT_EQ(symbol.offset, 5u);
  EXPECT_EQ(symbol.end(), 7u);
}

TEST(ReservedWordsTest, AllOfThemInAnyCaseAndNothingElse) {
  EXPECT_EQ(ReservedWords().size(), 573u);
  for (absl::string_view word : ReservedWords()) {
    EXPECT_TRUE(IsReservedWord(word)) << word;
    EXPECT_TRUE(IsReservedWord(absl::AsciiStrToLower(word))) << word;
    EXPECT_FALSE(IsReservedWord(std::string(word) + "_x")) << word;
  }
  EXPECT_TRUE(IsReservedWord("FLATTERN"));
  EXPECT_FALSE(IsReservedWord(""));
  EXPECT_FALSE(IsReservedWord("pk"));
  EXPECT_FALSE(IsReservedWord("LOCALTIMESTAMPS"));
}

}  // namespace
}  // namespace pallet::model::expression
