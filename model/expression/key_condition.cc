// SPDX-License-Identifier: Apache-2.0
#include "model/expression/key_condition.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/ast.h"
#include "model/expression/parser.h"

namespace pallet::model {

using expression::Expression;
using expression::Function;
using expression::Node;
using expression::NodeId;
using expression::NodeKind;

namespace {

constexpr absl::string_view kNoNestedOperations =
    "KeyConditionExpressions cannot contain nested operations";

absl::Status InvalidOperator(const Node& node) {
  return ValidationError(
      absl::StrCat("Invalid operator used in KeyConditionExpression: ",
                   node.kind == NodeKind::kFunction ? NameOf(node.function)
                                                    : NameOf(node.kind)));
}

absl::Status InvalidCondition(absl::string_view reason) {
  return ValidationError(
      absl::StrCat("Invalid condition in KeyConditionExpression: ", reason));
}

std::optional<SortOperator> SortOperatorOf(const Node& node) {
  switch (node.kind) {
    case NodeKind::kEqual:
      return SortOperator::kEqual;
    case NodeKind::kLess:
      return SortOperator::kLess;
    case NodeKind::kLessOrEqual:
      return SortOperator::kLessOrEqual;
    case NodeKind::kGreater:
      return SortOperator::kGreater;
    case NodeKind::kGreaterOrEqual:
      return SortOperator::kGreaterOrEqual;
    case NodeKind::kBetween:
      return SortOperator::kBetween;
    case NodeKind::kFunction:
      if (node.function == Function::kBeginsWith) {
        return SortOperator::kBeginsWith;
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<SortOperator> SortOperatorOf(expression::LegacyOperator op) {
  using expression::LegacyOperator;
  switch (op) {
    case LegacyOperator::kEqual:
      return SortOperator::kEqual;
    case LegacyOperator::kLess:
      return SortOperator::kLess;
    case LegacyOperator::kLessOrEqual:
      return SortOperator::kLessOrEqual;
    case LegacyOperator::kGreater:
      return SortOperator::kGreater;
    case LegacyOperator::kGreaterOrEqual:
      return SortOperator::kGreaterOrEqual;
    case LegacyOperator::kBetween:
      return SortOperator::kBetween;
    case LegacyOperator::kBeginsWith:
      return SortOperator::kBeginsWith;
    default:
      return std::nullopt;
  }
}

// :v < a  is  a > :v
SortOperator Mirrored(SortOperator op) {
  switch (op) {
    case SortOperator::kLess:
      return SortOperator::kGreater;
    case SortOperator::kLessOrEqual:
      return SortOperator::kGreaterOrEqual;
    case SortOperator::kGreater:
      return SortOperator::kLess;
    case SortOperator::kGreaterOrEqual:
      return SortOperator::kLessOrEqual;
    default:
      return op;
  }
}

}  // namespace

// Reads the terms out of a parsed condition.
class KeyConditionReader {
 public:
  explicit KeyConditionReader(const Expression& expression)
      : expression_(expression) {}

  absl::StatusOr<KeyConditionExpression> Read() {
    RETURN_IF_ERROR(ReadCondition(expression_.root()));
    return std::move(result_);
  }

 private:
  using Term = KeyConditionExpression::Term;

  // The parser bounds the depth.
  absl::Status ReadCondition(const Node& node) {
    if (node.kind != NodeKind::kAnd) return ReadTerm(node);
    for (NodeId id : node.operands) {
      RETURN_IF_ERROR(ReadCondition(expression_.node(id)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadTerm(const Node& node) {
    const std::optional<SortOperator> op = SortOperatorOf(node);
    if (!op.has_value()) return InvalidOperator(node);
    if ((op == SortOperator::kBetween || op == SortOperator::kBeginsWith) &&
        expression_.operand(node, 0).kind != NodeKind::kPath) {
      return InvalidCondition(absl::StrCat(
          op == SortOperator::kBetween ? NameOf(NodeKind::kBetween)
                                       : NameOf(Function::kBeginsWith),
          " operator must have the key attribute as its first operand"));
    }
    Term term{.op = *op};
    for (size_t i = 0; i < node.operands.size(); ++i) {
      RETURN_IF_ERROR(ReadOperand(expression_.operand(node, i), i, term));
    }
    return Add(std::move(term));
  }

  absl::Status ReadOperand(const Node& operand, size_t index, Term& term) {
    switch (operand.kind) {
      case NodeKind::kValue:
        term.values.push_back(*expression_.value(operand));
        return absl::OkStatus();
      case NodeKind::kPath:
        if (!term.attribute.empty()) {
          return InvalidCondition(
              "Multiple attribute names used in one condition");
        }
        if (operand.path.nested()) {
          return ValidationError(
              "KeyConditionExpressions cannot have conditions on nested "
              "attributes");
        }
        term.attribute = operand.path.attribute();
        if (index > 0) term.op = Mirrored(term.op);
        return absl::OkStatus();
      default:
        return ValidationError(kNoNestedOperations);
    }
  }

  absl::Status Add(Term term) {
    if (term.attribute.empty()) {
      return InvalidCondition("No key attribute specified");
    }
    if (result_.Find(term.attribute) != nullptr) {
      return ValidationError(
          "KeyConditionExpressions must only contain one condition per key");
    }
    result_.terms_.push_back(std::move(term));
    return absl::OkStatus();
  }

  const Expression& expression_;
  KeyConditionExpression result_;
};

namespace {

absl::Status ConditionTypeMismatch() {
  return ValidationError(
      "One or more parameter values were invalid: Condition parameter type "
      "does not match schema type");
}

absl::Status EmptyKeyValue(const KeyAttribute& attribute) {
  return ValidationError(absl::StrCat(
      "One or more parameter values are not valid. The AttributeValue for a "
      "key attribute cannot contain an empty ",
      attribute.type == ScalarType::kBinary ? "binary" : "string",
      " value. Key: ", attribute.name));
}

ValueKind KindOf(ScalarType type) {
  switch (type) {
    case ScalarType::kString:
      return ValueKind::kString;
    case ScalarType::kNumber:
      return ValueKind::kNumber;
    case ScalarType::kBinary:
      return ValueKind::kBinary;
  }
  return ValueKind::kNull;
}

absl::StatusOr<KeyValue> BindValue(const KeyAttribute& attribute,
                                   absl::string_view encoded) {
  const ValueView value(encoded);
  if (value.kind() != KindOf(attribute.type)) return ConditionTypeMismatch();
  if (value.scalar().empty()) return EmptyKeyValue(attribute);
  return KeyValue{attribute.type, std::string(value.scalar())};
}

absl::StatusOr<KeyValue> BindPartition(const KeyAttribute& attribute,
                                       absl::string_view encoded) {
  ASSIGN_OR_RETURN(KeyValue value, BindValue(attribute, encoded));
  if (value.bytes.size() > kMaxPartitionKeyBytes) {
    return ValidationError(
        absl::StrCat("One or more parameter values were invalid: Size of "
                     "hashkey has exceeded the maximum size limit of",
                     kMaxPartitionKeyBytes, " bytes"));
  }
  return value;
}

absl::StatusOr<KeyValue> BindSort(const KeyAttribute& attribute,
                                  absl::string_view encoded) {
  ASSIGN_OR_RETURN(KeyValue value, BindValue(attribute, encoded));
  if (value.bytes.size() > kMaxSortKeyBytes) {
    return ValidationError(absl::StrCat(
        "One or more parameter values were invalid: Aggregated size of all "
        "range keys has exceeded the size limit of ",
        kMaxSortKeyBytes, " bytes"));
  }
  return value;
}

absl::Status MissedElement(const KeyAttribute& attribute) {
  return ValidationError(absl::StrCat(
      "Query condition missed key schema element: ", attribute.name));
}

absl::Status NotSupported() {
  return ValidationError("Query key condition not supported");
}

}  // namespace

absl::StatusOr<KeyConditionExpression> KeyConditionExpression::Parse(
    absl::string_view text, expression::Placeholders& placeholders) {
  ASSIGN_OR_RETURN(
      const Expression expression,
      expression::ParseCondition("KeyConditionExpression", text, placeholders));
  return KeyConditionReader(expression).Read();
}

absl::StatusOr<KeyConditionExpression> KeyConditionExpression::FromLegacy(
    absl::Span<const expression::LegacyCondition> conditions) {
  KeyConditionExpression result;
  result.legacy_ = true;
  for (const expression::LegacyCondition& condition : conditions) {
    const std::optional<SortOperator> op = SortOperatorOf(condition.op);
    if (!op.has_value()) {
      return ValidationError(
          "Attempted conditional constraint is not an indexable operation");
    }
    result.terms_.push_back({condition.attribute, *op, condition.values});
  }
  return result;
}

absl::StatusOr<KeyCondition> KeyConditionExpression::Bind(
    const KeyAttributes& schema) const {
  // Keys of more attributes take as many conditions as these.
  if (legacy_ && terms_.size() > 2 && schema.size() <= 2) {
    return ValidationError("Conditions can be of length 1 or 2 only");
  }
  KeyCondition condition;
  for (const KeyAttribute& attribute : schema.partition) {
    const Term* term = Find(attribute.name);
    if (term == nullptr) return MissedElement(attribute);
    if (term->op != SortOperator::kEqual) return NotSupported();
    ASSIGN_OR_RETURN(condition.partition.emplace_back(),
                     BindPartition(attribute, term->values[0]));
  }
  const size_t on_sort = terms_.size() - schema.partition.size();
  if (on_sort > schema.sort.size()) return NotSupported();
  for (size_t i = 0; i < on_sort; ++i) {
    const KeyAttribute& attribute = schema.sort[i];
    const Term* term = Find(attribute.name);
    if (term == nullptr) return MissedElement(attribute);
    if (i + 1 == on_sort) {
      ASSIGN_OR_RETURN(condition.sort, BindSortTerm(attribute, *term));
    } else if (term->op == SortOperator::kEqual) {
      ASSIGN_OR_RETURN(condition.equal.emplace_back(),
                       BindSort(attribute, term->values[0]));
    } else {
      return NotSupported();
    }
  }
  return condition;
}

absl::StatusOr<SortCondition> KeyConditionExpression::BindSortTerm(
    const KeyAttribute& attribute, const Term& term) {
  SortCondition sort;
  sort.op = term.op;
  ASSIGN_OR_RETURN(sort.bound, BindSort(attribute, term.values[0]));
  if (term.op == SortOperator::kBetween) {
    ASSIGN_OR_RETURN(sort.upper, BindSort(attribute, term.values[1]));
  }
  return sort;
}

std::vector<absl::string_view> KeyConditionExpression::Attributes() const {
  std::vector<absl::string_view> attributes;
  for (const Term& term : terms_) attributes.push_back(term.attribute);
  return attributes;
}

const KeyConditionExpression::Term* KeyConditionExpression::Find(
    absl::string_view attribute) const {
  for (const Term& term : terms_) {
    if (term.attribute == attribute) return &term;
  }
  return nullptr;
}

bool Matches(const SortCondition& condition, const KeyValue& sort) {
  CHECK(sort.type == condition.bound.type);
  switch (condition.op) {
    case SortOperator::kEqual:
      return Compare(sort, condition.bound) == 0;
    case SortOperator::kLess:
      return Compare(sort, condition.bound) < 0;
    case SortOperator::kLessOrEqual:
      return Compare(sort, condition.bound) <= 0;
    case SortOperator::kGreater:
      return Compare(sort, condition.bound) > 0;
    case SortOperator::kGreaterOrEqual:
      return Compare(sort, condition.bound) >= 0;
    case SortOperator::kBetween:
      return Compare(sort, condition.bound) >= 0 &&
             Compare(sort, *condition.upper) <= 0;
    case SortOperator::kBeginsWith:
      return absl::StartsWith(sort.bytes, condition.bound.bytes);
  }
  return false;
}

bool MatchesSort(const KeyCondition& condition,
                 absl::Span<const KeyValue> sort) {
  const size_t equal = condition.equal.size();
  if (sort.first(equal) != absl::MakeConstSpan(condition.equal)) return false;
  return !condition.sort.has_value() || Matches(*condition.sort, sort[equal]);
}

absl::StatusOr<Key> QueryStartKey(const KeySchema& schema,
                                  const KeyCondition& condition,
                                  ItemView start_key) {
  absl::StatusOr<Key> key = KeyOfKeyItem(schema, start_key);
  if (!key.ok()) {
    return ValidationError("The provided starting key is invalid");
  }
  if (key->partition != condition.partition.front()) {
    return ValidationError(
        "The provided starting key is outside query boundaries based on "
        "provided conditions");
  }
  if (!schema.sort.has_value() ||
      (condition.sort.has_value() &&
       condition.sort->op == SortOperator::kEqual)) {
    return ValidationError(
        "The query can return at most one row and cannot be restarted");
  }
  if (condition.sort.has_value() && !Matches(*condition.sort, *key->sort)) {
    return ValidationError(
        "The provided starting key does not match the range key predicate");
  }
  return key;
}

}  // namespace pallet::model
