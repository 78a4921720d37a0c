// SPDX-License-Identifier: Apache-2.0
#include "tests/property/expression_oracle.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "base/check.h"
#include "model/number.h"

namespace pallet::testing {
namespace {

using model::Number;
using model::ValueKind;
using model::expression::Action;
using model::expression::Expression;
using model::expression::Function;
using model::expression::Node;
using model::expression::NodeKind;
using model::expression::Path;
using model::expression::Section;
using Maybe = std::optional<TreeValue>;

// An item as the map it is.
TreeValue AsMap(const TreeItem& item) {
  return {.kind = ValueKind::kMap, .map = item};
}

// The place a path leads to, or null. `make` adds a missing last step.
TreeValue* Place(TreeValue* at, const Path& path, bool make) {
  for (size_t i = 0; i < path.elements.size(); ++i) {
    const bool last = i + 1 == path.elements.size();
    if (const auto* index = std::get_if<uint32_t>(&path.elements[i])) {
      if (at->kind != ValueKind::kList) return nullptr;
      if (*index >= at->list.size()) {
        if (!last || !make) return nullptr;
        at = &at->list.emplace_back();
      } else {
        at = &at->list[*index];
      }
      continue;
    }
    const std::string& name =
        std::get<model::expression::Name>(path.elements[i]).text();
    if (at->kind != ValueKind::kMap) return nullptr;
    if (at->map.count(name) == 0 && !(last && make)) return nullptr;
    at = &at->map[name];
  }
  return at;
}

Maybe Look(const TreeItem& item, const Path& path) {
  TreeValue root = AsMap(item);
  const TreeValue* found = Place(&root, path, false);
  return found == nullptr ? Maybe() : Maybe(*found);
}

TreeValue NumberValue(const Number& number) {
  return {.kind = ValueKind::kNumber, .scalar = number.ToString()};
}

Number NumberOf(const TreeValue& value) { return *Number::Parse(value.scalar); }

class Condition {
 public:
  Condition(const Expression& expression, const TreeItem& item)
      : expression_(expression), item_(item) {}

  bool IsTrue(const Node& node) const {
    std::vector<Maybe> v;
    const bool joins = node.kind == NodeKind::kAnd ||
                       node.kind == NodeKind::kOr ||
                       node.kind == NodeKind::kNot;
    for (const auto id : node.operands) {
      v.push_back(joins ? Maybe() : Get(expression_.node(id)));
    }
    const auto both = [&](size_t i, size_t j) { return v[i] && v[j]; };
    switch (node.kind) {
      case NodeKind::kAnd:
        return std::all_of(
            node.operands.begin(), node.operands.end(),
            [&](auto id) { return IsTrue(expression_.node(id)); });
      case NodeKind::kOr:
        return std::any_of(
            node.operands.begin(), node.operands.end(),
            [&](auto id) { return IsTrue(expression_.node(id)); });
      case NodeKind::kNot:
        return !IsTrue(expression_.operand(node, 0));
      case NodeKind::kEqual:
        return both(0, 1) && *v[0] == *v[1];
      case NodeKind::kNotEqual:
        return !(both(0, 1) && *v[0] == *v[1]);
      case NodeKind::kLess:
        return both(0, 1) && Less(*v[0], *v[1]);
      case NodeKind::kGreater:
        return both(0, 1) && Less(*v[1], *v[0]);
      case NodeKind::kLessOrEqual:
        return both(0, 1) && Comparable(*v[0], *v[1]) && !Less(*v[1], *v[0]);
      case NodeKind::kGreaterOrEqual:
        return both(0, 1) && Comparable(*v[0], *v[1]) && !Less(*v[0], *v[1]);
      case NodeKind::kBetween:
        return both(0, 1) && v[2] && Comparable(*v[0], *v[1]) &&
               Comparable(*v[0], *v[2]) && !Less(*v[0], *v[1]) &&
               !Less(*v[2], *v[0]);
      case NodeKind::kIn:
        return v[0] && std::count(v.begin() + 1, v.end(), v[0]) > 0;
      default:
        return Call(node.function, v);
    }
  }

