// SPDX-License-Identifier: Apache-2.0
#include "model/partiql/parser.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/partiql/parser_state.h"

namespace pallet::model::partiql {
namespace {

// Words that are no names unless they are quoted.
constexpr absl::string_view kKeywords[] = {
    "and",  "as",    "between", "by",     "delete",    "false",
    "from", "group", "having",  "in",     "insert",    "into",
    "is",   "join",  "like",    "limit",  "missing",   "not",
    "null", "or",    "order",   "remove", "returning", "select",
    "set",  "true",  "union",   "update", "where",
};

}  // namespace

absl::Status NotWellFormed(absl::string_view detail) {
  return ValidationError(absl::StrCat(
      "Statement wasn't well formed, can't be processed: ", detail));
}

absl::StatusOr<Statement> ParseStatement(absl::string_view text) {
  return Parser(text).Parse();
}

Parser::Parser(absl::string_view text) : lexer_(text) {
  current_ = lexer_.Next();
  next_ = lexer_.Next();
}

absl::StatusOr<Statement> Parser::Parse() {
  if (AtWord("select")) {
    RETURN_IF_ERROR(ParseSelect());
  } else if (AcceptWord("insert")) {
    RETURN_IF_ERROR(ParseInsert());
  } else if (AcceptWord("update")) {
    RETURN_IF_ERROR(ParseUpdate());
  } else if (AcceptWord("from")) {
    RETURN_IF_ERROR(ParseFromFirst());
  } else if (AcceptWord("delete")) {
    RETURN_IF_ERROR(ParseDelete());
  } else if (AtWord("exists") && next_.kind == TokenKind::kOpenParenthesis) {
    RETURN_IF_ERROR(ParseExists());
  } else {
    return NotWellFormed(
        At(TokenKind::kInvalid) ? "" : "Expected data manipulation");
  }
  Accept(TokenKind::kSemicolon);
  if (!At(TokenKind::kEnd)) return Leftover();
  return std::move(statement_);
}

absl::Status Parser::ParseSelect() {
  RETURN_IF_ERROR(ExpectWord("select"));
  statement_.kind = Statement::Kind::kSelect;
  RETURN_IF_ERROR(ParseColumns());
  RETURN_IF_ERROR(ExpectWord("from"));
  RETURN_IF_ERROR(ParseTable("Unexpected term"));
  RETURN_IF_ERROR(RefuseAlias());
  RETURN_IF_ERROR(ParseWhere());
  return ParseOrder();
}

absl::Status Parser::ParseColumns() {
  if (Accept(TokenKind::kStar)) {
    if (!At(TokenKind::kComma)) return absl::OkStatus();
    return ValidationError(
        "Other attributes should not be present in the projection when '*' is "
        "used.");
  }
  do {
    if (At(TokenKind::kName) && next_.kind == TokenKind::kOpenParenthesis) {
      const Token name = current_;
      Advance();
      Advance();
      const bool counts = absl::EqualsIgnoreCase(name.text, "count") &&
                          Accept(TokenKind::kStar) &&
                          At(TokenKind::kCloseParenthesis);
      if (!counts) {
        return ValidationError(
            absl::StrCat("Unexpected path component at ", ToString(name.at)));
      }
      // It is refused, but later than what is wrong with the table.
      statement_.count = name.at;
      Advance();
      continue;
    }
    ASSIGN_OR_RETURN(Path path, ParsePath());
    statement_.columns.push_back(std::move(path));
    if (AtWord("as") || AtIdentifier()) {
      return ValidationError("Aliasing is not supported");
    }
  } while (Accept(TokenKind::kComma));
  return absl::OkStatus();
}

absl::Status Parser::ParseOrder() {
  if (!AcceptWord("order")) return absl::OkStatus();
  RETURN_IF_ERROR(ExpectWord("by"));
  do {
    OrderKey key;
    ASSIGN_OR_RETURN(key.path, ParsePath());
    key.descending = AcceptWord("desc");
    if (!key.descending) AcceptWord("asc");
    statement_.order.push_back(std::move(key));
  } while (Accept(TokenKind::kComma));
  return absl::OkStatus();
}

absl::Status Parser::ParseInsert() {
  statement_.kind = Statement::Kind::kInsert;
  RETURN_IF_ERROR(ExpectWord("into"));
  RETURN_IF_ERROR(ParseTable("Expected identifier for simple path"));
  if (!AcceptWord("value")) return Leftover();
  ASSIGN_OR_RETURN(statement_.item, ParseLiteral(0));
  return absl::OkStatus();
}

absl::Status Parser::ParseUpdate() {
  statement_.kind = Statement::Kind::kUpdate;
  RETURN_IF_ERROR(ParseTable("Expected identifier for simple path"));
  RETURN_IF_ERROR(RefuseAlias());
  RETURN_IF_ERROR(ParseChanges());
  RETURN_IF_ERROR(ParseWhere());
  return ParseReturning();
}

absl::Status Parser::ParseFromFirst() {
  statement_.kind = Statement::Kind::kUpdate;
  RETURN_IF_ERROR(ParseTable("Unexpected term"));
  RETURN_IF_ERROR(RefuseAlias());
  RETURN_IF_ERROR(ParseWhere());
  RETURN_IF_ERROR(ParseChanges());
  return ParseReturning();
}

absl::Status Parser::ParseDelete() {
  statement_.kind = Statement::Kind::kDelete;
  RETURN_IF_ERROR(ExpectWord("from"));
  RETURN_IF_ERROR(ParseTable("Expected identifier for simple path"));
  RETURN_IF_ERROR(RefuseAlias());
  RETURN_IF_ERROR(ParseWhere());
  return ParseReturning();
}

absl::Status Parser::ParseExists() {
  Advance();
  Advance();
  RETURN_IF_ERROR(ParseSelect());
  statement_.kind = Statement::Kind::kExists;
  return Expect(TokenKind::kCloseParenthesis);
}

absl::Status Parser::ParseTable(absl::string_view otherwise) {
  if (!AtIdentifier()) {
    return NotWellFormed(At(TokenKind::kInvalid) ? "" : otherwise);
  }
  statement_.table = TakeIdentifier();
  bool empty = statement_.table.empty();
  if (Accept(TokenKind::kDot)) {
    if (!AtIdentifier()) return NotWellFormed("Invalid path dot component");
    statement_.index = TakeIdentifier();
    empty = empty || statement_.index->empty();
  }
  if (At(TokenKind::kDot)) {
    return ValidationError(
        "A path may contain at most 2 components in the FROM clause");
  }
  if (empty) return ValidationError("Path component cannot be an empty string");
  return absl::OkStatus();
}

absl::Status Parser::RefuseAlias() const {
  const bool is_alias =
      AtWord("as") ||
      (AtIdentifier() && !(statement_.kind == Statement::Kind::kUpdate &&
                           (AtWord("set") || AtWord("remove"))));
  if (!is_alias) return absl::OkStatus();
  return ValidationError("Aliasing is not supported");
}

absl::Status Parser::ParseChanges() {
  if (!AtWord("set") && !AtWord("remove")) return Leftover();
  while (true) {
    if (AcceptWord("set")) {
      do {
        RETURN_IF_ERROR(ParseAssignment());
      } while (Accept(TokenKind::kComma));
    } else if (AcceptWord("remove")) {
      do {
        Assignment removal;
        ASSIGN_OR_RETURN(removal.target, ParsePath());
        statement_.assignments.push_back(std::move(removal));
      } while (Accept(TokenKind::kComma));
    } else {
      return absl::OkStatus();
    }
  }
}

absl::Status Parser::ParseAssignment() {
  Assignment assignment;
  ASSIGN_OR_RETURN(assignment.target, ParsePath());
  RETURN_IF_ERROR(Expect(TokenKind::kEqual));
  ASSIGN_OR_RETURN(assignment.value, ParseSum());
  statement_.assignments.push_back(std::move(assignment));
  return absl::OkStatus();
}

absl::Status Parser::ParseWhere() {
  if (!AcceptWord("where")) return absl::OkStatus();
  ASSIGN_OR_RETURN(statement_.where, ParseOr());
  return absl::OkStatus();
}

absl::Status Parser::ParseReturning() {
  if (!AcceptWord("returning")) return absl::OkStatus();
  const bool all = AcceptWord("all");
  if (!all) RETURN_IF_ERROR(ExpectWord("modified"));
  const bool old = AcceptWord("old");
  if (!old) RETURN_IF_ERROR(ExpectWord("new"));
  RETURN_IF_ERROR(Expect(TokenKind::kStar));
  statement_.returning =
      all ? (old ? Returning::kAllOld : Returning::kAllNew)
          : (old ? Returning::kModifiedOld : Returning::kModifiedNew);
  return absl::OkStatus();
}

bool Parser::AtWord(absl::string_view word) const {
  return At(TokenKind::kName) && absl::EqualsIgnoreCase(current_.text, word);
}

bool Parser::AtKeyword() const {
  if (!At(TokenKind::kName)) return false;
  for (const absl::string_view keyword : kKeywords) {
    if (absl::EqualsIgnoreCase(current_.text, keyword)) return true;
  }
  return false;
}

std::string Parser::TakeIdentifier() {
  std::string name = At(TokenKind::kQuotedName) ? Unquote(current_.text)
                                                : std::string(current_.text);
  Advance();
  return name;
}

void Parser::Advance() {
  if (At(TokenKind::kInvalid)) return;  // nothing takes it
  current_ = next_;
  next_ = lexer_.Next();
}

bool Parser::Accept(TokenKind kind) {
  if (!At(kind)) return false;
  Advance();
  return true;
}

bool Parser::AcceptWord(absl::string_view word) {
  if (!AtWord(word)) return false;
  Advance();
  return true;
}

absl::Status Parser::Expect(TokenKind kind) {
  return Accept(kind) ? absl::OkStatus() : Leftover();
}

absl::Status Parser::ExpectWord(absl::string_view word) {
  return AcceptWord(word) ? absl::OkStatus() : Leftover();
}

absl::Status Parser::UnexpectedTerm() const {
  if (At(TokenKind::kInvalid)) return NotWellFormed("");
  if (AtWord("is") || AtWord("like") || AtWord("in") || AtWord("between") ||
      AtWord("and") || AtWord("or") || (current_.kind >= TokenKind::kPlus)) {
    return NotWellFormed("Unexpected operator");
  }
  return NotWellFormed(AtKeyword() ? "Unexpected keyword" : "Unexpected term");
}

absl::Status Parser::Leftover() const {
  if (At(TokenKind::kInvalid)) return NotWellFormed("");
  return NotWellFormed(At(TokenKind::kEnd)
                           ? "Unexpected end of statement"
                           : "Unexpected token after expression");
}

}  // namespace pallet::model::partiql
