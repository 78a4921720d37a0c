// SPDX-License-Identifier: Apache-2.0
//
// What a request says about items, in expressions or in the legacy parameters:
// which of them go together, and the parsed form of all (SEMANTICS 1.4, 2).
// Both ways of speaking end in the same form; nothing behind this knows which
// one was used. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_map.h"
#include "google/protobuf/map.h"
#include "google/protobuf/repeated_field.h"
#include "model/expression/ast.h"
#include "model/expression/key_condition.h"
#include "model/expression/update.h"
#include "model/key.h"
#include "pallet/wire/v1/item_types.pb.h"
#include "service/expression_cache.h"

namespace pallet::service {

// The parameters as a request has them; null for what it has not.
struct LanguageParameters {
  template <typename Value>
  using Map = google::protobuf::Map<std::string, Value>;

  const std::string* update_expression = nullptr;
  const std::string* condition_expression = nullptr;
  const std::string* key_condition_expression = nullptr;
  const std::string* filter_expression = nullptr;
  const std::string* projection_expression = nullptr;
  const Map<std::string>* names = nullptr;
  const Map<std::string>* values = nullptr;  // encoded AttributeValues

  const Map<wire::v1::AttributeValueUpdate>* attribute_updates = nullptr;
  const Map<wire::v1::ExpectedAttributeValue>* expected = nullptr;
  const Map<wire::v1::Condition>* key_conditions = nullptr;
  const Map<wire::v1::Condition>* query_filter = nullptr;
  const Map<wire::v1::Condition>* scan_filter = nullptr;
  const google::protobuf::RepeatedPtrField<std::string>* attributes_to_get =
      nullptr;
  wire::v1::ConditionalOperator conditional_operator =
      wire::v1::CONDITIONAL_OPERATOR_UNSPECIFIED;

  bool reads_index = false;  // it has an IndexName

  // The request's expressions that may name values, for a message:
  // "UpdateExpression and ConditionExpression are".
  absl::string_view value_expressions = "ConditionExpression is";
};

struct ItemLanguage {
  std::optional<model::expression::Expression> update;
  model::expression::UpdateLanguage update_language =
      model::expression::UpdateLanguage::kExpression;
  std::optional<model::expression::Expression> condition;
  std::optional<model::KeyConditionExpression> key_condition;
  std::optional<model::expression::Expression> filter;
  absl::string_view filter_name = "Filter Expression";  // for a message
  std::optional<model::expression::Expression> projection;

  // Paths lead around key attributes, updates leave them alone.
  absl::Status CheckAgainst(const cluster::Table& table) const;
};

// kValidation if the parameters do not go together or one of them is wrong,
// enveloped where writes envelope it.
absl::StatusOr<ItemLanguage> ParseItemLanguage(
    const LanguageParameters& parameters, ExpressionCache& cache);

// A filter of a Query cannot name the attributes of its key.
absl::Status CheckQueryFilter(const ItemLanguage& language,
                              const model::KeyAttributes& key);

// How a parameter of a request is found, if the request has such a field.
#define PALLET_TAKE_TEXT(field)                                     \
  if constexpr (requires { request.has_##field(); }) {              \
    if (request.has_##field()) parameters.field = &request.field(); \
  }
#define PALLET_TAKE_MAP(field)                                         \
  if constexpr (requires { request.field(); }) {                       \
    if (!request.field().empty()) parameters.field = &request.field(); \
  }

template <typename Request>
LanguageParameters LanguageOf(const Request& request) {
  LanguageParameters parameters;
  PALLET_TAKE_TEXT(update_expression)
  PALLET_TAKE_TEXT(condition_expression)
  PALLET_TAKE_TEXT(key_condition_expression)
  PALLET_TAKE_TEXT(filter_expression)
  PALLET_TAKE_TEXT(projection_expression)
  PALLET_TAKE_MAP(attribute_updates)
  PALLET_TAKE_MAP(expected)
  PALLET_TAKE_MAP(key_conditions)
  PALLET_TAKE_MAP(query_filter)
  PALLET_TAKE_MAP(scan_filter)
  PALLET_TAKE_MAP(attributes_to_get)
  if (!request.expression_attribute_names().empty()) {
    parameters.names = &request.expression_attribute_names();
  }
  if constexpr (requires { request.expression_attribute_values(); }) {
    if (!request.expression_attribute_values().empty()) {
      parameters.values = &request.expression_attribute_values();
    }
  }
  if constexpr (requires { request.has_index_name(); }) {
    parameters.reads_index = request.has_index_name();
  }
  if constexpr (requires { request.conditional_operator(); }) {
    parameters.conditional_operator = request.conditional_operator();
  }
  if constexpr (requires { request.has_update_expression(); }) {
    parameters.value_expressions =
        "UpdateExpression and ConditionExpression are";
  } else if constexpr (requires { request.has_key_condition_expression(); }) {
    parameters.value_expressions =
        "FilterExpression and KeyConditionExpression are";
  } else if constexpr (requires { request.has_filter_expression(); }) {
    parameters.value_expressions = "FilterExpression is";
  }
  return parameters;
}

#undef PALLET_TAKE_TEXT
#undef PALLET_TAKE_MAP

}  // namespace pallet::service
