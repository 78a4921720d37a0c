// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/status_macros.h"
#include "client/client.h"
#include "client/codec.h"
#include "client/condition_fields.h"
#include "client/wire_fields.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "pallet/wire/v1/transaction.pb.h"

namespace pallet {
namespace {

constexpr absl::string_view kCancellation =
    "type.googleapis.com/pallet.v1.TransactionCancellation";

}  // namespace

namespace internal {
namespace {

namespace wire = ::pallet::wire::v1;

void SetAction(const TransactWriteRequest::Put& put,
               wire::TransactWriteItem* action) {
  wire::Put* const message = action->mutable_put();
  message->set_table_name(put.table);
  message->set_item(put.item.Encode());
  SetWriteCondition(put, message);
}

void SetAction(const TransactWriteRequest::Delete& key,
               wire::TransactWriteItem* action) {
  wire::Delete* const message = action->mutable_delete_();
  message->set_table_name(key.table);
  message->set_key(key.key.Encode());
  SetWriteCondition(key, message);
}

void SetAction(const TransactWriteRequest::Update& update,
               wire::TransactWriteItem* action) {
  wire::Update* const message = action->mutable_update();
  message->set_table_name(update.table);
  message->set_key(update.key.Encode());
  message->set_update_expression(update.update);
  SetWriteCondition(update, message);
}

void SetAction(const TransactWriteRequest::Check& check,
               wire::TransactWriteItem* action) {
  wire::ConditionCheck* const message = action->mutable_condition_check();
  message->set_table_name(check.table);
  message->set_key(check.key.Encode());
  SetWriteCondition(check, message);
}

}  // namespace

std::string Encode(const TransactWriteRequest& request) {
  wire::TransactWriteItemsRequest message;
  for (const TransactWriteRequest::Action& action : request.actions) {
    wire::TransactWriteItem* const added = message.add_transact_items();
    std::visit([added](const auto& each) { SetAction(each, added); }, action);
  }
  if (!request.token.empty()) message.set_client_request_token(request.token);
  return message.SerializeAsString();
}

std::string Encode(const TransactGetRequest& request) {
  wire::TransactGetItemsRequest message;
  for (const TransactGetRequest::Get& get : request.gets) {
    wire::Get* const added = message.add_transact_items()->mutable_get();
    added->set_table_name(get.table);
    added->set_key(get.key.Encode());
    if (!get.projection.empty()) {
      added->set_projection_expression(get.projection);
    }
    for (const auto& [placeholder, name] : get.names) {
      (*added->mutable_expression_attribute_names())[placeholder] = name;
    }
  }
  return message.SerializeAsString();
}

template <>
absl::StatusOr<TransactWriteResponse> Decode<TransactWriteRequest>(
    absl::string_view encoded) {
  wire::TransactWriteItemsResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  return TransactWriteResponse{
      {message.positions().begin(), message.positions().end()}};
}

template <>
absl::StatusOr<TransactGetResponse> Decode<TransactGetRequest>(
    absl::string_view encoded) {
  wire::TransactGetItemsResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  TransactGetResponse response;
  for (const wire::ItemResponse& each : message.responses()) {
    std::optional<Item>& item = response.items.emplace_back();
    if (!each.has_item()) continue;
    ASSIGN_OR_RETURN(item, Item::Decode(each.item()));
  }
  return response;
}

}  // namespace internal

std::vector<CancellationReason> CancellationReasons(
    const absl::Status& status) {
  std::vector<CancellationReason> reasons;
  const absl::optional<absl::Cord> detail = status.GetPayload(kCancellation);
  if (!detail.has_value()) return reasons;
  wire::v1::TransactionCancellation message;
  if (!message.ParseFromString(std::string(*detail))) return reasons;
  for (const auto& each : message.cancellation_reasons()) {
    CancellationReason& reason = reasons.emplace_back();
    reason.code = each.code();
    reason.message = each.message();
    if (!each.has_item()) continue;
    absl::StatusOr<Item> item = Item::Decode(each.item());
    if (item.ok()) reason.item = *std::move(item);
  }
  return reasons;
}

}  // namespace pallet
