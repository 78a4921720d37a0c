// SPDX-License-Identifier: Apache-2.0
#include "model/expression/operand_rules.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "model/expression/values.h"
#include "model/key.h"

namespace pallet::model::expression {
namespace {

// A value whose placeholder is defined.
bool IsLiteral(const Expression& expression, const Node& node) {
  return node.kind == NodeKind::kValue && expression.value(node) != nullptr;
}

// Rules of one node, asked in order.
class Rules {
 public:
  Rules(const Expression& expression, const Node& node)
      : expression_(expression), node_(node) {}

  std::optional<Finding> CheckFunction() const;
  std::optional<Finding> CheckComparison() const;
  std::optional<Finding> CheckBetween() const;
  std::optional<Finding> CheckIn() const;
  std::optional<Finding> CheckSum() const {
    return CheckTypes({ValueKind::kNumber});
  }

 private:
  size_t count() const { return node_.operands.size(); }
  const Node& operand(size_t i) const { return expression_.operand(node_, i); }

  absl::string_view name() const {
    return node_.kind == NodeKind::kFunction ? NameOf(node_.function)
                                             : NameOf(node_.kind);
  }

  // Of a literal, or of what a function returns; nullopt for a path.
  std::optional<ValueKind> TypeOf(size_t i) const;
  std::optional<Finding> CheckCount(size_t expected) const;
  std::optional<Finding> CheckDistinct() const;
  std::optional<Finding> CheckPath() const;
  // Every operand whose type is known has one of `allowed`.
  std::optional<Finding> CheckTypes(
      std::initializer_list<ValueKind> allowed) const;
  std::optional<Finding> CheckTypeName() const;
  Finding WrongType(absl::string_view type) const;

