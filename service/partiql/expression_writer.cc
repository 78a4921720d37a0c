// SPDX-License-Identifier: Apache-2.0
#include "service/partiql/expression_writer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/operand_rules.h"
#include "model/expression/values.h"

namespace pallet::service::partiql {
namespace {

using model::partiql::Assignment;
using model::partiql::Literal;
using model::partiql::Path;
using model::partiql::Term;

absl::string_view OperatorOf(Term::Kind kind) {
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
    case Term::Kind::kPlus:
      return " + ";
    case Term::Kind::kMinus:
      return " - ";
    default:
      return "";
  }
}

constexpr absl::string_view kConditionFunctions[] = {
    "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with",
    "contains"};

bool IsConditionCall(const Term& term) {
  if (term.kind != Term::Kind::kCall) return false;
  for (const absl::string_view name : kConditionFunctions) {
    if (term.name == name) return true;
  }
  return false;
}

bool IsBool(const Term& term) {
  return term.kind == Term::Kind::kLiteral &&
         term.literal.kind == Literal::Kind::kBool;
}

absl::Status Unrecognized(const Term& call) {
  return model::ValidationError(absl::StrCat(
      "Unrecognized function: ", call.name, " at ", ToString(call.at)));
}

absl::Status OperandCount(const Term& call) {
  return model::ValidationError(
      absl::StrCat("Incorrect number of operands for operator or function; "
                   "operator or function: ",
                   call.name, ", number of operands: ", call.operands.size()));
}

// What attribute_type calls the types that IS knows. A bag is any set.
std::vector<std::string> TypesOf(absl::string_view name) {
  if (name == "NULL" || name == "BOOL") return {std::string(name)};
  if (name == "STRING") return {"S"};
  if (name == "NUMBER") return {"N"};
  if (name == "BINARY") return {"B"};
  if (name == "LIST") return {"L"};
  if (name == "STRUCT") return {"M"};
  return {"SS", "NS", "BS"};
}

}  // namespace

absl::StatusOr<std::string> ExpressionWriter::Condition(const Terms& terms,
                                                        Binding within) {
  const bool alone = terms.size() == 1;
  std::vector<std::string> texts;
  for (const Term* term : terms) {
    ASSIGN_OR_RETURN(std::string text,
                     WriteWithin(*term, alone ? within : Binding::kAnd));
    texts.push_back(std::move(text));
  }
  std::string text = absl::StrJoin(texts, " AND ");
  return !alone && within > Binding::kAnd ? absl::StrCat("(", text, ")") : text;
}

absl::StatusOr<std::string> ExpressionWriter::WriteWithin(const Term& term,
                                                          Binding within) {
  ASSIGN_OR_RETURN(Text written, Write(term));
  return written.binding < within ? absl::StrCat("(", written.text, ")")
                                  : std::move(written.text);
}

absl::StatusOr<ExpressionWriter::Text> ExpressionWriter::Write(
    const Term& term) {
  switch (term.kind) {
    case Term::Kind::kAnd:
    case Term::Kind::kOr:
      return WriteJoined(term);
    case Term::Kind::kNot:
      return WriteNot(term);
    case Term::Kind::kIs:
      return WriteIs(term);
    case Term::Kind::kCall:
      return WriteCondition(term);
    case Term::Kind::kPath:
    case Term::Kind::kLiteral:
      return model::ValidationError(
          "Unsupported operation: a path or a value is no condition");
    default:
      return WriteComparison(term);
  }
}

absl::StatusOr<ExpressionWriter::Text> ExpressionWriter::WriteJoined(
    const Term& term) {
  const bool is_and = term.kind == Term::Kind::kAnd;
  const Binding binding = is_and ? Binding::kAnd : Binding::kOr;
  std::vector<std::string> texts;
  for (const Term& operand : term.operands) {
    ASSIGN_OR_RETURN(std::string text, WriteWithin(operand, binding));
    texts.push_back(std::move(text));
  }
  return Text{absl::StrJoin(texts, is_and ? " AND " : " OR "), binding};
}

absl::StatusOr<ExpressionWriter::Text> ExpressionWriter::WriteNot(
    const Term& term) {
  ASSIGN_OR_RETURN(const std::string text,
                   WriteWithin(term.operands.front(), Binding::kNot));
  return Text{absl::StrCat("NOT ", text), Binding::kNot};
}

