// SPDX-License-Identifier: Apache-2.0
//
// Conditions and operands.
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/partiql/parser.h"
#include "model/partiql/parser_state.h"

namespace pallet::model::partiql {
namespace {

std::optional<Term::Kind> ComparisonOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEqual:
      return Term::Kind::kEqual;
    case TokenKind::kNotEqual:
      return Term::Kind::kNotEqual;
    case TokenKind::kLess:
      return Term::Kind::kLess;
    case TokenKind::kLessOrEqual:
      return Term::Kind::kLessOrEqual;
    case TokenKind::kGreater:
      return Term::Kind::kGreater;
    case TokenKind::kGreaterOrEqual:
      return Term::Kind::kGreaterOrEqual;
    default:
      return std::nullopt;
  }
}

Term Negated(Term term) {
  Term negation{.kind = Term::Kind::kNot};
  negation.operands.push_back(std::move(term));
  return negation;
}

// Types of IS, and what they are called in a Term.
struct TypeRow {
  absl::string_view word;
  absl::string_view type;
};
constexpr TypeRow kTypes[] = {
    {"missing", "MISSING"}, {"null", "NULL"},       {"bool", "BOOL"},
    {"boolean", "BOOL"},    {"string", "STRING"},   {"varchar", "STRING"},
    {"symbol", "STRING"},   {"number", "NUMBER"},   {"numeric", "NUMBER"},
    {"decimal", "NUMBER"},  {"int", "NUMBER"},      {"integer", "NUMBER"},
    {"int4", "NUMBER"},     {"int8", "NUMBER"},     {"float", "NUMBER"},
    {"real", "NUMBER"},     {"smallint", "NUMBER"}, {"bigint", "NUMBER"},
    {"blob", "BINARY"},     {"binary", "BINARY"},   {"list", "LIST"},
    {"struct", "STRUCT"},   {"tuple", "STRUCT"},    {"map", "STRUCT"},
    {"bag", "BAG"},         {"set", "BAG"},
};

}  // namespace

absl::StatusOr<Term> Parser::ParseOr() {
  ASSIGN_OR_RETURN(Term first, ParseAnd());
  if (!AtWord("or")) return first;
  Term term{.kind = Term::Kind::kOr};
  term.operands.push_back(std::move(first));
  while (AcceptWord("or")) {
    if (At(TokenKind::kEnd)) {
      return NotWellFormed(
          "Missing right-hand side expression of infix operator");
    }
    ASSIGN_OR_RETURN(Term operand, ParseAnd());
    term.operands.push_back(std::move(operand));
  }
  return term;
}

absl::StatusOr<Term> Parser::ParseAnd() {
  ASSIGN_OR_RETURN(Term first, ParseNot());
  if (!AtWord("and")) return first;
  Term term{.kind = Term::Kind::kAnd};
  term.operands.push_back(std::move(first));
  while (AcceptWord("and")) {
    if (At(TokenKind::kEnd)) {
      return NotWellFormed(
          "Missing right-hand side expression of infix operator");
    }
    ASSIGN_OR_RETURN(Term operand, ParseNot());
    term.operands.push_back(std::move(operand));
  }
  return term;
}

// Two negations are none.
absl::StatusOr<Term> Parser::ParseNot() {
  bool negated = false;
  while (AcceptWord("not")) negated = !negated;
  ASSIGN_OR_RETURN(Term term, ParseComparison());
  return negated ? Negated(std::move(term)) : std::move(term);
}

absl::StatusOr<Term> Parser::ParseComparison() {
  ASSIGN_OR_RETURN(Term first, ParseOperand());
  Term term;
  term.operands.push_back(std::move(first));
  if (const auto comparison = ComparisonOf(current_.kind)) {
    Advance();
    term.kind = *comparison;
    ASSIGN_OR_RETURN(Term second, ParseOperand());
    term.operands.push_back(std::move(second));
    return term;
  }
  if (AcceptWord("is")) {
    const bool negated = AcceptWord("not");
    RETURN_IF_ERROR(ParseType(&term));
    return negated ? Negated(std::move(term)) : std::move(term);
  }
  const bool negated = AcceptWord("not");
  if (AcceptWord("between")) {
    RETURN_IF_ERROR(ParseBetween(&term));
  } else if (AcceptWord("in")) {
    RETURN_IF_ERROR(ParseCandidates(&term));
  } else if (AtWord("like")) {
    return ValidationError("Unsupported operation: Like");
  } else {
    if (negated) return UnexpectedTerm();
    return std::move(term.operands.front());
  }
  return negated ? Negated(std::move(term)) : std::move(term);
}

