// SPDX-License-Identifier: Apache-2.0
#include "model/expression/ast.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"

namespace pallet::model::expression {

std::string ToString(const Path& path) {
  const auto append = [](std::string* out, const PathElement& element) {
    if (const auto* index = std::get_if<uint32_t>(&element)) {
      absl::StrAppend(out, "[", *index, "]");
    } else {
      absl::StrAppend(out, std::get<std::string>(element));
    }
  };
  return absl::StrCat("[", absl::StrJoin(path.elements, ", ", append), "]");
}

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
    case NodeKind::kPath:
    case NodeKind::kValue:
    case NodeKind::kFunction:
      break;
  }
  CHECK(false) << "an operand has no operator";
  return "";
}

bool IsCondition(const Node& node) {
  switch (node.kind) {
    case NodeKind::kPath:
    case NodeKind::kValue:
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