 private:
  Maybe Get(const Node& node) const {
    if (node.kind == NodeKind::kPath) return Look(item_, node.path);
    if (node.kind == NodeKind::kValue) return TreeOf(expression_.view(node));
    CHECK(node.function == Function::kSize);
    const Maybe of = Get(expression_.operand(node, 0));
    if (!of) return {};
    switch (of->kind) {
      case ValueKind::kNumber:
      case ValueKind::kNull:
      case ValueKind::kBool:
        return {};
      default:
        return NumberValue(
            Number::FromInteger(of->scalar.size() + of->members.size() +
                                of->map.size() + of->list.size()));
    }
  }

  static bool Comparable(const TreeValue& a, const TreeValue& b) {
    return a.kind == b.kind && a.kind <= ValueKind::kBinary;
  }
  static bool Less(const TreeValue& a, const TreeValue& b) {
    if (!Comparable(a, b)) return false;
    return a.kind == ValueKind::kNumber
               ? Number::Compare(NumberOf(a), NumberOf(b)) < 0
               : a.scalar < b.scalar;
  }

  static bool Call(Function function, const std::vector<Maybe>& v) {
    if (function == Function::kAttributeExists) return v[0].has_value();
    if (function == Function::kAttributeNotExists) return !v[0].has_value();
    if (!v[0] || !v[1]) return false;
    const TreeValue &a = *v[0], &b = *v[1];
    const bool text = a.kind == b.kind && (a.kind == ValueKind::kString ||
                                           a.kind == ValueKind::kBinary);
    switch (function) {
      case Function::kAttributeType:
        return b.scalar == model::NameOf(a.kind);
      case Function::kBeginsWith:
        return text && absl::StartsWith(a.scalar, b.scalar);
      case Function::kContains:
        if (text) return absl::StrContains(a.scalar, b.scalar);
        if (a.kind == ValueKind::kList) {
          return std::count(a.list.begin(), a.list.end(), b) > 0;
        }
        return static_cast<int>(a.kind) == static_cast<int>(b.kind) + 3 &&
               std::count(a.members.begin(), a.members.end(), b.scalar) > 0;
      default:
        CHECK(false);
        return false;
    }
  }