absl::StatusOr<ExpressionWriter::Text> ExpressionWriter::WriteComparison(
    const Term& term) {
  const Term& first = term.operands.front();
  const bool equal = term.kind == Term::Kind::kEqual;
  if ((equal || term.kind == Term::Kind::kNotEqual) && IsConditionCall(first) &&
      IsBool(term.operands[1])) {
    if (term.operands[1].literal.boolean == equal) return WriteCondition(first);
    ASSIGN_OR_RETURN(const Text text, WriteCondition(first));
    return Text{absl::StrCat("NOT ", text.text), Binding::kNot};
  }
  ASSIGN_OR_RETURN(std::string text, Operand(first));
  if (term.kind == Term::Kind::kIn) return WriteIn(term, text);
  ASSIGN_OR_RETURN(const std::string second, Operand(term.operands[1]));
  if (term.kind == Term::Kind::kBetween) {
    ASSIGN_OR_RETURN(const std::string third, Operand(term.operands[2]));
    return Text{absl::StrCat(text, " BETWEEN ", second, " AND ", third)};
  }
  return Text{absl::StrCat(text, OperatorOf(term.kind), second)};
}

// An expression's IN takes one candidate less than a statement's.
absl::StatusOr<ExpressionWriter::Text> ExpressionWriter::WriteIn(
    const Term& term, absl::string_view operand) {
  const size_t end = term.operands.size();
  if (end - 1 > kMaxCandidates) {
    return model::ValidationError(
        absl::StrCat("The IN operator is provided with too many operands; "
                     "number of operands: ",
                     end - 1));
  }
  const size_t first = std::min(end, model::expression::kMaxInOperands);
  ASSIGN_OR_RETURN(const std::string candidates, Operands(term, 1, first));
  std::string text = absl::StrCat(operand, " IN (", candidates, ")");
  if (first == end) return Text{std::move(text)};
  ASSIGN_OR_RETURN(const std::string rest, Operands(term, first, end));
  return Text{absl::StrCat(text, " OR ", operand, " IN (", rest, ")"),
              Binding::kOr};
}

absl::StatusOr<ExpressionWriter::Text> ExpressionWriter::WriteIs(
    const Term& term) {
  ASSIGN_OR_RETURN(const std::string operand, Operand(term.operands.front()));
  if (term.name == "MISSING") {
    return Text{absl::StrCat("attribute_not_exists(", operand, ")")};
  }
  std::vector<std::string> texts;
  for (const std::string& type : TypesOf(term.name)) {
    texts.push_back(absl::StrCat(
        "attribute_type(", operand, ", ",
        Value(model::expression::EncodeScalar(model::ValueKind::kString, type)),
        ")"));
  }
  return Text{absl::StrJoin(texts, " OR "),
              texts.size() > 1 ? Binding::kOr : Binding::kComparison};
}

absl::StatusOr<ExpressionWriter::Text> ExpressionWriter::WriteCondition(
    const Term& call) {
  if (!IsConditionCall(call)) return Unrecognized(call);
  if (call.operands.empty()) return OperandCount(call);
  ASSIGN_OR_RETURN(const std::string operands,
                   Operands(call, 0, call.operands.size()));
  return Text{absl::StrCat(call.name, "(", operands, ")")};
}

absl::StatusOr<std::string> ExpressionWriter::Operand(const Term& term) {
  switch (term.kind) {
    case Term::Kind::kPath:
      return PathText(term.path);
    case Term::Kind::kLiteral: {
      ASSIGN_OR_RETURN(std::string value,
                       CanonicalValueOf(term.literal, parameters_));
      return Value(std::move(value));
    }
    case Term::Kind::kCall: {
      if (term.name != "size") return Unrecognized(term);
      if (term.operands.empty()) return OperandCount(term);
      ASSIGN_OR_RETURN(const std::string operands,
                       Operands(term, 0, term.operands.size()));
      return absl::StrCat("size(", operands, ")");
    }
    default:
      return model::ValidationError(
          "Unsupported operation: a condition is no operand");
  }
}

absl::StatusOr<std::string> ExpressionWriter::Operands(const Term& term,
                                                       size_t begin,
                                                       size_t end) {
  std::vector<std::string> texts;
  for (size_t i = begin; i < end; ++i) {
    ASSIGN_OR_RETURN(std::string text, Operand(term.operands[i]));
    texts.push_back(std::move(text));
  }
  return absl::StrJoin(texts, ", ");
}

