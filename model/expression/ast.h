// SPDX-License-Identifier: Apache-2.0
//
// The parsed form of conditions and operands: a tree whose nodes lie in one
// vector, so that building, copying and dropping it need no stack. Names are
// resolved (no placeholders are left), values are canonical. Values; equal
// trees mean the same.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/item_view.h"

namespace pallet::model::expression {

// A step of a document path: a map key or a list index.
using PathElement = std::variant<std::string, uint32_t>;

// a.b[3]: one name, then names and indexes.
struct Path {
  std::vector<PathElement> elements;  // not empty; the first one is a name

  const std::string& attribute() const {
    return std::get<std::string>(elements.front());
  }
  bool nested() const { return elements.size() > 1; }
  friend bool operator==(const Path&, const Path&) = default;
};

// As messages show it: "[a, b, [3]]".
std::string ToString(const Path& path);

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
  // kValue: a canonical AttributeValue. Shared because several nodes, of
  // several expressions of a request, may name one value of up to 400 KB.
  std::shared_ptr<const std::string> value = nullptr;
  std::vector<NodeId> operands = {};  // as written, left to right

  ValueView view() const { return ValueView(*value); }
};

struct Expression {
  std::vector<Node> nodes;
  NodeId root = 0;

  const Node& node(NodeId id) const { return nodes[id]; }
  const Node& operand(const Node& parent, size_t index) const {
    return nodes[parent.operands[index]];
  }
};

// Is true or false rather than a value of an item.
bool IsCondition(const Node& node);

}  // namespace pallet::model::expression
