// SPDX-License-Identifier: Apache-2.0
//
// The tokens of PartiQL. One pass, linear in the text.
//
//   name      := (letter | '_' | '$') (letter | digit | '_' | '$')*
//   quoted    := '"' (any but '"' | '""')* '"'
//   string    := ''' (any but ''' | '''')* '''
//   number    := (digit+ ('.' digit*)? | '.' digit+) (('e'|'E') sign? digit+)?
//   parameter := '?'
//   symbol    := '.' ',' ';' ':' '*' '(' ')' '[' ']' '{' '}' '<<' '>>' '+' '-'
//              | '=' '<>' '!=' '<' '<=' '>' '>='
//
// Blanks, "-- to the end of the line" and "/* to here */" separate tokens. What
// starts no token, and what does not end, is one of kind kInvalid; so is a
// number whose exponent or scale does not fit 32 bits.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"
#include "model/partiql/statement.h"

namespace pallet::model::partiql {

enum class TokenKind {
  kEnd,
  kInvalid,
  kName,
  kQuotedName,
  kString,
  kNumber,
  kParameter,
  kDot,
  kComma,
  kSemicolon,
  kColon,
  kStar,
  kOpenParenthesis,
  kCloseParenthesis,
  kOpenBracket,
  kCloseBracket,
  kOpenBrace,
  kCloseBrace,
  kOpenSet,
  kCloseSet,
  kPlus,
  kMinus,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  absl::string_view text;  // borrowed; quotes included
  Position at;
};

class Lexer {
 public:
  // Borrows `text`.
  explicit Lexer(absl::string_view text) : text_(text) {}

  // After the last token, kEnd for ever.
  Token Next();

 private:
  // False: a comment does not end.
  bool SkipBlanks();
  void Skip(size_t size);  // counts lines and columns
  Token Take(TokenKind kind, size_t size);
  Token TakeNumber();
  Token TakeQuoted(TokenKind kind, char quote);
  Token TakeSymbol();
  char Peek(size_t ahead) const {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }

  absl::string_view text_;
  size_t position_ = 0;
  uint32_t line_ = 1;
  uint32_t column_ = 1;
};

// What stands between the quotes of a kString or kQuotedName.
std::string Unquote(absl::string_view quoted);

}  // namespace pallet::model::partiql