absl::StatusOr<std::string> ExpressionWriter::Update(
    const std::vector<Assignment>& assignments) {
  // SET, REMOVE, ADD and DELETE.
  std::array<std::vector<std::string>, 4> sections;
  for (const Assignment& each : assignments) {
    if (!each.value.has_value()) {
      sections[1].push_back(PathText(each.target));
      continue;
    }
    const Term& value = *each.value;
    const bool adds =
        value.kind == Term::Kind::kCall && value.name == "set_add";
    if (adds ||
        (value.kind == Term::Kind::kCall && value.name == "set_delete")) {
      ASSIGN_OR_RETURN(const std::string members,
                       SetMembers(each.target, value));
      sections[adds ? 2 : 3].push_back(
          absl::StrCat(PathText(each.target), " ", members));
      continue;
    }
    const std::string target = PathText(each.target);
    ASSIGN_OR_RETURN(const std::string assigned, Assigned(value));
    sections[0].push_back(absl::StrCat(target, " = ", assigned));
  }
  std::vector<std::string> texts;
  constexpr absl::string_view kNames[] = {"SET ", "REMOVE ", "ADD ", "DELETE "};
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].empty()) continue;
    texts.push_back(absl::StrCat(kNames[i], absl::StrJoin(sections[i], ", ")));
  }
  return absl::StrJoin(texts, " ");
}

absl::StatusOr<std::string> ExpressionWriter::Assigned(const Term& term) {
  if (term.kind == Term::Kind::kPlus || term.kind == Term::Kind::kMinus) {
    ASSIGN_OR_RETURN(const std::string first, Assigned(term.operands[0]));
    ASSIGN_OR_RETURN(const std::string second, Assigned(term.operands[1]));
    return absl::StrCat(first, OperatorOf(term.kind), second);
  }
  if (term.kind != Term::Kind::kCall) return Operand(term);
  if (term.name != "list_append") return Unrecognized(term);
  if (term.operands.empty()) return OperandCount(term);
  std::vector<std::string> operands;
  for (const Term& operand : term.operands) {
    ASSIGN_OR_RETURN(std::string text, Assigned(operand));
    operands.push_back(std::move(text));
  }
  return absl::StrCat("list_append(", absl::StrJoin(operands, ", "), ")");
}

// What set_add or set_delete adds to the target or takes from it.
absl::StatusOr<std::string> ExpressionWriter::SetMembers(const Path& target,
                                                         const Term& call) {
  const std::string name = absl::AsciiStrToUpper(call.name);
  if (call.operands.size() != 2) {
    return model::ValidationError(absl::StrCat(
        name, " must have exactly two arguments at ", ToString(call.at)));
  }
  const Term& first = call.operands[0];
  if (first.kind != Term::Kind::kPath || first.path != target) {
    return model::ValidationError(absl::StrCat(
        "The first argument to ", name, " must equal the assignment value at ",
        ToString(call.at)));
  }
  const Term& second = call.operands[1];
  const absl::Status no_set = model::ValidationError(
      absl::StrCat("The second argument to ", name,
                   " must be a value with type SET at ", ToString(first.at)));
  if (second.kind != Term::Kind::kLiteral) return no_set;
  ASSIGN_OR_RETURN(std::string value,
                   CanonicalValueOf(second.literal, parameters_));
  if (!model::expression::IsSet(model::ValueView(value).kind())) return no_set;
  return Value(std::move(value));
}

std::string ExpressionWriter::Projection(
    absl::Span<const std::string> attributes) {
  std::vector<std::string> texts;
  for (const std::string& attribute : attributes) {
    texts.push_back(Name(attribute));
  }
  return absl::StrJoin(texts, ", ");
}

std::string ExpressionWriter::PathText(const Path& path) {
  std::string text;
  for (const auto& element : path.elements) {
    if (const auto* index = std::get_if<uint32_t>(&element)) {
      absl::StrAppend(&text, "[", *index, "]");
    } else {
      absl::StrAppend(&text, text.empty() ? "" : ".",
                      Name(std::get<model::expression::Name>(element).text()));
    }
  }
  return text;
}

std::string ExpressionWriter::Name(absl::string_view name) {
  return names_.try_emplace(std::string(name), absl::StrCat("#", names_.size()))
      .first->second;
}

std::string ExpressionWriter::Value(std::string canonical) {
  std::string placeholder = absl::StrCat(":", values_.size());
  values_.emplace(placeholder, std::move(canonical));
  return placeholder;
}

absl::Status AsOfStatement(const absl::Status& status) {
  if (status.ok() || model::ReasonOf(status) != model::Reason::kValidation) {
    return status;
  }
  absl::string_view message = status.message();
  absl::ConsumePrefix(&message, "1 validation error detected: ");
  // A constraint of the request, which a client did write.
  if (absl::StartsWith(message, "Value ")) return status;
  if (absl::ConsumePrefix(&message, "Invalid ")) {
    const size_t end = message.find("Expression: ");
    if (end == absl::string_view::npos || message.find(' ') < end) {
      return status;
    }
    message.remove_prefix(end + absl::string_view("Expression: ").size());
  }
  return model::ValidationError(message);
}

}  // namespace pallet::service::partiql