  const Expression& expression_;
  const Node& node_;
};

std::optional<ValueKind> Rules::TypeOf(size_t i) const {
  const Node& node = operand(i);
  if (IsLiteral(expression_, node)) return expression_.view(node).kind();
  if (node.kind == NodeKind::kPlus || node.kind == NodeKind::kMinus) {
    return ValueKind::kNumber;
  }
  if (node.kind != NodeKind::kFunction) return std::nullopt;
  if (node.function == Function::kSize) return ValueKind::kNumber;
  if (node.function == Function::kListAppend) return ValueKind::kList;
  return std::nullopt;
}

Finding Rules::WrongType(absl::string_view type) const {
  return {Fault::kOperandType,
          absl::StrCat("Incorrect operand type for operator or function; "
                       "operator or function: ",
                       name(), ", operand type: ", type)};
}

std::optional<Finding> Rules::CheckCount(size_t expected) const {
  if (count() == expected) return std::nullopt;
  return Finding{
      Fault::kOperandCount,
      absl::StrCat("Incorrect number of operands for operator or function; "
                   "operator or function: ",
                   name(), ", number of operands: ", count())};
}

std::optional<Finding> Rules::CheckDistinct() const {
  if (operand(0).kind != NodeKind::kPath ||
      operand(1).kind != NodeKind::kPath ||
      operand(0).path != operand(1).path) {
    return std::nullopt;
  }
  return Finding{
      Fault::kSameOperand,
      absl::StrCat("The first operand must be distinct from the remaining "
                   "operands for this operator or function; operator: ",
                   name(), ", first operand: ", ToString(operand(0).path))};
}

std::optional<Finding> Rules::CheckPath() const {
  if (operand(0).kind == NodeKind::kPath) return std::nullopt;
  return Finding{Fault::kOperandType,
                 absl::StrCat("Operator or function requires a document path; "
                              "operator or function: ",
                              name())};
}

std::optional<Finding> Rules::CheckTypes(
    std::initializer_list<ValueKind> allowed) const {
  for (size_t i = 0; i < count(); ++i) {
    const std::optional<ValueKind> type = TypeOf(i);
    if (type.has_value() &&
        std::find(allowed.begin(), allowed.end(), *type) == allowed.end()) {
      return WrongType(model::NameOf(*type));
    }
  }
  return std::nullopt;
}

// attribute_type's second operand is a placeholder for a type's short name.
std::optional<Finding> Rules::CheckTypeName() const {
  if (operand(1).kind == NodeKind::kValue &&
      !IsLiteral(expression_, operand(1))) {
    return std::nullopt;
  }
  const std::optional<ValueKind> type = TypeOf(1);
  if (!type.has_value()) return WrongType("{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
  if (*type != ValueKind::kString) return WrongType(model::NameOf(*type));
  const absl::string_view wanted = expression_.view(operand(1)).scalar();
  for (int kind = 1; kind <= 10; ++kind) {
    if (model::NameOf(ValueKind{kind}) == wanted) return std::nullopt;
  }
  return Finding{
      Fault::kOperandType,
      absl::StrCat("Invalid attribute type name found; type: ", wanted,
                   ", valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}")};
}

std::optional<Finding> Rules::CheckFunction() const {
  std::optional<Finding> finding;
  switch (node_.function) {
    case Function::kAttributeExists:
    case Function::kAttributeNotExists:
      finding = CheckCount(1);
      return finding ? finding : CheckPath();
    case Function::kAttributeType:
      finding = CheckCount(2);
      return finding ? finding : CheckTypeName();
    case Function::kBeginsWith:
      finding = CheckCount(2);
      if (!finding) finding = CheckDistinct();
      return finding ? finding
                     : CheckTypes({ValueKind::kString, ValueKind::kBinary});
    case Function::kContains:
      finding = CheckCount(2);
      return finding ? finding : CheckDistinct();
    case Function::kSize:
      finding = CheckCount(1);
      return finding ? finding
                     : CheckTypes({ValueKind::kString, ValueKind::kBinary,
                                   ValueKind::kStringSet, ValueKind::kNumberSet,
                                   ValueKind::kBinarySet, ValueKind::kMap,
                                   ValueKind::kList});
    case Function::kIfNotExists:
      finding = CheckCount(2);
      return finding ? finding : CheckPath();
    case Function::kListAppend:
      finding = CheckCount(2);
      return finding ? finding : CheckTypes({ValueKind::kList});
  }
  return std::nullopt;
}

std::optional<Finding> Rules::CheckComparison() const {
  std::optional<Finding> finding = CheckDistinct();
  if (finding || node_.kind == NodeKind::kEqual ||
      node_.kind == NodeKind::kNotEqual) {
    return finding;
  }
  return CheckTypes(
      {ValueKind::kString, ValueKind::kNumber, ValueKind::kBinary});
}

// {S:text}; binary as base64. REQUIRES: a string, number or binary.
std::string Show(ValueView literal) {
  const KeyValue value = *model::ScalarOf(literal);
  return absl::StrCat("AttributeValue: {", model::NameOf(value.type), ":",
                      value.type == ScalarType::kBinary
                          ? absl::Base64Escape(value.bytes)
                          : value.bytes,
                      "}");
}

std::optional<Finding> Rules::CheckBetween() const {
  std::optional<Finding> finding =
      CheckTypes({ValueKind::kString, ValueKind::kNumber, ValueKind::kBinary});
  if (finding || !IsLiteral(expression_, operand(1)) ||
      !IsLiteral(expression_, operand(2))) {
    return finding;
  }
  const ValueView lower = expression_.view(operand(1));
  const ValueView upper = expression_.view(operand(2));
  absl::string_view broken;
  if (lower.kind() != upper.kind()) {
    broken = "same data type for lower and upper bounds";
  } else if (CompareScalars(lower, upper) > 0) {
    broken = "upper bound to be greater than or equal to lower bound";
  } else {
    return std::nullopt;
  }
  return Finding{Fault::kOperandType,
                 absl::StrCat("The BETWEEN operator requires ", broken,
                              "; lower bound operand: ", Show(lower),
                              ", upper bound operand: ", Show(upper))};
}

// As ADD and DELETE call it.
absl::string_view LongName(ValueKind kind) {
  switch (kind) {
    case ValueKind::kString:
      return "STRING";
    case ValueKind::kNumber:
      return "NUMBER";
    case ValueKind::kBinary:
      return "BINARY";
    case ValueKind::kMap:
      return "MAP";
    case ValueKind::kList:
      return "LIST";
    case ValueKind::kBool:
      return "BOOLEAN";
    default:
      return model::NameOf(kind);
  }
}

std::optional<Finding> Rules::CheckIn() const {
  if (count() <= kMaxInOperands) return std::nullopt;
  return Finding{Fault::kOperandCount,
                 absl::StrCat("The IN operator is provided with too many "
                              "operands; number of operands: ",
                              count())};
}

}  // namespace

std::optional<Finding> CheckOperands(const Expression& expression,
                                     const Node& node) {
  const Rules rules(expression, node);
  switch (node.kind) {
    case NodeKind::kFunction:
      return rules.CheckFunction();
    case NodeKind::kEqual:
    case NodeKind::kNotEqual:
    case NodeKind::kLess:
    case NodeKind::kLessOrEqual:
    case NodeKind::kGreater:
    case NodeKind::kGreaterOrEqual:
      return rules.CheckComparison();
    case NodeKind::kBetween:
      return rules.CheckBetween();
    case NodeKind::kIn:
      return rules.CheckIn();
    case NodeKind::kPlus:
    case NodeKind::kMinus:
      return rules.CheckSum();
    default:
      return std::nullopt;
  }
}

std::optional<Finding> CheckAction(const Expression& expression,
                                   const Action& action) {
  if (action.section != Section::kAdd && action.section != Section::kDelete) {
    return std::nullopt;
  }
  const Node& value = expression.node(action.value);
  if (!IsLiteral(expression, value)) return std::nullopt;
  const ValueKind kind = expression.view(value).kind();
  if (IsSet(kind) ||
      (kind == ValueKind::kNumber && action.section == Section::kAdd)) {
    return std::nullopt;
  }
  return Finding{
      Fault::kOperandType,
      absl::StrCat("Incorrect operand type for operator or function; "
                   "operator: ",
                   NameOf(action.section), ", operand type: ", LongName(kind))};
}

}  // namespace pallet::model::expression
