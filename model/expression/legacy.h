// SPDX-License-Identifier: Apache-2.0
//
// The parameters that requests had before there were expressions, as the parsed
// form of the expressions that mean the same. Values are canonical. Pure
// functions; errors are kValidation in DynamoDB's words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/expression/ast.h"

namespace pallet::model::expression {

enum class LegacyOperator {
  kEqual,
  kNotEqual,
  kIn,
  kLessOrEqual,
  kLess,
  kGreaterOrEqual,
  kGreater,
  kBetween,
  kNotNull,
  kNull,
  kContains,
  kNotContains,
  kBeginsWith,
};

// As requests spell it: "EQ".
absl::string_view NameOf(LegacyOperator op);

// One attribute against values.
struct LegacyCondition {
  std::string attribute;
  LegacyOperator op = LegacyOperator::kEqual;
  std::vector<std::string> values;
};

// As many values as the operator takes, of types that it takes, all of one type
// and BETWEEN's in order.
absl::Status CheckLegacyCondition(const LegacyCondition& condition);

// All of them, or any. REQUIRES: each was checked; there is one at least.
Expression ConditionOf(absl::Span<const LegacyCondition> conditions, bool any);

enum class LegacyAction { kPut, kAdd, kDelete };

struct LegacyUpdate {
  std::string attribute;
  LegacyAction action = LegacyAction::kPut;
  std::optional<std::string> value;  // absent for kDelete of the whole
};

absl::Status CheckLegacyUpdate(const LegacyUpdate& update);

// REQUIRES: each was checked; the attributes differ.
Expression UpdateOf(absl::Span<const LegacyUpdate> updates);

// AttributesToGet: whole attributes, each once.
absl::StatusOr<Expression> ProjectionOf(
    absl::Span<const std::string* const> attributes);

}  // namespace pallet::model::expression
