// SPDX-License-Identifier: Apache-2.0
#include "model/expression/condition.h"

#include <charconv>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "base/check.h"
#include "model/expression/values.h"
#include "model/wire_format.h"

namespace pallet::model::expression {
namespace {

// What an operand is for this item.
class OperandValue {
 public:
  OperandValue() = default;
  OperandValue(const OperandValue&) = delete;
  OperandValue& operator=(const OperandValue&) = delete;

  bool present() const { return !encoded_.empty(); }
  absl::string_view encoded() const { return encoded_; }
  ValueView view() const { return ValueView(encoded_); }

  void Set(absl::string_view encoded) { encoded_ = encoded; }

  // A number of our own.
  void SetNumber(size_t number) {
    char* const digits = buffer_ + 2;
    const auto [end, error] =
        std::to_chars(digits, buffer_ + sizeof(buffer_), number);
    CHECK(error == std::errc());
    buffer_[0] = BytesTag(static_cast<int>(ValueKind::kNumber));
    buffer_[1] = static_cast<char>(end - digits);
    encoded_ = absl::string_view(buffer_, end - buffer_);
  }

 private:
  absl::string_view encoded_;
  char buffer_[24];  // tag, length and 20 digits
};

template <typename View>
size_t CountOf(const View& view) {
  size_t count = 0;
  for (auto at = view.begin(); at != view.end(); ++at) ++count;
  return count;
}

std::optional<size_t> SizeOperator(ValueView value) {
  switch (value.kind()) {
    case ValueKind::kString:
    case ValueKind::kBinary:
      return value.scalar().size();
    case ValueKind::kStringSet:
    case ValueKind::kNumberSet:
    case ValueKind::kBinarySet:
      return CountOf(value.set());
    case ValueKind::kMap:
      return CountOf(value.map());
    case ValueKind::kList:
      return CountOf(value.list());
    case ValueKind::kNumber:
    case ValueKind::kNull:
    case ValueKind::kBool:
      return std::nullopt;
  }
  return std::nullopt;
}

// The kind of a set's members.
ValueKind MemberKind(ValueKind set) {
  return set == ValueKind::kStringSet   ? ValueKind::kString
         : set == ValueKind::kNumberSet ? ValueKind::kNumber
                                        : ValueKind::kBinary;
}

bool Contains(ValueView whole, ValueView part) {
  switch (whole.kind()) {
    case ValueKind::kString:
    case ValueKind::kBinary:
      return part.kind() == whole.kind() &&
             HasSubstring(whole.scalar(), part.scalar());
    case ValueKind::kStringSet:
    case ValueKind::kNumberSet:
    case ValueKind::kBinarySet:
      if (part.kind() != MemberKind(whole.kind())) return false;
      for (const absl::string_view member : whole.set()) {
        if (member == part.scalar()) return true;
      }
      return false;
    case ValueKind::kList:
      for (const ValueView element : whole.list()) {
        if (element.encoded() == part.encoded()) return true;
      }
      return false;
    default:
      return false;
  }
}

bool BeginsWith(ValueView whole, ValueView part) {
  return whole.kind() == part.kind() &&
         (whole.kind() == ValueKind::kString ||
          whole.kind() == ValueKind::kBinary) &&
         absl::StartsWith(whole.scalar(), part.scalar());
}

// How a compares with b; nullopt if they do not.
std::optional<int> Order(const OperandValue& a, const OperandValue& b) {
  if (!a.present() || !b.present()) return std::nullopt;
  const ValueView x = a.view(), y = b.view();
  if (x.kind() != y.kind() || !IsOrdered(x.kind())) return std::nullopt;
  return CompareScalars(x, y);
}

class Evaluator {
 public:
  Evaluator(const Expression& expression, ItemView item)
      : expression_(expression), found_(expression.tree->reads.size()) {
    expression.tree->reads.Find(item, absl::MakeSpan(found_));
  }

  // The parser bounds the depth.
  bool IsTrue(const Node& node) const;

 private:
  void Get(const Node& node, OperandValue* value) const;
  bool IsTrueFunction(const Node& node) const;
  bool IsEqual(const Node& node) const;
  bool IsBetween(const Node& node) const;
  bool IsIn(const Node& node) const;
  std::optional<int> OrderOf(const Node& node) const;

