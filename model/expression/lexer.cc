// SPDX-License-Identifier: Apache-2.0
#include "model/expression/lexer.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace pallet::model::expression {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsWordPart(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// How many bytes from `start` on satisfy `part`.
template <typename Predicate>
size_t Run(absl::string_view text, size_t start, Predicate part) {
  size_t end = start;
  while (end < text.size() && part(text[end])) ++end;
  return end - start;
}

TokenKind KindOfWord(absl::string_view word) {
  static constexpr std::pair<absl::string_view, TokenKind> kKeywords[] = {
      {"and", TokenKind::kAnd},         {"or", TokenKind::kOr},
      {"not", TokenKind::kNot},         {"in", TokenKind::kIn},
      {"between", TokenKind::kBetween},
  };
  for (const auto& [keyword, kind] : kKeywords) {
    if (absl::EqualsIgnoreCase(word, keyword)) return kind;
  }
  return TokenKind::kIdentifier;
}

}  // namespace

Token Lexer::Next() {
  position_ += Run(text_, position_, IsBlank);
  if (position_ == text_.size()) return Take(TokenKind::kEnd, 0);
  const char c = text_[position_];
  if (absl::ascii_isalpha(c)) return TakeWord();
  if (absl::ascii_isdigit(c)) {
    return Take(TokenKind::kInteger,
                Run(text_, position_, absl::ascii_isdigit));
  }
  if (c == '#') return TakePlaceholder(TokenKind::kName);
  if (c == ':') return TakePlaceholder(TokenKind::kValue);
  return TakeSymbol();
}

Token Lexer::Take(TokenKind kind, size_t size) {
  Token token{kind, text_.substr(position_, size), position_};
  position_ += size;
  return token;
}

Token Lexer::TakeWord() {
  const size_t size = Run(text_, position_, IsWordPart);
  return Take(KindOfWord(text_.substr(position_, size)), size);
}

Token Lexer::TakePlaceholder(TokenKind kind) {
  const size_t size = Run(text_, position_ + 1, IsWordPart);
  return Take(size == 0 ? TokenKind::kInvalid : kind, size + 1);
}

Token Lexer::TakeSymbol() {
  const auto is_tail_of_rune = [](char c) { return (c & 0xC0) == 0x80; };
  const char following =
      position_ + 1 < text_.size() ? text_[position_ + 1] : '\0';
  switch (text_[position_]) {
    case '.':
      return Take(TokenKind::kDot, 1);
    case ',':
      return Take(TokenKind::kComma, 1);
    case '[':
      return Take(TokenKind::kOpenBracket, 1);
    case ']':
      return Take(TokenKind::kCloseBracket, 1);
    case '(':
      return Take(TokenKind::kOpenParenthesis, 1);
    case ')':
      return Take(TokenKind::kCloseParenthesis, 1);
    case '=':
      return Take(TokenKind::kEqual, 1);
    case '+':
      return Take(TokenKind::kPlus, 1);
    case '-':
      return Take(TokenKind::kMinus, 1);
    case '<':
      if (following == '>') return Take(TokenKind::kNotEqual, 2);
      if (following == '=') return Take(TokenKind::kLessOrEqual, 2);
      return Take(TokenKind::kLess, 1);
    case '>':
      if (following == '=') return Take(TokenKind::kGreaterOrEqual, 2);
      return Take(TokenKind::kGreater, 1);
    default:  // a whole UTF-8 sequence, so that messages stay UTF-8
      return Take(TokenKind::kInvalid,
                  1 + Run(text_, position_ + 1, is_tail_of_rune));
  }
}

}  // namespace pallet::model::expression
