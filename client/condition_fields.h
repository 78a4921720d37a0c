// SPDX-License-Identifier: Apache-2.0
//
// The fields of expressions, which many messages have alike. Not installed.
#pragma once

#include "client/requests.h"
#include "pallet/wire/v1/item_types.pb.h"

namespace pallet::internal {

// What placeholders stand for.
template <typename Message>
void SetCondition(const Names& names, const Item& values, Message* message) {
  for (const auto& [placeholder, name] : names) {
    (*message->mutable_expression_attribute_names())[placeholder] = name;
  }
  for (const auto& [placeholder, value] : values) {
    (*message->mutable_expression_attribute_values())[placeholder] =
        value.Encode();
  }
}

// A write's condition, and the names and values of all its expressions.
template <typename Message, typename Request>
void SetWriteCondition(const Request& request, Message* message) {
  if (!request.condition.empty()) {
    message->set_condition_expression(request.condition);
  }
  if (request.return_item_on_failure) {
    message->set_return_values_on_condition_check_failure(
        ::pallet::wire::v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD);
  }
  SetCondition(request.names, request.values, message);
}

}  // namespace pallet::internal