  const Expression& expression_;
  absl::InlinedVector<absl::string_view, 8> found_;
};

void Evaluator::Get(const Node& node, OperandValue* value) const {
  switch (node.kind) {
    case NodeKind::kPath:
      return value->Set(found_[node.slot]);
    case NodeKind::kValue:
      return value->Set(*expression_.value(node));
    default: {
      CHECK(node.kind == NodeKind::kFunction &&
            node.function == Function::kSize);
      OperandValue of;
      Get(expression_.operand(node, 0), &of);
      if (!of.present()) return;
      if (const auto size = SizeOperator(of.view())) value->SetNumber(*size);
    }
  }
}

bool Evaluator::IsTrue(const Node& node) const {
  switch (node.kind) {
    case NodeKind::kAnd:
      for (const NodeId id : node.operands) {
        if (!IsTrue(expression_.node(id))) return false;
      }
      return true;
    case NodeKind::kOr:
      for (const NodeId id : node.operands) {
        if (IsTrue(expression_.node(id))) return true;
      }
      return false;
    case NodeKind::kNot:
      return !IsTrue(expression_.operand(node, 0));
    case NodeKind::kFunction:
      return IsTrueFunction(node);
    case NodeKind::kEqual:
      return IsEqual(node);
    case NodeKind::kNotEqual:
      return !IsEqual(node);
    case NodeKind::kLess:
      return OrderOf(node).value_or(0) < 0;
    case NodeKind::kLessOrEqual:
      return OrderOf(node).value_or(1) <= 0;
    case NodeKind::kGreater:
      return OrderOf(node).value_or(0) > 0;
    case NodeKind::kGreaterOrEqual:
      return OrderOf(node).value_or(-1) >= 0;
    case NodeKind::kBetween:
      return IsBetween(node);
    case NodeKind::kIn:
      return IsIn(node);
    case NodeKind::kPath:
    case NodeKind::kValue:
    case NodeKind::kPlus:
    case NodeKind::kMinus:
      break;
  }
  CHECK(false) << "an operand is no condition";
  return false;
}

bool Evaluator::IsTrueFunction(const Node& node) const {
  OperandValue first, second;
  Get(expression_.operand(node, 0), &first);
  if (node.function == Function::kAttributeNotExists) return !first.present();
  if (!first.present()) return false;
  if (node.function == Function::kAttributeExists) return true;
  Get(expression_.operand(node, 1), &second);
  if (!second.present()) return false;
  switch (node.function) {
    case Function::kAttributeType:
      return NameOf(first.view().kind()) == second.view().scalar();
    case Function::kBeginsWith:
      return BeginsWith(first.view(), second.view());
    case Function::kContains:
      return Contains(first.view(), second.view());
    default:
      CHECK(false) << NameOf(node.function) << " is no condition";
      return false;
  }
}

// Canonical values are equal if their bytes are.
bool Evaluator::IsEqual(const Node& node) const {
  OperandValue a, b;
  Get(expression_.operand(node, 0), &a);
  Get(expression_.operand(node, 1), &b);
  return a.present() && a.encoded() == b.encoded();
}

std::optional<int> Evaluator::OrderOf(const Node& node) const {
  OperandValue a, b;
  Get(expression_.operand(node, 0), &a);
  Get(expression_.operand(node, 1), &b);
  return Order(a, b);
}

bool Evaluator::IsBetween(const Node& node) const {
  OperandValue value, lower, upper;
  Get(expression_.operand(node, 0), &value);
  Get(expression_.operand(node, 1), &lower);
  Get(expression_.operand(node, 2), &upper);
  return Order(value, lower).value_or(-1) >= 0 &&
         Order(value, upper).value_or(1) <= 0;
}

bool Evaluator::IsIn(const Node& node) const {
  OperandValue value;
  Get(expression_.operand(node, 0), &value);
  if (!value.present()) return false;
  for (size_t i = 1; i < node.operands.size(); ++i) {
    OperandValue candidate;
    Get(expression_.operand(node, i), &candidate);
    if (candidate.encoded() == value.encoded()) return true;
  }
  return false;
}

}  // namespace

bool Matches(const Expression& condition, ItemView item) {
  return Evaluator(condition, item).IsTrue(condition.root());
}

}  // namespace pallet::model::expression
