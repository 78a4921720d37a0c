// SPDX-License-Identifier: Apache-2.0
#include "model/partiql/lexer.h"

#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace pallet::model::partiql {
namespace {

bool StartsName(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' ||
         c == '$';
}

bool IsDigit(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c));
}

bool IsBlank(char c) {
  return absl::ascii_isspace(static_cast<unsigned char>(c));
}

bool StartsCharacter(char c) { return (c & 0xC0) != 0x80; }

struct SymbolRow {
  absl::string_view text;
  TokenKind kind;
};
// Longer ones before those they begin with.
constexpr SymbolRow kSymbols[] = {
    {"<<", TokenKind::kOpenSet},
    {"<>", TokenKind::kNotEqual},
    {"<=", TokenKind::kLessOrEqual},
    {"<", TokenKind::kLess},
    {">>", TokenKind::kCloseSet},
    {">=", TokenKind::kGreaterOrEqual},
    {">", TokenKind::kGreater},
    {"!=", TokenKind::kNotEqual},
    {"=", TokenKind::kEqual},
    {".", TokenKind::kDot},
    {",", TokenKind::kComma},
    {";", TokenKind::kSemicolon},
    {":", TokenKind::kColon},
    {"*", TokenKind::kStar},
    {"(", TokenKind::kOpenParenthesis},
    {")", TokenKind::kCloseParenthesis},
    {"[", TokenKind::kOpenBracket},
    {"]", TokenKind::kCloseBracket},
    {"{", TokenKind::kOpenBrace},
    {"}", TokenKind::kCloseBrace},
    {"+", TokenKind::kPlus},
    {"-", TokenKind::kMinus},
    {"?", TokenKind::kParameter},
};

// Whether exponent and scale are numbers of 32 bits.
bool FitsScale(int64_t fraction_digits, absl::string_view exponent) {
  if (!exponent.empty() && exponent.front() == '+') exponent.remove_prefix(1);
  int32_t value = 0;
  if (!absl::SimpleAtoi(exponent, &value)) return false;
  const int64_t scale = fraction_digits - value;
  return scale >= INT32_MIN && scale <= INT32_MAX;
}

}  // namespace

Token Lexer::Next() {
  if (!SkipBlanks()) return Take(TokenKind::kInvalid, 0);
  const char c = Peek(0);
  if (position_ == text_.size()) return Take(TokenKind::kEnd, 0);
  if (StartsName(c)) {
    size_t size = 1;
    while (StartsName(Peek(size)) || IsDigit(Peek(size))) ++size;
    return Take(TokenKind::kName, size);
  }
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return TakeNumber();
  if (c == '\'') return TakeQuoted(TokenKind::kString, c);
  if (c == '"') return TakeQuoted(TokenKind::kQuotedName, c);
  return TakeSymbol();
}

bool Lexer::SkipBlanks() {
  while (true) {
    if (position_ < text_.size() && IsBlank(Peek(0))) {
      Skip(1);
    } else if (Peek(0) == '-' && Peek(1) == '-') {
      const size_t end = text_.find('\n', position_);
      Skip((end == absl::string_view::npos ? text_.size() : end) - position_);
    } else if (Peek(0) == '/' && Peek(1) == '*') {
      const size_t end = text_.find("*/", position_ + 2);
      if (end == absl::string_view::npos) return false;
      Skip(end + 2 - position_);
    } else {
      return true;
    }
  }
}

void Lexer::Skip(size_t size) {
  for (const size_t end = position_ + size; position_ < end; ++position_) {
    const char c = text_[position_];
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if (StartsCharacter(c)) {
      ++column_;
    }
  }
}

Token Lexer::Take(TokenKind kind, size_t size) {
  Token token{kind, text_.substr(position_, size), {line_, column_, 0}};
  for (const char c : token.text) token.at.length += StartsCharacter(c);
  Skip(size);
  return token;
}

Token Lexer::TakeNumber() {
  size_t size = 0;
  int64_t fraction_digits = 0;
  while (IsDigit(Peek(size))) ++size;
  if (Peek(size) == '.') {
    ++size;
    for (; IsDigit(Peek(size)); ++size) ++fraction_digits;
  }
  if (Peek(size) != 'e' && Peek(size) != 'E') {
    return Take(TokenKind::kNumber, size);
  }
  const size_t begin = size + 1;
  size_t end = begin;
  if (Peek(end) == '+' || Peek(end) == '-') ++end;
  if (!IsDigit(Peek(end))) return Take(TokenKind::kNumber, size);
  while (IsDigit(Peek(end))) ++end;
  const bool fits =
      FitsScale(fraction_digits, text_.substr(position_ + begin, end - begin));
  return Take(fits ? TokenKind::kNumber : TokenKind::kInvalid, end);
}

Token Lexer::TakeQuoted(TokenKind kind, char quote) {
  size_t size = 1;
  while (position_ + size < text_.size()) {
    if (Peek(size++) != quote) continue;
    if (Peek(size) != quote) return Take(kind, size);
    ++size;
  }
  return Take(TokenKind::kInvalid, text_.size() - position_);
}

Token Lexer::TakeSymbol() {
  const absl::string_view rest = text_.substr(position_);
  for (const SymbolRow& row : kSymbols) {
    if (rest.substr(0, row.text.size()) == row.text) {
      return Take(row.kind, row.text.size());
    }
  }
  return Take(TokenKind::kInvalid, 1);
}

std::string Unquote(absl::string_view quoted) {
  const char quote = quoted.front();
  quoted = quoted.substr(1, quoted.size() - 2);
  std::string text;
  text.reserve(quoted.size());
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] == quote) ++i;  // it stands there twice
    text.push_back(quoted[i]);
  }
  return text;
}

}  // namespace pallet::model::partiql
