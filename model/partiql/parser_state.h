// SPDX-License-Identifier: Apache-2.0
//
// The parser itself; others use parser.h. Statements are parsed in parser.cc,
// terms in term_parser.cc, paths and literals in literal_parser.cc.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/partiql/lexer.h"
#include "model/partiql/statement.h"

namespace pallet::model::partiql {

class Parser {
 public:
  // Borrows `text`.
  explicit Parser(absl::string_view text);

  // REQUIRES: the first call on this parser.
  absl::StatusOr<Statement> Parse();

 private:
  absl::Status ParseSelect();
  absl::Status ParseColumns();
  absl::Status ParseOrder();
  absl::Status ParseInsert();
  absl::Status ParseUpdate();
  absl::Status ParseFromFirst();
  absl::Status ParseDelete();
  absl::Status ParseExists();
  absl::Status ParseTable(absl::string_view otherwise);
  absl::Status RefuseAlias() const;
  absl::Status ParseChanges();
  absl::Status ParseAssignment();
  absl::Status ParseWhere();
  absl::Status ParseReturning();

  absl::StatusOr<Term> ParseOr();
  absl::StatusOr<Term> ParseAnd();
  absl::StatusOr<Term> ParseNot();
  absl::StatusOr<Term> ParseComparison();
  absl::Status ParseBetween(Term* term);
  absl::Status ParseCandidates(Term* term);
  absl::Status ParseType(Term* term);
  absl::StatusOr<Term> ParseSum();
  absl::StatusOr<Term> ParseOperand();
  absl::StatusOr<Term> ParseParenthesized();
  absl::StatusOr<Term> ParseCall();

  absl::StatusOr<Path> ParsePath();
  absl::Status ParseStep(Path* path);
  bool AtLiteral() const;
  absl::StatusOr<Literal> ParseLiteral(int depth);
  absl::Status ParseNumber(Literal* literal);
  absl::Status ParseMembers(TokenKind close, int depth, Literal* literal);
  absl::Status ParseMap(int depth, Literal* literal);

  bool At(TokenKind kind) const { return current_.kind == kind; }
  bool AtWord(absl::string_view word) const;  // as a keyword
  bool AtKeyword() const;
  bool AtIdentifier() const {
    return At(TokenKind::kQuotedName) || (At(TokenKind::kName) && !AtKeyword());
  }
  std::string TakeIdentifier();  // REQUIRES: AtIdentifier()
  void Advance();
  bool Accept(TokenKind kind);
  bool AcceptWord(absl::string_view word);
  absl::Status Expect(TokenKind kind);
  absl::Status ExpectWord(absl::string_view word);
  // Where a term should start and does not.
  absl::Status UnexpectedTerm() const;
  absl::Status Leftover() const;

  Lexer lexer_;
  Token current_;
  Token next_;
  Statement statement_;
  int depth_ = 0;
};

}  // namespace pallet::model::partiql
