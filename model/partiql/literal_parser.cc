// SPDX-License-Identifier: Apache-2.0
//
// Paths and literals.
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/partiql/parser.h"
#include "model/partiql/parser_state.h"

namespace pallet::model::partiql {
namespace {

constexpr uint32_t kMaxListIndex = 0x7FFFFFFF;

}  // namespace

absl::StatusOr<Path> Parser::ParsePath() {
  if (!AtIdentifier()) return UnexpectedTerm();
  Path path;
  path.elements.emplace_back(expression::Name(TakeIdentifier()));
  while (true) {
    if (Accept(TokenKind::kDot)) {
      if (!AtIdentifier()) {
        return NotWellFormed(
            At(TokenKind::kInvalid) ? "" : "Invalid path dot component");
      }
      path.elements.emplace_back(expression::Name(TakeIdentifier()));
    } else if (Accept(TokenKind::kOpenBracket)) {
      RETURN_IF_ERROR(ParseStep(&path));
    } else {
      return path;
    }
  }
}

absl::Status Parser::ParseStep(Path* path) {
  if (At(TokenKind::kString)) {
    path->elements.emplace_back(expression::Name(Unquote(current_.text)));
    Advance();
    return Expect(TokenKind::kCloseBracket);
  }
  if (!At(TokenKind::kNumber)) return UnexpectedTerm();
  uint32_t index = 0;
  if (!absl::SimpleAtoi(current_.text, &index) || index > kMaxListIndex) {
    return ValidationError(
        absl::StrCat("List index is not within the allowable range; index: [",
                     current_.text, "]"));
  }
  path->elements.emplace_back(index);
  Advance();
  return Expect(TokenKind::kCloseBracket);
}

bool Parser::AtLiteral() const {
  switch (current_.kind) {
    case TokenKind::kString:
    case TokenKind::kNumber:
    case TokenKind::kParameter:
    case TokenKind::kOpenBracket:
    case TokenKind::kOpenBrace:
    case TokenKind::kOpenSet:
      return true;
    case TokenKind::kPlus:
    case TokenKind::kMinus:
      return next_.kind == TokenKind::kNumber;
    default:
      return AtWord("null") || AtWord("true") || AtWord("false");
  }
}

absl::StatusOr<Literal> Parser::ParseLiteral(int depth) {
  Literal literal;
  literal.at = current_.at;
  if (depth > kMaxLiteralDepth) {
    return ValidationError(
        "Nesting Levels have exceeded supported limits: Attributes in the item "
        "have nested levels beyond supported limit");
  }
  if (AcceptWord("null")) return literal;
  if (AtWord("true") || AtWord("false")) {
    literal.kind = Literal::Kind::kBool;
    literal.boolean = AtWord("true");
    Advance();
    return literal;
  }
  if (At(TokenKind::kString)) {
    literal.kind = Literal::Kind::kString;
    literal.text = Unquote(current_.text);
    Advance();
    return literal;
  }
  if (Accept(TokenKind::kParameter)) {
    literal.kind = Literal::Kind::kParameter;
    literal.parameter = statement_.parameters++;
    return literal;
  }
  absl::Status status;
  if (Accept(TokenKind::kOpenBracket)) {
    literal.kind = Literal::Kind::kList;
    status = ParseMembers(TokenKind::kCloseBracket, depth, &literal);
  } else if (Accept(TokenKind::kOpenSet)) {
    literal.kind = Literal::Kind::kSet;
    status = ParseMembers(TokenKind::kCloseSet, depth, &literal);
  } else if (Accept(TokenKind::kOpenBrace)) {
    literal.kind = Literal::Kind::kMap;
    status = ParseMap(depth, &literal);
  } else {
    status = ParseNumber(&literal);
  }
  RETURN_IF_ERROR(status);
  return literal;
}

absl::Status Parser::ParseNumber(Literal* literal) {
  literal->kind = Literal::Kind::kNumber;
  if (next_.kind == TokenKind::kNumber) {
    if (Accept(TokenKind::kMinus)) {
      literal->text.push_back('-');
    } else {
      Accept(TokenKind::kPlus);
    }
  }
  if (At(TokenKind::kNumber)) {
    absl::StrAppend(&literal->text, current_.text);
    Advance();
    return absl::OkStatus();
  }
  if (AtIdentifier()) {
    // A name or a function, where only values are.
    return ValidationError(
        absl::StrCat("Unsupported data type: ", current_.text,
                     " under key root at ", ToString(current_.at)));
  }
  return UnexpectedTerm();
}

absl::Status Parser::ParseMembers(TokenKind close, int depth,
                                  Literal* literal) {
  if (Accept(close)) return absl::OkStatus();
  do {
    ASSIGN_OR_RETURN(Literal member, ParseLiteral(depth + 1));
    literal->members.push_back(std::move(member));
  } while (Accept(TokenKind::kComma));
  return Expect(close);
}

absl::Status Parser::ParseMap(int depth, Literal* literal) {
  if (Accept(TokenKind::kCloseBrace)) return absl::OkStatus();
  do {
    if (!At(TokenKind::kString)) return UnexpectedTerm();
    literal->names.push_back(Unquote(current_.text));
    Advance();
    RETURN_IF_ERROR(Expect(TokenKind::kColon));
    ASSIGN_OR_RETURN(Literal member, ParseLiteral(depth + 1));
    literal->members.push_back(std::move(member));
  } while (Accept(TokenKind::kComma));
  return Expect(TokenKind::kCloseBrace);
}

}  // namespace pallet::model::partiql
