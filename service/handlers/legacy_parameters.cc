// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/legacy_parameters.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/constraints.h"
#include "model/errors.h"
#include "model/expression/legacy.h"
#include "model/item_codec.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using model::expression::Expression;
using model::expression::LegacyAction;
using model::expression::LegacyCondition;
using model::expression::LegacyOperator;
using model::expression::LegacyUpdate;
using Values = google::protobuf::RepeatedPtrField<std::string>;

constexpr size_t kMaxAttributesToGet = 255;

absl::Status Invalid(absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

// In the order of their names, so that always the same error is told.
template <typename Value>
std::vector<std::pair<absl::string_view, const Value*>> Sorted(
    const LanguageParameters::Map<Value>& map) {
  std::vector<std::pair<absl::string_view, const Value*>> entries;
  for (const auto& [name, value] : map) entries.emplace_back(name, &value);
  std::sort(entries.begin(), entries.end());
  return entries;
}

// REQUIRES: not UNSPECIFIED. The two enums have one order.
LegacyOperator OperatorOf(wire::ComparisonOperator op) {
  static_assert(wire::COMPARISON_OPERATOR_EQ == 1);
  static_assert(wire::COMPARISON_OPERATOR_BEGINS_WITH ==
                static_cast<int>(LegacyOperator::kBeginsWith) + 1);
  return static_cast<LegacyOperator>(op - 1);
}

// What every legacy parameter asks of its shape, all attributes together.
template <typename Value>
absl::Status CheckOperators(const LanguageParameters::Map<Value>& conditions,
                            absl::string_view parameter, bool required) {
  model::Constraints constraints;
  for (const auto& [name, condition] : Sorted(conditions)) {
    const int op = condition->comparison_operator();
    const std::string path =
        absl::StrCat(parameter, ".", name, ".member.comparisonOperator");
    if (op == 0 && required) {
      constraints.Violated({}, path, "not be null");
    } else if (op < 0 || op > wire::COMPARISON_OPERATOR_BEGINS_WITH) {
      constraints.Violated(
          absl::StrCat(op), path,
          "satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, "
          "GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]");
    }
  }
  return constraints.ToStatus();
}

absl::Status TakeValues(const Values& values, LegacyCondition* condition) {
  for (const std::string& value : values) {
    ASSIGN_OR_RETURN(condition->values.emplace_back(),
                     model::CanonicalizeValue(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LegacyCondition>> ConditionsOf(
    const LanguageParameters::Map<wire::Condition>& map,
    absl::string_view parameter) {
  RETURN_IF_ERROR(CheckOperators(map, parameter, /*required=*/true));
  std::vector<LegacyCondition> conditions;
  for (const auto& [name, condition] : Sorted(map)) {
    LegacyCondition& taken = conditions.emplace_back();
    taken.attribute = std::string(name);
    taken.op = OperatorOf(condition->comparison_operator());
    RETURN_IF_ERROR(TakeValues(condition->attribute_value_list(), &taken));
    RETURN_IF_ERROR(CheckLegacyCondition(taken));
  }
  return conditions;
}

// Value and Exists: the older of the two ways to expect something.
absl::Status TakeValueAndExists(absl::string_view name,
                                const wire::ExpectedAttributeValue& expected,
                                LegacyCondition* condition) {
  const bool exists = !expected.has_exists() || expected.exists();
  if (exists && !expected.has_value()) {
    return Invalid(absl::StrCat("Value must be provided when Exists is ",
                                expected.has_exists() ? "true" : "null",
                                " for Attribute: ", name));
  }
  if (!exists && expected.has_value()) {
    return Invalid(absl::StrCat(
        "Value cannot be used when Exists is false for Attribute: ", name));
  }
  condition->op = exists ? LegacyOperator::kEqual : LegacyOperator::kNull;
  if (!exists) return absl::OkStatus();
  ASSIGN_OR_RETURN(condition->values.emplace_back(),
                   model::CanonicalizeValue(expected.value()));
  return absl::OkStatus();
}

absl::Status TakeOperator(absl::string_view name,
                          const wire::ExpectedAttributeValue& expected,
                          LegacyCondition* condition) {
  condition->op = OperatorOf(expected.comparison_operator());
  if (expected.has_exists()) {
    return Invalid(absl::StrCat(
        "Exists and ComparisonOperator cannot be used together for Attribute: ",
        name));
  }
  if (expected.attribute_value_list().empty() && !expected.has_value() &&
      condition->op != LegacyOperator::kNull &&
      condition->op != LegacyOperator::kNotNull) {
    return Invalid(absl::StrCat(
        "Value or AttributeValueList must be used with ComparisonOperator: ",
        NameOf(condition->op), " for Attribute: ", name));
  }
  RETURN_IF_ERROR(TakeValues(expected.attribute_value_list(), condition));
  if (expected.has_value()) {
    ASSIGN_OR_RETURN(condition->values.emplace_back(),
                     model::CanonicalizeValue(expected.value()));
  }
  return CheckLegacyCondition(*condition);
}

absl::StatusOr<LegacyCondition> ExpectationOf(
    absl::string_view name, const wire::ExpectedAttributeValue& expected) {
  LegacyCondition condition;
  condition.attribute = std::string(name);
  const bool has_list = !expected.attribute_value_list().empty();
  if (has_list && expected.has_value()) {
    return Invalid(absl::StrCat(
        "Value and AttributeValueList cannot be used together for Attribute: ",
        name));
  }
  if (expected.comparison_operator() != 0) {
    RETURN_IF_ERROR(TakeOperator(name, expected, &condition));
  } else if (has_list) {
    return Invalid(absl::StrCat(
        "AttributeValueList can only be used with a ComparisonOperator for "
        "Attribute: ",
        name));
  } else {
    RETURN_IF_ERROR(TakeValueAndExists(name, expected, &condition));
  }
  return condition;
}

absl::StatusOr<std::vector<LegacyCondition>> ExpectationsOf(
    const LanguageParameters::Map<wire::ExpectedAttributeValue>& map) {
  RETURN_IF_ERROR(CheckOperators(map, "expected", /*required=*/false));
  std::vector<LegacyCondition> conditions;
  for (const auto& [name, expected] : Sorted(map)) {
    ASSIGN_OR_RETURN(conditions.emplace_back(), ExpectationOf(name, *expected));
  }
  return conditions;
}

absl::StatusOr<Expression> UpdateOf(
    const LanguageParameters::Map<wire::AttributeValueUpdate>& map) {
  std::vector<LegacyUpdate> updates;
  for (const auto& [name, update] : Sorted(map)) {
    LegacyUpdate& taken = updates.emplace_back();
    if (name.empty()) return model::ValidationError("Empty attribute name");
    taken.attribute = std::string(name);
    switch (update->action()) {
      case wire::ATTRIBUTE_ACTION_UNSPECIFIED:
      case wire::ATTRIBUTE_ACTION_PUT:
        taken.action = LegacyAction::kPut;
        break;
      case wire::ATTRIBUTE_ACTION_ADD:
        taken.action = LegacyAction::kAdd;
        break;
      case wire::ATTRIBUTE_ACTION_DELETE:
        taken.action = LegacyAction::kDelete;
        break;
      default: {
        model::Constraints constraints;
        constraints.Violated(
            absl::StrCat(static_cast<int>(update->action())),
            absl::StrCat("attributeUpdates.", name, ".member.action"),
            "satisfy enum value set: [ADD, DELETE, PUT]");
        return constraints.ToStatus();
      }
    }
    if (update->has_value()) {
      ASSIGN_OR_RETURN(taken.value, model::CanonicalizeValue(update->value()));
    }
    RETURN_IF_ERROR(CheckLegacyUpdate(taken));
  }
  return model::expression::UpdateOf(updates);
}

absl::StatusOr<Expression> ProjectionOf(const Values& attributes) {
  if (attributes.size() > static_cast<int>(kMaxAttributesToGet)) {
    model::Constraints constraints;
    constraints.Violated(absl::StrCat("[", attributes.size(), " names]"),
                         "attributesToGet",
                         absl::StrCat("have length less than or equal to ",
                                      kMaxAttributesToGet));
    return constraints.ToStatus();
  }
  const std::vector<const std::string*> names = [&] {
    std::vector<const std::string*> result;
    for (const std::string& name : attributes) result.push_back(&name);
    return result;
  }();
  return model::expression::ProjectionOf(names);
}

absl::Status CheckConditionalOperator(const LanguageParameters& parameters) {
  const wire::ConditionalOperator op = parameters.conditional_operator;
  if (op == wire::CONDITIONAL_OPERATOR_UNSPECIFIED) return absl::OkStatus();
  if (op > wire::CONDITIONAL_OPERATOR_OR || op < 0) {
    model::Constraints constraints;
    constraints.Violated(absl::StrCat(static_cast<int>(op)),
                         "conditionalOperator",
                         "satisfy enum value set: [OR, AND]");
    return constraints.ToStatus();
  }
  if (parameters.expected == nullptr && parameters.query_filter == nullptr &&
      parameters.scan_filter == nullptr) {
    return model::ValidationError(
        "ConditionalOperator cannot be used without Filter or Expected");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseLegacyParameters(const LanguageParameters& parameters,
                                   ItemLanguage* language) {
  RETURN_IF_ERROR(CheckConditionalOperator(parameters));
  const bool any =
      parameters.conditional_operator == wire::CONDITIONAL_OPERATOR_OR;
  if (parameters.attribute_updates != nullptr) {
    language->update_language =
        model::expression::UpdateLanguage::kAttributeUpdates;
    ASSIGN_OR_RETURN(language->update, UpdateOf(*parameters.attribute_updates));
  }
  if (parameters.expected != nullptr) {
    ASSIGN_OR_RETURN(const std::vector<LegacyCondition> conditions,
                     ExpectationsOf(*parameters.expected));
    language->condition = model::expression::ConditionOf(conditions, any);
  }
  if (parameters.key_conditions != nullptr) {
    ASSIGN_OR_RETURN(const std::vector<LegacyCondition> conditions,
                     ConditionsOf(*parameters.key_conditions, "keyConditions"));
    // An index may have a key of more attributes: then it is bound that tells.
    if (conditions.size() > 2 && !parameters.reads_index) {
      return model::ValidationError("Conditions can be of length 1 or 2 only");
    }
    ASSIGN_OR_RETURN(language->key_condition,
                     model::KeyConditionExpression::FromLegacy(conditions));
  }
  for (const auto& [filter, name] :
       {std::pair(parameters.query_filter, "QueryFilter"),
        std::pair(parameters.scan_filter, "ScanFilter")}) {
    if (filter == nullptr) continue;
    ASSIGN_OR_RETURN(
        const std::vector<LegacyCondition> conditions,
        ConditionsOf(*filter, name[0] == 'Q' ? "queryFilter" : "scanFilter"));
    language->filter = model::expression::ConditionOf(conditions, any);
    language->filter_name = name;
  }
  if (parameters.attributes_to_get != nullptr) {
    ASSIGN_OR_RETURN(language->projection,
                     ProjectionOf(*parameters.attributes_to_get));
  }
  return absl::OkStatus();
}

}  // namespace pallet::service