absl::Status Parser::ParseBetween(Term* term) {
  term->kind = Term::Kind::kBetween;
  ASSIGN_OR_RETURN(Term lower, ParseOperand());
  term->operands.push_back(std::move(lower));
  RETURN_IF_ERROR(ExpectWord("and"));
  ASSIGN_OR_RETURN(Term upper, ParseOperand());
  term->operands.push_back(std::move(upper));
  return absl::OkStatus();
}

absl::Status Parser::ParseCandidates(Term* term) {
  term->kind = Term::Kind::kIn;
  const bool in_brackets = At(TokenKind::kOpenBracket);
  if (!in_brackets && !At(TokenKind::kOpenParenthesis)) {
    return UnexpectedTerm();
  }
  Advance();
  do {
    ASSIGN_OR_RETURN(Term candidate, ParseOperand());
    term->operands.push_back(std::move(candidate));
  } while (Accept(TokenKind::kComma));
  return Expect(in_brackets ? TokenKind::kCloseBracket
                            : TokenKind::kCloseParenthesis);
}

absl::Status Parser::ParseType(Term* term) {
  term->kind = Term::Kind::kIs;
  for (const TypeRow& row : kTypes) {
    if (!AcceptWord(row.word)) continue;
    term->name = std::string(row.type);
    return absl::OkStatus();
  }
  return NotWellFormed(At(TokenKind::kInvalid) ? "" : "Expected type name");
}

absl::StatusOr<Term> Parser::ParseSum() {
  ASSIGN_OR_RETURN(Term first, ParseOperand());
  if (!At(TokenKind::kPlus) && !At(TokenKind::kMinus)) return first;
  Term sum{.kind =
               At(TokenKind::kPlus) ? Term::Kind::kPlus : Term::Kind::kMinus};
  Advance();
  sum.operands.push_back(std::move(first));
  ASSIGN_OR_RETURN(Term second, ParseOperand());
  sum.operands.push_back(std::move(second));
  return sum;
}

absl::StatusOr<Term> Parser::ParseOperand() {
  if (At(TokenKind::kOpenParenthesis)) return ParseParenthesized();
  if (AtLiteral()) {
    Term term{.kind = Term::Kind::kLiteral};
    term.at = current_.at;
    ASSIGN_OR_RETURN(term.literal, ParseLiteral(0));
    return term;
  }
  if (At(TokenKind::kName) && next_.kind == TokenKind::kOpenParenthesis &&
      !AtKeyword()) {
    return ParseCall();
  }
  if (!AtIdentifier()) return UnexpectedTerm();
  Term term{.kind = Term::Kind::kPath};
  term.at = current_.at;
  ASSIGN_OR_RETURN(term.path, ParsePath());
  return term;
}

absl::StatusOr<Term> Parser::ParseParenthesized() {
  if (++depth_ > kMaxDepth) return NotWellFormed("Nested too deeply");
  const absl::Cleanup leave = [this] { --depth_; };
  Advance();
  ASSIGN_OR_RETURN(Term inner, ParseOr());
  RETURN_IF_ERROR(Expect(TokenKind::kCloseParenthesis));
  return inner;
}

absl::StatusOr<Term> Parser::ParseCall() {
  if (++depth_ > kMaxDepth) return NotWellFormed("Nested too deeply");
  const absl::Cleanup leave = [this] { --depth_; };
  Term call{.kind = Term::Kind::kCall};
  call.name = absl::AsciiStrToLower(current_.text);
  call.at = current_.at;
  Advance();
  Advance();
  if (Accept(TokenKind::kCloseParenthesis)) return call;
  do {
    ASSIGN_OR_RETURN(Term operand, ParseOperand());
    call.operands.push_back(std::move(operand));
  } while (Accept(TokenKind::kComma));
  RETURN_IF_ERROR(Expect(TokenKind::kCloseParenthesis));
  return call;
}

}  // namespace pallet::model::partiql
