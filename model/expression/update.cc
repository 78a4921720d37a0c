// SPDX-License-Identifier: Apache-2.0
#include "model/expression/update.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/values.h"
#include "model/number.h"
#include "model/wire_format.h"

namespace pallet::model::expression {
namespace {

using internal::CompareBytes;
using internal::kNameTag;
using internal::kRepeatedTag;
using internal::kValueTag;

// No item within its limit is encoded in more: a number that counts three bytes
// in a list may take 130.
constexpr size_t kMaxEncodedBytes = 48 * kMaxItemBytes;

// What an update counts beside the attributes that are no key.
constexpr size_t kUpdateBytes = 3;
constexpr size_t kWriteBytes = 19;  // each action that leaves a value
constexpr size_t kClearBytes = 2;   // each that leaves none

absl::Status TooLarge() {
  return ValidationError(
      "Item size to update has exceeded the maximum allowed size");
}

absl::Status TooDeep() {
  return ValidationError(
      "Nesting Levels have exceeded supported limits: Attributes in the item "
      "have nested levels beyond supported limit");
}

absl::Status InvalidPath() {
  return ValidationError(
      "The document path provided in the update expression is invalid for "
      "update");
}

absl::Status MissingAttribute() {
  return ValidationError(
      "The provided expression refers to an attribute that does not exist in "
      "the item");
}

absl::Status WrongOperand() {
  return ValidationError(
      "An operand in the update expression has an incorrect data type");
}

// What an action leaves at its path: an encoded value, or nothing.
using Outcome = std::optional<absl::string_view>;

class Updater {
 public:
  Updater(const Expression& update, UpdateLanguage language,
          std::optional<ItemView> old_item)
      : update_(update),
        tree_(*update.tree),
        language_(language),
        item_exists_(old_item.has_value()),
        found_(tree_.reads.size()),
        set_to_(tree_.actions.size()),
        writer_(64) {
    tree_.reads.Find(old_item.value_or(ItemView("")), absl::MakeSpan(found_));
  }

  absl::StatusOr<std::string> Apply(ItemView base);

  size_t values_written() const { return values_written_; }
  size_t values_cleared() const {
    return tree_.actions.size() - values_written_;
  }

 private:
  // Right sides, over the old item.
  absl::StatusOr<absl::string_view> Evaluate(NodeId id);
  absl::StatusOr<absl::string_view> EvaluateSum(const Node& node);
  absl::StatusOr<absl::string_view> EvaluateAppend(const Node& node);
  absl::Status GatherLists(const Node& node, std::string* elements);
  absl::StatusOr<absl::string_view> Literal(const Node& node) const;

  // What an action makes of what is there.
  absl::StatusOr<Outcome> OutcomeOf(uint32_t action,
                                    std::optional<ValueView> old);
  absl::StatusOr<Outcome> Added(ValueView old, ValueView more);
  absl::StatusOr<Outcome> Removed(ValueView old, ValueView less);
  absl::Status TypeMismatch() const;

  // Write what stands at a node of the targets; values lie at `level`.
  absl::Status Map(const PathTree::Node& node, ItemView old, int level);
  absl::Status List(const PathTree::Node& node, ListView old, int level);
  absl::Status OldEntry(const PathTree::Node& node,
                        const internal::Entry& entry, int level);
  absl::Status NewEntry(const PathTree::Node& node, int level);
  absl::Status Element(const PathTree::Node& node, std::optional<ValueView> old,
                       int level);
  absl::Status Inner(const PathTree::Node& node, ValueView old, int level);
  absl::Status WriteEntry(absl::string_view name, absl::string_view value,
                          int level);
  absl::Status CheckRoom(absl::string_view value, int level) const;
  // Nothing is there for the actions below the node.
  absl::Status CheckMayMiss(const PathTree::Node& node) const;

  absl::string_view Own(std::string value) {
    return owned_.emplace_back(std::move(value));
  }