  const Expression& expression_;
  const TreeItem& item_;
};

Maybe ProjectValue(const TreeValue& from, std::vector<Path> paths) {
  for (const Path& path : paths) {
    if (path.elements.empty()) return from;
  }
  TreeValue result{.kind = from.kind};
  const auto behind = [&](const model::expression::PathElement& first) {
    std::vector<Path> rest;
    for (const Path& path : paths) {
      if (path.elements.front() != first) continue;
      rest.push_back({{path.elements.begin() + 1, path.elements.end()}});
    }
    return rest;
  };
  if (from.kind == ValueKind::kMap) {
    for (const auto& [name, value] : from.map) {
      const auto rest = behind(model::expression::Name(name));
      if (rest.empty()) continue;
      if (const Maybe part = ProjectValue(value, rest))
        result.map[name] = *part;
    }
  } else if (from.kind == ValueKind::kList) {
    for (uint32_t i = 0; i < from.list.size(); ++i) {
      const auto rest = behind(i);
      if (rest.empty()) continue;
      const Maybe part = ProjectValue(from.list[i], rest);
      if (part) result.list.push_back(*part);
    }
  }
  if (result.map.empty() && result.list.empty()) return {};
  return result;
}

Maybe RightSide(const Expression& update, const Node& node,
                const TreeItem& item) {
  if (node.kind == NodeKind::kValue) return TreeOf(update.view(node));
  if (node.kind == NodeKind::kPath) return Look(item, node.path);
  if (node.kind == NodeKind::kFunction &&
      node.function == Function::kIfNotExists) {
    const Maybe there = Look(item, update.operand(node, 0).path);
    return there ? there : RightSide(update, update.operand(node, 1), item);
  }
  const Maybe a = RightSide(update, update.operand(node, 0), item);
  const Maybe b = RightSide(update, update.operand(node, 1), item);
  if (!a || !b || a->kind != b->kind) return {};
  if (node.kind == NodeKind::kFunction) {
    if (a->kind != ValueKind::kList) return {};
    TreeValue joined = *a;
    joined.list.insert(joined.list.end(), b->list.begin(), b->list.end());
    return joined;
  }
  if (a->kind != ValueKind::kNumber) return {};
  const auto sum = node.kind == NodeKind::kPlus
                       ? Number::Add(NumberOf(*a), NumberOf(*b))
                       : Number::Subtract(NumberOf(*a), NumberOf(*b));
  return sum.ok() ? Maybe(NumberValue(*sum)) : Maybe();
}

void SortMembers(TreeValue* set) {
  std::sort(set->members.begin(), set->members.end(),
            [&](const std::string& a, const std::string& b) {
              return set->kind == ValueKind::kNumberSet
                         ? Number::Compare(*Number::Parse(a),
                                           *Number::Parse(b)) < 0
                         : a < b;
            });
}

// What ADD and DELETE leave; an empty set is nothing.
Maybe Combined(Section section, const Maybe& old, const TreeValue& operand) {
  if (section == Section::kAdd) {
    if (!old) return operand;
    if (old->kind == ValueKind::kNumber) {
      const auto sum = Number::Add(NumberOf(*old), NumberOf(operand));
      return sum.ok() ? Maybe(NumberValue(*sum)) : Maybe();
    }
  }
  TreeValue result = *old;
  for (const std::string& member : operand.members) {
    const auto at =
        std::find(result.members.begin(), result.members.end(), member);
    if (section == Section::kAdd && at == result.members.end()) {
      result.members.push_back(member);
    }
    if (section == Section::kDelete && at != result.members.end()) {
      result.members.erase(at);
    }
  }
  SortMembers(&result);
  return result;
}

// A value that no item has, in the place of one that is to go.
const TreeValue kGone = {.kind = static_cast<ValueKind>(99)};

void DropGone(TreeValue* value) {
  for (auto at = value->map.begin(); at != value->map.end();) {
    DropGone(&at->second);
    at = at->second == kGone ? value->map.erase(at) : std::next(at);
  }
  for (TreeValue& element : value->list) DropGone(&element);
  value->list.erase(std::remove(value->list.begin(), value->list.end(), kGone),
                    value->list.end());
}

Path ParentOf(Path path) {
  path.elements.pop_back();
  return path;
}

// REQUIRES: `item` is there.
bool HasParent(const TreeItem& item, const Path& path) {
  if (!path.nested()) return true;
  const Maybe parent = Look(item, ParentOf(path));
  return parent &&
         parent->kind == (path.elements.back().index() == 0 ? ValueKind::kMap
                                                            : ValueKind::kList);
}

}  // namespace

bool OracleMatches(const Expression& condition, const TreeItem& item) {
  return Condition(condition, item).IsTrue(condition.root());
}

TreeItem OracleProject(const std::vector<Path>& paths, const TreeItem& item) {
  return ProjectValue(AsMap(item), paths).value_or(AsMap({})).map;
}

std::optional<TreeItem> OracleUpdate(const Expression& update,
                                     const TreeItem& item) {
  TreeValue result = AsMap(item);
  // Elements beyond the end are appended in the order of their indexes.
  std::vector<const Action*> actions;
  for (const Action& action : update.tree->actions) actions.push_back(&action);
  const auto index = [](const Action* action) {
    const auto* last = std::get_if<uint32_t>(&action->path.elements.back());
    return last == nullptr ? int64_t{-1} : int64_t{*last};
  };
  std::stable_sort(
      actions.begin(), actions.end(),
      [&](const Action* a, const Action* b) { return index(a) < index(b); });
  for (const Action* action : actions) {
    if (!HasParent(item, action->path)) return std::nullopt;
    const Maybe old = Look(item, action->path);
    Maybe now = kGone;
    if (action->section == Section::kSet) {
      now = RightSide(update, update.node(action->value), item);
    } else if (action->section != Section::kRemove) {
      const TreeValue operand = TreeOf(update.view(update.node(action->value)));
      if (old && old->kind != operand.kind) return std::nullopt;
      if (old || action->section == Section::kAdd) {
        now = Combined(action->section, old, operand);
        if (now && now->kind >= ValueKind::kStringSet &&
            now->kind <= ValueKind::kBinarySet && now->members.empty()) {
          now = kGone;
        }
      }
    }
    if (!now) return std::nullopt;
    if (!old && *now == kGone) continue;
    TreeValue* place = Place(&result, action->path, true);
    CHECK(place != nullptr);
    *place = *now;
  }
  DropGone(&result);
  return result.map;
}

}  // namespace pallet::testing
