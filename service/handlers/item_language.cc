// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_language.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expression/parser.h"
#include "model/expression/placeholders.h"
#include "service/handlers/legacy_parameters.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

using model::EnvelopedValidationError;
using model::expression::Expression;
using model::expression::Placeholders;
using Parameters = LanguageParameters;
using Names = std::vector<absl::string_view>;

Names ExpressionsOf(const Parameters& p) {
  Names names;
  const auto add = [&](bool given, absl::string_view name) {
    if (given) names.push_back(name);
  };
  add(p.projection_expression != nullptr, "ProjectionExpression");
  add(p.filter_expression != nullptr, "FilterExpression");
  add(p.key_condition_expression != nullptr, "KeyConditionExpression");
  add(p.update_expression != nullptr, "UpdateExpression");
  add(p.condition_expression != nullptr, "ConditionExpression");
  return names;
}

Names LegacyParametersOf(const Parameters& p) {
  Names names;
  const auto add = [&](bool given, absl::string_view name) {
    if (given) names.push_back(name);
  };
  add(p.attributes_to_get != nullptr, "AttributesToGet");
  add(p.query_filter != nullptr, "QueryFilter");
  add(p.scan_filter != nullptr, "ScanFilter");
  add(p.attribute_updates != nullptr, "AttributeUpdates");
  add(p.expected != nullptr, "Expected");
  add(p.conditional_operator != wire::CONDITIONAL_OPERATOR_UNSPECIFIED,
      "ConditionalOperator");
  add(p.key_conditions != nullptr, "KeyConditions");
  return names;
}

absl::Status CheckTogether(const Parameters& p) {
  const Names expressions = ExpressionsOf(p);
  if (expressions.empty()) {
    if (p.names != nullptr) {
      return EnvelopedValidationError(
          "ExpressionAttributeNames can only be specified when using "
          "expressions");
    }
    if (p.values != nullptr) {
      return EnvelopedValidationError(
          absl::StrCat("ExpressionAttributeValues can only be specified when "
                       "using expressions: ",
                       p.value_expressions, " null"));
    }
    return absl::OkStatus();
  }
  const Names legacy = LegacyParametersOf(p);
  if (!legacy.empty()) {
    return EnvelopedValidationError(absl::StrCat(
        "Can not use both expression and non-expression parameters in the same "
        "request: Non-expression parameters: {",
        absl::StrJoin(legacy, ", "), "} Expression parameters: {",
        absl::StrJoin(expressions, ", "), "}"));
  }
  const bool takes_values =
      expressions.size() > 1 || p.projection_expression == nullptr;
  if (p.values != nullptr && !takes_values) {
    return EnvelopedValidationError(absl::StrCat(
        "ExpressionAttributeValues can only be specified when using "
        "expressions: ",
        p.value_expressions, " null"));
  }
  return absl::OkStatus();
}

absl::Status ParseExpressions(const Parameters& p, ExpressionCache& cache,
                              ItemLanguage* language) {
  static const Parameters::Map<std::string>* const kNone =
      new Parameters::Map<std::string>();
  ASSIGN_OR_RETURN(
      Placeholders placeholders,
      Placeholders::Create(p.names != nullptr ? *p.names : *kNone,
                           p.values != nullptr ? *p.values : *kNone));
  if (p.update_expression != nullptr) {
    ASSIGN_OR_RETURN(language->update,
                     cache.ParseUpdate(*p.update_expression, placeholders));
  }
  if (p.condition_expression != nullptr) {
    ASSIGN_OR_RETURN(
        language->condition,
        cache.ParseCondition("ConditionExpression", *p.condition_expression,
                             placeholders));
  }
  if (p.key_condition_expression != nullptr) {
    ASSIGN_OR_RETURN(language->key_condition,
                     model::KeyConditionExpression::Parse(
                         *p.key_condition_expression, placeholders));
  }
  if (p.filter_expression != nullptr) {
    ASSIGN_OR_RETURN(language->filter,
                     cache.ParseCondition("FilterExpression",
                                          *p.filter_expression, placeholders));
  }
  if (p.projection_expression != nullptr) {
    ASSIGN_OR_RETURN(
        language->projection,
        cache.ParseProjection(*p.projection_expression, placeholders));
  }
  return placeholders.CheckAllUsed();
}

// Whether a path goes into an attribute: few do, and a table may have a hundred
// attributes in the keys of its indexes.
bool LeadsInto(const Expression& expression) {
  using model::expression::PathTree;
  for (const PathTree* paths :
       {&expression.tree->targets, &expression.tree->reads}) {
    for (const uint32_t id : paths->root().children) {
      if (!paths->node(id).children.empty()) return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<ItemLanguage> ParseItemLanguage(const Parameters& parameters,
                                               ExpressionCache& cache) {
  ItemLanguage language;
  RETURN_IF_ERROR(CheckTogether(parameters));
  if (parameters.update_expression != nullptr ||
      parameters.condition_expression != nullptr ||
      parameters.key_condition_expression != nullptr ||
      parameters.filter_expression != nullptr ||
      parameters.projection_expression != nullptr) {
    RETURN_IF_ERROR(ParseExpressions(parameters, cache, &language));
  } else {
    RETURN_IF_ERROR(ParseLegacyParameters(parameters, &language));
  }
  return language;
}

absl::Status ItemLanguage::CheckAgainst(const cluster::Table& table) const {
  using model::expression::CheckPathsAround;
  for (const auto* expression : {&update, &condition, &filter, &projection}) {
    if (!expression->has_value() || !LeadsInto(**expression)) continue;
    RETURN_IF_ERROR(CheckPathsAround(**expression, table.key));
    for (const model::LocalIndex& index : table.local_indexes) {
      RETURN_IF_ERROR(
          CheckPathsAround(**expression, "IndexKey", index.key().sort->name));
    }
    for (const cluster::GlobalIndex& index : table.global_indexes) {
      for (const std::string& name : index.schema->key_attributes()) {
        RETURN_IF_ERROR(CheckPathsAround(**expression, "IndexKey", name));
      }
    }
  }
  if (update.has_value()) {
    RETURN_IF_ERROR(model::expression::CheckTargets(*update, table.key));
  }
  return absl::OkStatus();
}

absl::Status CheckQueryFilter(const ItemLanguage& language,
                              const model::KeyAttributes& key) {
  if (!language.filter.has_value()) return absl::OkStatus();
  const model::expression::PathTree& paths = language.filter->tree->reads;
  for (const uint32_t id : paths.root().children) {
    const std::string& name = NameOf(paths.node(id));
    if (!key.Contains(name)) continue;
    return model::ValidationError(absl::StrCat(
        language.filter_name,
        " can only contain non-primary key attributes: Primary key attribute: ",
        name));
  }
  return absl::OkStatus();
}

}  // namespace pallet::service
