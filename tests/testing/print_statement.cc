// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/print_statement.h"

#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace pallet::testing {
namespace {

using model::partiql::Assignment;
using model::partiql::Literal;
using model::partiql::OrderKey;
using model::partiql::Path;
using model::partiql::Statement;
using model::partiql::Term;

std::string Quoted(const std::string& text, const std::string& quote) {
  return absl::StrCat(
      quote, absl::StrReplaceAll(text, {{quote, quote + quote}}), quote);
}

template <typename Parts>
std::string List(const Parts& parts) {
  return absl::StrJoin(parts, ", ", [](std::string* out, const auto& part) {
    out->append(Print(part));
  });
}

const char* OperatorOf(Term::Kind kind) {
  switch (kind) {
    case Term::Kind::kEqual:
      return " = ";
    case Term::Kind::kNotEqual:
      return " <> ";
    case Term::Kind::kLess:
      return " < ";
    case Term::Kind::kLessOrEqual:
      return " <= ";
    case Term::Kind::kGreater:
      return " > ";
    case Term::Kind::kGreaterOrEqual:
      return " >= ";
    case Term::Kind::kAnd:
      return " AND ";
    case Term::Kind::kOr:
      return " OR ";
    case Term::Kind::kPlus:
      return " + ";
    case Term::Kind::kMinus:
      return " - ";
    default:
      return "";
  }
}

// An operand as a part of another term.
std::string Part(const Term& term) {
  const bool plain = term.kind == Term::Kind::kPath ||
                     term.kind == Term::Kind::kLiteral ||
                     term.kind == Term::Kind::kCall;
  return plain ? Print(term) : absl::StrCat("(", Print(term), ")");
}

std::string Parts(const Term& term, size_t from) {
  std::vector<std::string> parts;
  for (size_t i = from; i < term.operands.size(); ++i) {
    parts.push_back(Part(term.operands[i]));
  }
  return absl::StrJoin(parts, ", ");
}

std::string PrintTable(const Statement& statement) {
  std::string table = Quoted(statement.table, "\"");
  if (statement.index.has_value()) {
    absl::StrAppend(&table, ".", Quoted(*statement.index, "\""));
  }
  return table;
}

std::string PrintWhere(const Statement& statement) {
  if (!statement.where.has_value()) return "";
  return absl::StrCat(" WHERE ", Print(*statement.where));
}

std::string PrintSelect(const Statement& statement) {
  std::string text = absl::StrCat(
      "SELECT ", statement.columns.empty() ? "*" : List(statement.columns),
      " FROM ", PrintTable(statement), PrintWhere(statement));
  const char* separator = " ORDER BY ";
  for (const OrderKey& key : statement.order) {
    absl::StrAppend(&text, separator, Print(key.path),
                    key.descending ? " DESC" : " ASC");
    separator = ", ";
  }
  return text;
}

std::string PrintChanges(const Statement& statement) {
  std::string text;
  for (const Assignment& assignment : statement.assignments) {
    absl::StrAppend(&text, assignment.value.has_value() ? " SET " : " REMOVE ",
                    Print(assignment.target));
    if (assignment.value.has_value()) {
      absl::StrAppend(&text, " = ", Print(*assignment.value));
    }
  }
  return text;
}

}  // namespace

std::string Print(const Path& path) {
  std::string text;
  for (const auto& element : path.elements) {
    if (const auto* index = std::get_if<uint32_t>(&element)) {
      absl::StrAppend(&text, "[", *index, "]");
      continue;
    }
    const auto& name = std::get<model::expression::Name>(element);
    absl::StrAppend(&text, text.empty() ? "" : ".", Quoted(name.text(), "\""));
  }
  return text;
}

std::string Print(const Literal& literal) {
  switch (literal.kind) {
    case Literal::Kind::kNull:
      return "NULL";
    case Literal::Kind::kBool:
      return literal.boolean ? "TRUE" : "FALSE";
    case Literal::Kind::kNumber:
      return literal.text;
    case Literal::Kind::kString:
      return Quoted(literal.text, "'");
    case Literal::Kind::kParameter:
      return "?";
    case Literal::Kind::kList:
      return absl::StrCat("[", List(literal.members), "]");
    case Literal::Kind::kSet:
      return absl::StrCat("<<", List(literal.members), " >>");
    case Literal::Kind::kMap: {
      std::vector<std::string> members;
      for (size_t i = 0; i < literal.members.size(); ++i) {
        members.push_back(absl::StrCat(Quoted(literal.names[i], "'"), ": ",
                                       Print(literal.members[i])));
      }
      return absl::StrCat("{", absl::StrJoin(members, ", "), "}");
    }
  }
  return "";
}

std::string Print(const Term& term) {
  switch (term.kind) {
    case Term::Kind::kPath:
      return Print(term.path);
    case Term::Kind::kLiteral:
      return Print(term.literal);
    case Term::Kind::kCall:
      return absl::StrCat(term.name, "(", List(term.operands), ")");
    case Term::Kind::kBetween:
      return absl::StrCat(Part(term.operands[0]), " BETWEEN ",
                          Part(term.operands[1]), " AND ",
                          Part(term.operands[2]));
    case Term::Kind::kIn:
      return absl::StrCat(Part(term.operands[0]), " IN [", Parts(term, 1), "]");
    case Term::Kind::kIs:
      return absl::StrCat(Part(term.operands[0]), " IS ", term.name);
    case Term::Kind::kNot:
      return absl::StrCat("NOT ", Part(term.operands[0]));
    default: {
      std::vector<std::string> parts;
      for (const Term& operand : term.operands) parts.push_back(Part(operand));
      return absl::StrJoin(parts, OperatorOf(term.kind));
    }
  }
}

std::string Print(const Statement& statement) {
  const std::string returning =
      statement.returning.has_value()
          ? absl::StrCat(" ", NameOf(*statement.returning))
          : "";
  switch (statement.kind) {
    case Statement::Kind::kSelect:
      return PrintSelect(statement);
    case Statement::Kind::kExists:
      return absl::StrCat("EXISTS(", PrintSelect(statement), ")");
    case Statement::Kind::kInsert:
      return absl::StrCat("INSERT INTO ", PrintTable(statement), " VALUE ",
                          Print(statement.item));
    case Statement::Kind::kUpdate:
      return absl::StrCat("UPDATE ", PrintTable(statement),
                          PrintChanges(statement), PrintWhere(statement),
                          returning);
    case Statement::Kind::kDelete:
      return absl::StrCat("DELETE FROM ", PrintTable(statement),
                          PrintWhere(statement), returning);
  }
  return "";
}

}  // namespace pallet::testing
