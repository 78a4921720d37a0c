// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/print_expression.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pallet::testing {
namespace {

using model::expression::Expression;
using model::expression::Node;
using model::expression::NodeId;
using model::expression::NodeKind;
using model::expression::Path;

// How tightly a condition holds its operands.
int Binding(const Node& node) {
  switch (node.kind) {
    case NodeKind::kOr:
      return 0;
    case NodeKind::kAnd:
      return 1;
    case NodeKind::kNot:
      return 2;
    default:
      return 3;
  }
}

class Printer {
 public:
  explicit Printer(const Expression& expression) : expression_(expression) {}

  PrintedExpression Print() {
    out_.text = Text(expression_.tree->root);
    return std::move(out_);
  }

 private:
  std::string Text(NodeId id) {
    const Node& node = expression_.node(id);
    switch (node.kind) {
      case NodeKind::kPath:
        return PathText(node.path);
      case NodeKind::kValue:
        return Value(*expression_.value(node));
      case NodeKind::kFunction:
        return absl::StrCat(NameOf(node.function), "(", List(node, 0), ")");
      case NodeKind::kBetween:
        return Joined({Text(node.operands[0]), " BETWEEN ",
                       Text(node.operands[1]), " AND ",
                       Text(node.operands[2])});
      case NodeKind::kIn:
        return Joined({Text(node.operands[0]), " IN (", List(node, 1), ")"});
      case NodeKind::kNot:
        return absl::StrCat("NOT ", Inner(node, node.operands[0]));
      case NodeKind::kAnd:
      case NodeKind::kOr: {
        std::vector<std::string> parts;
        for (NodeId part : node.operands) parts.push_back(Inner(node, part));
        return absl::StrJoin(parts, absl::StrCat(" ", NameOf(node.kind), " "));
      }
      default:
        return Joined({Text(node.operands[0]), " ",
                       std::string(NameOf(node.kind)), " ",
                       Text(node.operands[1])});
    }
  }

  // A braced list is evaluated left to right, so placeholders count up that
  // way.
  static std::string Joined(std::initializer_list<std::string> parts) {
    return absl::StrJoin(parts, "");
  }

  // AND and OR hold only what binds tighter, or its flat chain would change;
  // NOT may hold another NOT.
  std::string Inner(const Node& outer, NodeId id) {
    const Node& inner = expression_.node(id);
    const bool open = outer.kind == NodeKind::kNot
                          ? Binding(inner) >= Binding(outer)
                          : Binding(inner) > Binding(outer);
    return open ? Text(id) : absl::StrCat("(", Text(id), ")");
  }

  std::string List(const Node& node, size_t first) {
    std::vector<std::string> parts;
    for (size_t i = first; i < node.operands.size(); ++i) {
      parts.push_back(Text(node.operands[i]));
    }
    return absl::StrJoin(parts, ", ");
  }

  std::string PathText(const Path& path) {
    std::string text;
    for (const auto& element : path.elements) {
      if (const auto* index = std::get_if<uint32_t>(&element)) {
        absl::StrAppend(&text, "[", *index, "]");
      } else {
        absl::StrAppend(
            &text, text.empty() ? "" : ".",
            Placeholder(std::get<model::expression::Name>(element).text()));
      }
    }
    return text;
  }

  std::string Placeholder(const std::string& name) {
    for (const auto& [placeholder, known] : out_.names) {
      if (known == name) return placeholder;
    }
    const std::string placeholder = absl::StrCat("#n", out_.names.size());
    out_.names[placeholder] = name;
    return placeholder;
  }

  std::string Value(const std::string& value) {
    const std::string placeholder = absl::StrCat(":v", out_.values.size());
    out_.values[placeholder] = value;
    return placeholder;
  }

  const Expression& expression_;
  PrintedExpression out_;
};

bool SameNode(const Expression& a, NodeId a_id, const Expression& b,
              NodeId b_id) {
  const Node& x = a.node(a_id);
  const Node& y = b.node(b_id);
  if (x.kind != y.kind || x.function != y.function || x.path != y.path ||
      x.operands.size() != y.operands.size() ||
      (x.kind == NodeKind::kValue && *a.value(x) != *b.value(y))) {
    return false;
  }
  for (size_t i = 0; i < x.operands.size(); ++i) {
    if (!SameNode(a, x.operands[i], b, y.operands[i])) return false;
  }
  return true;
}

}  // namespace

PrintedExpression Print(const Expression& expression) {
  return Printer(expression).Print();
}

bool SameTree(const Expression& a, const Expression& b) {
  return SameNode(a, a.tree->root, b, b.tree->root);
}

}  // namespace pallet::testing
