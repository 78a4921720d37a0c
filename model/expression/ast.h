// SPDX-License-Identifier: Apache-2.0
//
// The parsed form of every expression: a condition, the paths of a projection
// or the actions of an update. Its nodes lie in one vector, so that building and
// dropping it need no stack. Names are resolved; values lie beside the tree, so
// that requests which differ in values alone share one.
//
// A tree does not change once it is parsed: thread-safe from then on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "model/expression/path.h"
#include "model/item_view.h"

namespace pallet::model::expression {

enum class Function {
  kAttributeExists,
  kAttributeNotExists,
  kAttributeType,
  kBeginsWith,
  kContains,
  kSize,
  kIfNotExists,
  kListAppend,
};

enum class NodeKind {
  kPath,
  kValue,
  kFunction,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kBetween,  // operand, lower, upper
  kIn,       // operand, candidates...
  kNot,
  kAnd,  // two or more
  kOr,   // two or more
  kPlus,
  kMinus,
};

// As the language spells it: "attribute_exists"; "<=", "BETWEEN", "AND".
absl::string_view NameOf(Function function);
absl::string_view NameOf(NodeKind kind);  // REQUIRES: not an operand

using NodeId = uint32_t;

// Which members mean something follows from the kind.
struct Node {
  NodeKind kind = NodeKind::kPath;
  Function function = Function::kSize;  // kFunction
  Path path = {};                       // kPath
  // kValue: index into Expression::values. kPath: number in Tree::reads.
  uint32_t slot = 0;
  std::vector<NodeId> operands = {};  // as written, left to right
};

// What an update does to one path.
enum class Section { kSet, kRemove, kAdd, kDelete };

// As the language spells it: "SET".
absl::string_view NameOf(Section section);

struct Action {
  Section section = Section::kSet;
  Path path = {};
  NodeId value = 0;  // not for kRemove
};

struct Tree {
  std::vector<Node> nodes;
  NodeId root = 0;              // of a condition
  std::vector<Action> actions;  // of an update
  // The paths that are read for their values, each once.
  PathTree reads;
  // The paths of a projection, or those of the actions with their numbers.
  PathTree targets;
  // The placeholders it was written with: one for each of the values, and all
  // that stand for names.
  std::vector<std::string> value_placeholders;
  std::vector<std::string> name_placeholders;
};

struct Expression {
  // Shared because equal texts may have one tree.
  std::shared_ptr<const Tree> tree;
  // Canonical AttributeValues. Shared because several expressions of a request
  // may name one value of up to 400 KB. Null, while it is parsed, for a
  // placeholder that is not defined.
  std::vector<std::shared_ptr<const std::string>> values;

  const Node& root() const { return tree->nodes[tree->root]; }
  const Node& node(NodeId id) const { return tree->nodes[id]; }
  const Node& operand(const Node& parent, size_t index) const {
    return tree->nodes[parent.operands[index]];
  }
  // REQUIRES: kValue.
  const std::shared_ptr<const std::string>& value(const Node& node) const {
    CHECK(node.kind == NodeKind::kValue);
    return values[node.slot];
  }
  ValueView view(const Node& node) const { return ValueView(*value(node)); }
};

// Is true or false rather than a value of an item.
bool IsCondition(const Node& node);

}  // namespace pallet::model::expression
