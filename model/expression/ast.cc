// SPDX-License-Identifier: Apache-2.0
#include "model/expression/ast.h"

#include "base/check.h"

namespace pallet::model::expression {

absl::string_view NameOf(Function function) {
  switch (function) {
    case Function::kAttributeExists:
      return "attribute_exists";
    case Function::kAttributeNotExists:
      return "attribute_not_exists";
    case Function::kAttributeType:
      return "attribute_type";
    case Function::kBeginsWith:
      return "begins_with";
    case Function::kContains:
      return "contains";
    case Function::kSize:
      return "size";
    case Function::kIfNotExists:
      return "if_not_exists";
    case Function::kListAppend:
      return "list_append";
  }
  return "";
}

absl::string_view NameOf(NodeKind kind) {
  switch (kind) {
    case NodeKind::kEqual:
      return "=";
    case NodeKind::kNotEqual:
      return "<>";
    case NodeKind::kLess:
      return "<";
    case NodeKind::kLessOrEqual:
      return "<=";
    case NodeKind::kGreater:
      return ">";
    case NodeKind::kGreaterOrEqual:
      return ">=";
    case NodeKind::kBetween:
      return "BETWEEN";
    case NodeKind::kIn:
      return "IN";
    case NodeKind::kNot:
      return "NOT";
    case NodeKind::kAnd:
      return "AND";
    case NodeKind::kOr:
      return "OR";
    case NodeKind::kPlus:
      return "+";
    case NodeKind::kMinus:
      return "-";
    case NodeKind::kPath:
    case NodeKind::kValue:
    case NodeKind::kFunction:
      break;
  }
  CHECK(false) << "an operand has no operator";
  return "";
}

absl::string_view NameOf(Section section) {
  switch (section) {
    case Section::kSet:
      return "SET";
    case Section::kRemove:
      return "REMOVE";
    case Section::kAdd:
      return "ADD";
    case Section::kDelete:
      return "DELETE";
  }
  return "";
}

bool IsCondition(const Node& node) {
  switch (node.kind) {
    case NodeKind::kPath:
    case NodeKind::kValue:
    case NodeKind::kPlus:
    case NodeKind::kMinus:
      return false;
    case NodeKind::kFunction:
      return node.function != Function::kSize &&
             node.function != Function::kIfNotExists &&
             node.function != Function::kListAppend;
    default:
      return true;
  }
}

}  // namespace pallet::model::expression
