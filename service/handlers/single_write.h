// SPDX-License-Identifier: Apache-2.0
//
// What PutItem, UpdateItem and DeleteItem share: their choices of what to
// return, and the way of one item to the store and back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/handlers/item_language.h"
#include "service/handlers/item_write.h"
#include "service/handlers/transact.h"
#include "service/item_collections.h"
#include "service/operation.h"
#include "service/router.h"
#include "service/validation.h"

namespace pallet::service {

class Transactions;

template <typename Request>
void CheckWriteEnums(const Request& request, model::Constraints* constraints) {
  CheckEnum(EnumRule::kReturnValues, request.return_values(), "returnValues",
            constraints);
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            constraints);
  CheckEnum(EnumRule::kReturnItemCollectionMetrics,
            request.return_item_collection_metrics(),
            "returnItemCollectionMetrics", constraints);
  CheckEnum(EnumRule::kReturnValuesOnConditionCheckFailure,
            request.return_values_on_condition_check_failure(),
            "returnValuesOnConditionCheckFailure", constraints);
}

// NONE and ALL_OLD only.
absl::Status CheckReturnValuesOfPutOrDelete(wire::v1::ReturnValue choice);

ReturnedItem ReturnedOf(wire::v1::ReturnValue choice);

// One write and how it is told.
struct SingleWrite {
  cluster::TablePtr table;
  Row row;
  ItemChange change;  // all but the row's key
  wire::v1::ReturnConsumedCapacity capacity =
      wire::v1::RETURN_CONSUMED_CAPACITY_UNSPECIFIED;
  std::string table_name;  // as the request has it
  std::optional<wire::v1::ItemCollectionMetrics> metrics = {};
  // Of a write that may be repeated.
  std::string token = {};
  std::string fingerprint = {};  // of what it asks for
};

// The write that a request asks for, but for what becomes of the item.
// `language` is of the request, and is taken.
template <typename Request>
SingleWrite MakeSingleWrite(const Request& request, cluster::TablePtr table,
                            Row row, ItemLanguage* language) {
  SingleWrite write;
  write.table = std::move(table);
  write.row = std::move(row);
  write.capacity = request.return_consumed_capacity();
  write.table_name = request.table_name();
  write.change.returned = ReturnedOf(request.return_values());
  if (language->condition.has_value()) {
    write.change.condition =
        std::make_unique<const ItemCondition>(ItemCondition{
            *std::move(language->condition),
            request.return_values_on_condition_check_failure() ==
                wire::v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD});
  }
  return write;
}

// Looks up the metrics of the item's collection, if the request wants them.
// `item` is the canonical item or its key.
template <typename Request>
void AddMetrics(const Router& router, const Request& request,
                absl::string_view item, SingleWrite* write) {
  if (WantsMetrics(request.return_item_collection_metrics(), *write->table)) {
    write->metrics =
        MetricsOf(router.host(), *write->table, *write->row.partition, item);
  }
}

// kValidation unless it has 1..36 bytes.
absl::Status CheckRequestToken(absl::string_view token);

// Takes the request's token, if it has one. `bytes` are the canonical item or
// key of the request.
template <typename Request>
absl::Status AddToken(const Request& request, absl::string_view bytes,
                      SingleWrite* write) {
  if (!request.has_client_request_token()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckRequestToken(request.client_request_token()));
  write->token = request.client_request_token();
  Request same = request;
  same.clear_client_request_token();
  same.clear_return_consumed_capacity();
  same.clear_return_item_collection_metrics();
  if constexpr (requires { same.set_item(std::string()); }) {
    same.set_item(std::string(bytes));
  } else {
    same.set_key(std::string(bytes));
  }
  // The three requests may not be taken for each other.
  write->fingerprint = FingerprintOf(same) + Request::descriptor()->name();
  return absl::OkStatus();
}

// Hands the write to the row's partition. If this returns OK the reply will be
// called with the encoded response, and *reply is taken; otherwise it is not.
// `transactions` may be null if there are no tokens.
absl::Status SubmitSingleWrite(const Router& router, Transactions* transactions,
                               SingleWrite write, const CallContext& context,
                               Reply* reply);

}  // namespace pallet::service