  const Expression& update_;
  const Tree& tree_;
  const UpdateLanguage language_;
  const bool item_exists_;
  absl::InlinedVector<absl::string_view, 8> found_;
  absl::InlinedVector<absl::string_view, 8> set_to_;  // by action, of SET
  std::deque<std::string> owned_;                     // values of our making
  size_t owned_bytes_ = 0;
  size_t values_written_ = 0;
  WireWriter writer_;
};

absl::StatusOr<std::string> Updater::Apply(ItemView base) {
  for (size_t i = 0; i < tree_.actions.size(); ++i) {
    if (tree_.actions[i].section != Section::kSet) continue;
    ASSIGN_OR_RETURN(set_to_[i], Evaluate(tree_.actions[i].value));
  }
  writer_ = WireWriter(base.encoded().size() + 256);
  RETURN_IF_ERROR(Map(tree_.targets.root(), base, /*level=*/1));
  return std::move(writer_).Finish();
}

absl::StatusOr<absl::string_view> Updater::Literal(const Node& node) const {
  return absl::string_view(*update_.value(node));
}

// The parser bounds the depth.
absl::StatusOr<absl::string_view> Updater::Evaluate(NodeId id) {
  const Node& node = update_.node(id);
  switch (node.kind) {
    case NodeKind::kValue:
      return Literal(node);
    case NodeKind::kPath:
      if (found_[node.slot].empty()) return MissingAttribute();
      return found_[node.slot];
    case NodeKind::kPlus:
    case NodeKind::kMinus:
      return EvaluateSum(node);
    default:
      break;
  }
  CHECK(node.kind == NodeKind::kFunction);
  if (node.function == Function::kListAppend) return EvaluateAppend(node);
  CHECK(node.function == Function::kIfNotExists);
  const absl::string_view there = found_[update_.operand(node, 0).slot];
  if (!there.empty()) return there;
  return Evaluate(node.operands[1]);
}

absl::StatusOr<absl::string_view> Updater::EvaluateSum(const Node& node) {
  ASSIGN_OR_RETURN(const absl::string_view left, Evaluate(node.operands[0]));
  ASSIGN_OR_RETURN(const absl::string_view right, Evaluate(node.operands[1]));
  const ValueView a(left), b(right);
  if (a.kind() != ValueKind::kNumber || b.kind() != ValueKind::kNumber) {
    return WrongOperand();
  }
  const Number x = Number::FromNormal(a.scalar());
  const Number y = Number::FromNormal(b.scalar());
  ASSIGN_OR_RETURN(const Number sum, node.kind == NodeKind::kPlus
                                         ? Number::Add(x, y)
                                         : Number::Subtract(x, y));
  return Own(EncodeScalar(ValueKind::kNumber, sum.ToString()));
}

// A list's payload is that of its parts in a row.
absl::StatusOr<absl::string_view> Updater::EvaluateAppend(const Node& node) {
  std::string elements;
  RETURN_IF_ERROR(GatherLists(node, &elements));
  return Own(EncodeScalar(ValueKind::kList, elements));
}

// The parts of nested list_appends, without a copy of each on the way.
absl::Status Updater::GatherLists(const Node& node, std::string* elements) {
  for (const NodeId id : node.operands) {
    const Node* part = &update_.node(id);
    if (part->kind == NodeKind::kFunction &&
        part->function == Function::kListAppend) {
      RETURN_IF_ERROR(GatherLists(*part, elements));
      continue;
    }
    ASSIGN_OR_RETURN(const absl::string_view value, Evaluate(id));
    const ValueView view(value);
    if (view.kind() != ValueKind::kList) return WrongOperand();
    const absl::string_view payload = view.list().encoded();
    owned_bytes_ += payload.size();
    if (owned_bytes_ > kMaxEncodedBytes) return TooLarge();
    elements->append(payload.data(), payload.size());
  }
  return absl::OkStatus();
}

absl::Status Updater::TypeMismatch() const {
  return language_ == UpdateLanguage::kExpression
             ? WrongOperand()
             : ValidationError("Type mismatch for attribute to update");
}

absl::StatusOr<Outcome> Updater::OutcomeOf(uint32_t number,
                                           std::optional<ValueView> old) {
  const Action& action = tree_.actions[number];
  switch (action.section) {
    case Section::kSet:
      return set_to_[number];
    case Section::kRemove:
      return std::nullopt;
    case Section::kAdd: {
      ASSIGN_OR_RETURN(const absl::string_view more,
                       Literal(update_.node(action.value)));
      if (!old.has_value()) return more;
      return Added(*old, ValueView(more));
    }
    case Section::kDelete: {
      if (!old.has_value()) return std::nullopt;
      ASSIGN_OR_RETURN(const absl::string_view less,
                       Literal(update_.node(action.value)));
      return Removed(*old, ValueView(less));
    }
  }
  return std::nullopt;
}

absl::StatusOr<Outcome> Updater::Added(ValueView old, ValueView more) {
  if (old.kind() != more.kind()) return TypeMismatch();
  if (IsSet(old.kind())) return Own(Union(old, more));
  if (old.kind() == ValueKind::kList) {
    return Own(EncodeScalar(
        ValueKind::kList,
        absl::StrCat(old.list().encoded(), more.list().encoded())));
  }
  CHECK(old.kind() == ValueKind::kNumber);
  ASSIGN_OR_RETURN(const Number sum,
                   Number::Add(Number::FromNormal(old.scalar()),
                               Number::FromNormal(more.scalar())));
  return Own(EncodeScalar(ValueKind::kNumber, sum.ToString()));
}

absl::StatusOr<Outcome> Updater::Removed(ValueView old, ValueView less) {
  if (old.kind() != less.kind()) return TypeMismatch();
  std::optional<std::string> left = Difference(old, less);
  if (!left.has_value()) return std::nullopt;
  return Own(*std::move(left));
}

// Both the entries and the children are sorted; runs of entries that nobody
// names are copied at once.
absl::Status Updater::Map(const PathTree::Node& node, ItemView old, int level) {
  absl::string_view rest = old.encoded();
  absl::string_view untouched = rest.substr(0, 0);
  const auto flush = [&] {
    writer_.Raw(untouched);
    untouched = rest.substr(0, 0);
  };
  for (const uint32_t id : node.children) {
    const PathTree::Node& child = tree_.targets.node(id);
    bool found = false;
    while (!rest.empty()) {
      absl::string_view behind = rest;
      const internal::Entry entry = internal::ReadEntry(&behind);
      const int order = CompareBytes(entry.name, NameOf(child));
      if (order > 0) break;
      if (order == 0) {
        flush();
        rest = behind;
        untouched = rest.substr(0, 0);
        RETURN_IF_ERROR(OldEntry(child, entry, level));
        found = true;
        break;
      }
      untouched =
          absl::string_view(untouched.data(), behind.data() - untouched.data());
      rest = behind;
    }
    if (found) continue;
    flush();
    RETURN_IF_ERROR(NewEntry(child, level));
  }
  flush();
  writer_.Raw(rest);
  return absl::OkStatus();
}

absl::Status Updater::OldEntry(const PathTree::Node& node,
                               const internal::Entry& entry, int level) {
  const ValueView value(entry.value);
  if (node.end.has_value()) {
    ASSIGN_OR_RETURN(const Outcome outcome, OutcomeOf(*node.end, value));
    if (!outcome.has_value()) return absl::OkStatus();
    return WriteEntry(entry.name, *outcome, level);
  }
  const WireWriter::Open open =
      writer_.Begin(kRepeatedTag, entry.name.size() + entry.value.size() + 4);
  writer_.Field(kNameTag, entry.name);
  const WireWriter::Open inner = writer_.Begin(kValueTag, entry.value.size());
  RETURN_IF_ERROR(Inner(node, value, level));
  writer_.End(inner);
  writer_.End(open);
  return absl::OkStatus();
}

absl::Status Updater::NewEntry(const PathTree::Node& node, int level) {
  if (!node.end.has_value()) return CheckMayMiss(node);
  ASSIGN_OR_RETURN(const Outcome outcome, OutcomeOf(*node.end, std::nullopt));
  if (!outcome.has_value()) return absl::OkStatus();
  return WriteEntry(NameOf(node), *outcome, level);
}

absl::Status Updater::Inner(const PathTree::Node& node, ValueView old,
                            int level) {
  const bool by_name = IsName(tree_.targets.node(node.children.front()));
  if (old.kind() != (by_name ? ValueKind::kMap : ValueKind::kList)) {
    return InvalidPath();
  }
  const WireWriter::Open open = writer_.Begin(
      BytesTag(static_cast<int>(old.kind())), old.encoded().size());
  if (by_name) {
    RETURN_IF_ERROR(Map(node, old.map(), level + 1));
  } else {
    RETURN_IF_ERROR(List(node, old.list(), level + 1));
  }
  writer_.End(open);
  return absl::OkStatus();
}

absl::Status Updater::List(const PathTree::Node& node, ListView old,
                           int level) {
  auto child = node.children.begin();
  uint32_t index = 0;
  for (auto at = old.begin(); at != old.end(); ++at, ++index) {
    const ValueView element = *at;
    if (child == node.children.end() ||
        IndexOf(tree_.targets.node(*child)) != index) {
      writer_.Field(kRepeatedTag, element.encoded());
      continue;
    }
    RETURN_IF_ERROR(Element(tree_.targets.node(*child++), element, level));
  }
  for (; child != node.children.end(); ++child) {
    RETURN_IF_ERROR(Element(tree_.targets.node(*child), std::nullopt, level));
  }
  return absl::OkStatus();
}

absl::Status Updater::Element(const PathTree::Node& node,
                              std::optional<ValueView> old, int level) {
  if (node.end.has_value()) {
    ASSIGN_OR_RETURN(const Outcome outcome, OutcomeOf(*node.end, old));
    if (!outcome.has_value()) return absl::OkStatus();
    RETURN_IF_ERROR(CheckRoom(*outcome, level));
    ++values_written_;
    writer_.Field(kRepeatedTag, *outcome);
    return absl::OkStatus();
  }
  if (!old.has_value()) return CheckMayMiss(node);
  const WireWriter::Open open =
      writer_.Begin(kRepeatedTag, old->encoded().size());
  RETURN_IF_ERROR(Inner(node, *old, level));
  writer_.End(open);
  return absl::OkStatus();
}

absl::Status Updater::WriteEntry(absl::string_view name,
                                 absl::string_view value, int level) {
  RETURN_IF_ERROR(CheckRoom(value, level));
  ++values_written_;
  const WireWriter::Open open =
      writer_.Begin(kRepeatedTag, name.size() + value.size() + 4);
  writer_.Field(kNameTag, name);
  writer_.Field(kValueTag, value);
  writer_.End(open);
  return absl::OkStatus();
}

absl::Status Updater::CheckRoom(absl::string_view value, int level) const {
  if (writer_.size() + value.size() > kMaxEncodedBytes) return TooLarge();
  if (level + NestingOf(ValueView(value)) > kMaxNesting) return TooDeep();
  return absl::OkStatus();
}

// Where there is no item at all, there is nothing to remove, at any depth.
absl::Status Updater::CheckMayMiss(const PathTree::Node& node) const {
  if (item_exists_) return InvalidPath();
  if (node.end.has_value()) {
    const Section section = tree_.actions[*node.end].section;
    return section == Section::kRemove || section == Section::kDelete
               ? absl::OkStatus()
               : InvalidPath();
  }
  for (const uint32_t id : node.children) {
    RETURN_IF_ERROR(CheckMayMiss(tree_.targets.node(id)));
  }
  return absl::OkStatus();
}

bool OnlyRemoves(const Tree& tree) {
  return std::all_of(tree.actions.begin(), tree.actions.end(),
                     [](const Action& action) {
                       return action.section == Section::kRemove ||
                              action.section == Section::kDelete;
                     });
}

absl::StatusOr<CanonicalItem> Sized(std::string bytes, ItemView key_item,
                                    size_t action_bytes) {
  CanonicalItem item{std::move(bytes)};
  item.size = SizeOf(ItemView(item.bytes));
  const size_t counted =
      item.size - SizeOf(key_item) + kUpdateBytes + action_bytes;
  if (std::max(item.size, counted) > kMaxItemBytes) return TooLarge();
  return item;
}

}  // namespace

absl::StatusOr<std::optional<CanonicalItem>> ApplyUpdate(
    const Expression& update, UpdateLanguage language,
    std::optional<ItemView> old_item, ItemView key_item) {
  Updater updater(update, language, old_item);
  ASSIGN_OR_RETURN(std::string bytes,
                   updater.Apply(old_item.value_or(key_item)));
  if (!old_item.has_value() && OnlyRemoves(*update.tree)) return std::nullopt;
  return Sized(std::move(bytes), key_item,
               kWriteBytes * updater.values_written() +
                   kClearBytes * updater.values_cleared());
}

absl::StatusOr<CanonicalItem> ApplyNothing(std::optional<ItemView> old_item,
                                           ItemView key_item) {
  return Sized(std::string(old_item.value_or(key_item).encoded()), key_item, 0);
}

absl::Status CheckTargets(const Expression& update, const KeySchema& schema) {
  for (const Action& action : update.tree->actions) {
    const std::string& name = action.path.attribute();
    if (action.path.nested()) continue;  // CheckPathsAround
    if (name != schema.partition.name &&
        (!schema.sort.has_value() || name != schema.sort->name)) {
      continue;
    }
    return ValidationError(absl::StrCat(
        "One or more parameter values were invalid: Cannot update attribute ",
        name, ". This attribute is part of the key"));
  }
  return absl::OkStatus();
}

absl::Status CheckPathsAround(const Expression& expression,
                              absl::string_view role,
                              absl::string_view attribute) {
  for (const PathTree* paths :
       {&expression.tree->targets, &expression.tree->reads}) {
    for (const uint32_t id : paths->root().children) {
      const PathTree::Node& node = paths->node(id);
      if (node.children.empty() || NameOf(node) != attribute) continue;
      return ValidationError(absl::StrCat(
          "Key attributes must be scalars; list random access '[]' and map "
          "lookup '.' are not allowed: ",
          role, ": ", attribute));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPathsAround(const Expression& expression,
                              const KeySchema& schema) {
  RETURN_IF_ERROR(CheckPathsAround(expression, "Key", schema.partition.name));
  if (!schema.sort.has_value()) return absl::OkStatus();
  return CheckPathsAround(expression, "Key", schema.sort->name);
}

}  // namespace pallet::model::expression
