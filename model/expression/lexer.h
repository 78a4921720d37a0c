// SPDX-License-Identifier: Apache-2.0
//
// The tokens of all five expressions (key condition, condition, filter,
// projection, update). One pass, no memory, linear in the text.
//
//   identifier := letter (letter | digit | '_')*
//   name       := '#' (letter | digit | '_')+
//   value      := ':' (letter | digit | '_')+
//   integer    := digit+
//   symbol     := '.' ',' '[' ']' '(' ')' '=' '<>' '<' '<=' '>' '>=' '+' '-'
//
// Blanks, tabs and line ends separate tokens. AND, OR, NOT, BETWEEN and IN are
// keywords in any case; the clause words of an update are identifiers. A
// character that starts no token is one of kind kInvalid.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace pallet::model::expression {

enum class TokenKind {
  kEnd,
  kInvalid,
  kIdentifier,
  kName,
  kValue,
  kInteger,
  kDot,
  kComma,
  kOpenBracket,
  kCloseBracket,
  kOpenParenthesis,
  kCloseParenthesis,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kPlus,
  kMinus,
  kAnd,
  kOr,
  kNot,
  kBetween,
  kIn,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  absl::string_view text;  // empty for kEnd; borrowed
  size_t offset = 0;       // in the expression, bytes

  size_t end() const { return offset + text.size(); }
};

class Lexer {
 public:
  // Borrows `text`.
  explicit Lexer(absl::string_view text) : text_(text) {}

  // After the last token, kEnd for ever.
  Token Next();

 private:
  Token Take(TokenKind kind, size_t size);
  Token TakeWord();
  Token TakePlaceholder(TokenKind kind);
  Token TakeSymbol();

  absl::string_view text_;
  size_t position_ = 0;
};

}  // namespace pallet::model::expression
