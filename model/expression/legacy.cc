// SPDX-License-Identifier: Apache-2.0
#include "model/expression/legacy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "model/errors.h"
#include "model/expression/values.h"

namespace pallet::model::expression {
namespace {

// Which values an operator takes.
enum class Takes { kAnything, kScalars, kOrdered, kTexts };

constexpr size_t kAnyNumber = ~size_t{0};

struct OperatorRow {
  LegacyOperator op;
  absl::string_view name;
  size_t values;
  Takes takes;
};

constexpr OperatorRow kOperators[] = {
    {LegacyOperator::kEqual, "EQ", 1, Takes::kAnything},
    {LegacyOperator::kNotEqual, "NE", 1, Takes::kAnything},
    {LegacyOperator::kIn, "IN", kAnyNumber, Takes::kScalars},
    {LegacyOperator::kLessOrEqual, "LE", 1, Takes::kOrdered},
    {LegacyOperator::kLess, "LT", 1, Takes::kOrdered},
    {LegacyOperator::kGreaterOrEqual, "GE", 1, Takes::kOrdered},
    {LegacyOperator::kGreater, "GT", 1, Takes::kOrdered},
    {LegacyOperator::kBetween, "BETWEEN", 2, Takes::kOrdered},
    {LegacyOperator::kNotNull, "NOT_NULL", 0, Takes::kAnything},
    {LegacyOperator::kNull, "NULL", 0, Takes::kAnything},
    {LegacyOperator::kContains, "CONTAINS", 1, Takes::kScalars},
    {LegacyOperator::kNotContains, "NOT_CONTAINS", 1, Takes::kScalars},
    {LegacyOperator::kBeginsWith, "BEGINS_WITH", 1, Takes::kTexts},
};

const OperatorRow& RowOf(LegacyOperator op) {
  const OperatorRow& row = kOperators[static_cast<size_t>(op)];
  CHECK(row.op == op);
  return row;
}

bool IsTaken(Takes takes, ValueKind kind) {
  switch (takes) {
    case Takes::kAnything:
      return true;
    case Takes::kScalars:
      return IsOrdered(kind) || kind >= ValueKind::kNull;
    case Takes::kOrdered:
      return IsOrdered(kind);
    case Takes::kTexts:
      return kind == ValueKind::kString || kind == ValueKind::kBinary;
  }
  return false;
}

absl::Status Invalid(absl::string_view what) {
  return ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

class TreeBuilder {
 public:
  NodeId PathTo(const std::string& attribute) {
    Node node{.kind = NodeKind::kPath, .path = Path{{Name(attribute)}}};
    node.slot = tree_->reads.Add(node.path);
    return Add(std::move(node));
  }
  NodeId Value(const std::string& value) {
    Node node{.kind = NodeKind::kValue};
    node.slot = expression_.values.size();
    expression_.values.push_back(std::make_shared<const std::string>(value));
    return Add(std::move(node));
  }
  NodeId Call(Function function, std::vector<NodeId> operands) {
    return Add({.kind = NodeKind::kFunction,
                .function = function,
                .operands = std::move(operands)});
  }
  NodeId Operator(NodeKind kind, std::vector<NodeId> operands) {
    return Add({.kind = kind, .operands = std::move(operands)});
  }

  NodeId Condition(const LegacyCondition& condition);

  Tree& tree() { return *tree_; }
  Expression Finish() { return std::move(expression_); }

 private:
  NodeId Add(Node node) {
    tree_->nodes.push_back(std::move(node));
    return tree_->nodes.size() - 1;
  }

  const std::shared_ptr<Tree> tree_ = std::make_shared<Tree>();
  Expression expression_{tree_, {}};
};

NodeId TreeBuilder::Condition(const LegacyCondition& condition) {
  std::vector<NodeId> operands = {PathTo(condition.attribute)};
  for (const std::string& value : condition.values) {
    operands.push_back(Value(value));
  }
  switch (condition.op) {
    case LegacyOperator::kEqual:
      return Operator(NodeKind::kEqual, std::move(operands));
    case LegacyOperator::kNotEqual:
      return Operator(NodeKind::kNotEqual, std::move(operands));
    case LegacyOperator::kIn:
      return Operator(NodeKind::kIn, std::move(operands));
    case LegacyOperator::kLessOrEqual:
      return Operator(NodeKind::kLessOrEqual, std::move(operands));
    case LegacyOperator::kLess:
      return Operator(NodeKind::kLess, std::move(operands));
    case LegacyOperator::kGreaterOrEqual:
      return Operator(NodeKind::kGreaterOrEqual, std::move(operands));
    case LegacyOperator::kGreater:
      return Operator(NodeKind::kGreater, std::move(operands));
    case LegacyOperator::kBetween:
      return Operator(NodeKind::kBetween, std::move(operands));
    case LegacyOperator::kNotNull:
      return Call(Function::kAttributeExists, std::move(operands));
    case LegacyOperator::kNull:
      return Call(Function::kAttributeNotExists, std::move(operands));
    case LegacyOperator::kContains:
      return Call(Function::kContains, std::move(operands));
    case LegacyOperator::kNotContains: {
      // Unlike NE, not of what is missing.
      const NodeId exists = Call(Function::kAttributeExists, {operands[0]});
      const NodeId contains = Call(Function::kContains, std::move(operands));
      return Operator(NodeKind::kAnd,
                      {exists, Operator(NodeKind::kNot, {contains})});
    }
    case LegacyOperator::kBeginsWith:
      return Call(Function::kBeginsWith, std::move(operands));
  }
  CHECK(false) << "unknown operator";
  return 0;
}

}  // namespace

absl::string_view NameOf(LegacyOperator op) { return RowOf(op).name; }

absl::Status CheckLegacyCondition(const LegacyCondition& condition) {
  const OperatorRow& row = RowOf(condition.op);
  const size_t count = condition.values.size();
  if (row.values == kAnyNumber ? count == 0 : count != row.values) {
    return Invalid(absl::StrCat("Invalid number of argument(s) for the ",
                                row.name, " ComparisonOperator"));
  }
  for (const std::string& value : condition.values) {
    const ValueKind kind = ValueView(value).kind();
    if (!IsTaken(row.takes, kind)) {
      return Invalid(absl::StrCat("ComparisonOperator ", row.name,
                                  " is not valid for ", model::NameOf(kind),
                                  " AttributeValue type"));
    }
  }
  if (condition.values.empty()) return absl::OkStatus();
  const ValueView first(condition.values.front());
  for (const std::string& value : condition.values) {
    if (ValueView(value).kind() != first.kind()) {
      return Invalid(
          "AttributeValues inside AttributeValueList must be of same type");
    }
  }
  if (condition.op == LegacyOperator::kBetween &&
      CompareScalars(first, ValueView(condition.values.back())) > 0) {
    return ValidationError(
        "The BETWEEN condition was provided a range where the lower bound is "
        "greater than the upper bound");
  }
  return absl::OkStatus();
}

Expression ConditionOf(absl::Span<const LegacyCondition> conditions, bool any) {
  CHECK(!conditions.empty());
  TreeBuilder builder;
  std::vector<NodeId> terms;
  for (const LegacyCondition& condition : conditions) {
    terms.push_back(builder.Condition(condition));
  }
  builder.tree().root =
      terms.size() == 1 ? terms.front()
                        : builder.Operator(any ? NodeKind::kOr : NodeKind::kAnd,
                                           std::move(terms));
  return builder.Finish();
}

absl::Status CheckLegacyUpdate(const LegacyUpdate& update) {
  if (!update.value.has_value()) {
    if (update.action == LegacyAction::kDelete) return absl::OkStatus();
    return Invalid(
        "Only DELETE action is allowed when no attribute value is specified");
  }
  const ValueKind kind = ValueView(*update.value).kind();
  if (update.action == LegacyAction::kDelete && !IsSet(kind)) {
    return Invalid(
        absl::StrCat("DELETE action with value is not supported for the type ",
                     model::NameOf(kind)));
  }
  if (update.action == LegacyAction::kAdd && !IsSet(kind) &&
      kind != ValueKind::kNumber && kind != ValueKind::kList) {
    return Invalid(absl::StrCat("ADD action is not supported for the type ",
                                model::NameOf(kind)));
  }
  return absl::OkStatus();
}

Expression UpdateOf(absl::Span<const LegacyUpdate> updates) {
  TreeBuilder builder;
  for (const LegacyUpdate& update : updates) {
    Action action{.path = Path{{Name(update.attribute)}}};
    if (!update.value.has_value()) {
      action.section = Section::kRemove;
    } else {
      action.section = update.action == LegacyAction::kPut   ? Section::kSet
                       : update.action == LegacyAction::kAdd ? Section::kAdd
                                                             : Section::kDelete;
      action.value = builder.Value(*update.value);
    }
    CHECK(!builder.tree().targets.AddApart(action.path).has_value());
    builder.tree().actions.push_back(std::move(action));
  }
  return builder.Finish();
}

absl::StatusOr<Expression> ProjectionOf(
    absl::Span<const std::string* const> attributes) {
  TreeBuilder builder;
  for (const std::string* attribute : attributes) {
    if (builder.tree().targets.AddApart(Path{{Name(*attribute)}}).has_value()) {
      return Invalid(
          absl::StrCat("Duplicate value in attribute name: ", *attribute));
    }
  }
  return builder.Finish();
}

}  // namespace pallet::model::expression
