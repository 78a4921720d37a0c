// SPDX-License-Identifier: Apache-2.0
//
// What PutItem and DeleteItem share: their choices of what to return, and the
// way of one item to the store and back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/handlers/item_write.h"
#include "service/operation.h"
#include "service/router.h"
#include "service/validation.h"

namespace pallet::service {

template <typename Request>
void CheckWriteEnums(const Request& request, model::Constraints* constraints) {
  CheckEnum(EnumRule::kReturnValues, request.return_values(), "returnValues",
            constraints);
  CheckEnum(EnumRule::kReturnConsumedCapacity,
            request.return_consumed_capacity(), "returnConsumedCapacity",
            constraints);
}

// NONE and ALL_OLD only.
absl::Status CheckReturnValuesOfPutOrDelete(wire::v1::ReturnValue choice);

// What goes into the response, and how it is told.
struct SingleWriteAnswer {
  bool return_old = false;
  wire::v1::ReturnConsumedCapacity capacity =
      wire::v1::RETURN_CONSUMED_CAPACITY_UNSPECIFIED;
  std::string table_name;  // as the request has it
};

// Hands the write to the row's partition; `item` nullopt deletes. If this
// returns OK the reply will be called with the encoded response, and *reply is
// taken; otherwise it is not.
absl::Status SubmitSingleWrite(const Router& router,
                               const cluster::TablePtr& table, Row row,
                               std::optional<model::CanonicalItem> item,
                               SingleWriteAnswer answer,
                               const CallContext& context, Reply* reply);

template <typename Request>
absl::Status SubmitSingleWrite(const Router& router,
                               const cluster::TablePtr& table, Row row,
                               std::optional<model::CanonicalItem> item,
                               const Request& request,
                               const CallContext& context, Reply* reply) {
  return SubmitSingleWrite(
      router, table, std::move(row), std::move(item),
      SingleWriteAnswer{
          request.return_values() == wire::v1::RETURN_VALUE_ALL_OLD,
          request.return_consumed_capacity(), request.table_name()},
      context, reply);
}

}  // namespace pallet::service
