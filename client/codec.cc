// SPDX-License-Identifier: Apache-2.0
#include "client/codec.h"

#include <utility>

#include "base/status_macros.h"
#include "client/condition_fields.h"
#include "client/wire_fields.h"
#include "model/errors.h"
#include "pallet/wire/v1/batch.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"

namespace pallet::internal {
namespace {

namespace wire = ::pallet::wire::v1;

// ---- What several requests have in common

// The fields that every request for one item has.
template <typename Message>
std::string EncodeTableAnd(absl::string_view table, int item_field,
                           const Item& item) {
  const std::string item_bytes = item.Encode();
  std::string encoded;
  encoded.reserve(table.size() + item_bytes.size() + 16);
  AppendBytesField(Message::kTableNameFieldNumber, table, &encoded);
  AppendBytesField(item_field, item_bytes, &encoded);
  return encoded;
}

// What a write has beside its table and its item or key.
template <typename Message, typename Request>
void AppendWriteOptions(const Request& request, std::string* encoded) {
  if (!request.return_old && !request.return_item_on_failure &&
      request.condition.empty() && request.names.empty() &&
      request.values.empty() && request.token.empty()) {
    return;
  }
  Message message;
  if (request.return_old) {
    message.set_return_values(wire::RETURN_VALUE_ALL_OLD);
  }
  if (!request.token.empty()) message.set_client_request_token(request.token);
  SetWriteCondition(request, &message);
  message.AppendToString(encoded);
}

wire::ReturnValue ToMessage(ReturnedItem returned) {
  switch (returned) {
    case ReturnedItem::kNone:
      return wire::RETURN_VALUE_UNSPECIFIED;
    case ReturnedItem::kOld:
      return wire::RETURN_VALUE_ALL_OLD;
    case ReturnedItem::kNew:
      return wire::RETURN_VALUE_ALL_NEW;
    case ReturnedItem::kUpdatedOld:
      return wire::RETURN_VALUE_UPDATED_OLD;
    case ReturnedItem::kUpdatedNew:
      return wire::RETURN_VALUE_UPDATED_NEW;
  }
  return wire::RETURN_VALUE_UNSPECIFIED;
}

void SetFreshness(const Freshness& freshness, wire::Freshness* message) {
  if (freshness.strong) message->set_strong(true);
  for (const std::string& position : freshness.positions) {
    message->add_positions(position);
  }
  if (freshness.max_staleness.has_value()) {
    absl::Duration rest;
    const int64_t seconds =
        absl::IDivDuration(*freshness.max_staleness, absl::Seconds(1), &rest);
    message->mutable_max_staleness()->set_seconds(seconds);
    message->mutable_max_staleness()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  }
}

bool IsSet(const Freshness& freshness) {
  return freshness.strong || !freshness.positions.empty() ||
         freshness.max_staleness.has_value();
}

template <typename Request, typename Message>
void SetPage(const Request& request, Message* message) {
  message->set_table_name(request.table);
  if (!request.index.empty()) message->set_index_name(request.index);
  if (!request.filter.empty()) {
    message->set_filter_expression(request.filter);
  }
  if (!request.projection.empty()) {
    message->set_projection_expression(request.projection);
  }
  if (request.consistent_read) message->set_consistent_read(true);
  if (request.count_only) message->set_select(wire::SELECT_COUNT);
  if (request.limit.has_value()) message->set_limit(*request.limit);
  if (!request.start_key.empty()) {
    message->set_exclusive_start_key(request.start_key.Encode());
  }
  if (IsSet(request.freshness)) {
    SetFreshness(request.freshness, message->mutable_freshness());
  }
  SetCondition(request.names, request.values, message);
}

wire::QueryRequest ToMessage(const QueryRequest& request) {
  wire::QueryRequest message;
  SetPage(request, &message);
  message.set_key_condition_expression(request.key_condition);
  if (!request.forward) message.set_scan_index_forward(false);
  return message;
}

wire::ScanRequest ToMessage(const ScanRequest& request) {
  wire::ScanRequest message;
  SetPage(request, &message);
  if (request.total_segments != 1 || request.segment != 0) {
    message.set_total_segments(request.total_segments);
    message.set_segment(request.segment);
  }
  return message;
}

// Responses whose field 1 is an item that may be absent.
absl::Status DecodeItemAndPosition(absl::string_view encoded,
                                   std::optional<Item>* item,
                                   std::string* position) {
  WireFields fields(encoded);
  while (fields.Next()) {
    if (fields.number() == 1) {
      ASSIGN_OR_RETURN(*item, Item::Decode(fields.bytes()));
    } else if (fields.number() == 4) {
      *position = std::string(fields.bytes());
    }
  }
  return fields.ok() ? absl::OkStatus() : UnreadableAnswer();
}

// Pages have items, count and scanned_count in fields 1 to 3; what field 4 is
// differs.
absl::Status DecodePageAnd(absl::string_view encoded, ItemPage* page,
                           absl::string_view* field_4) {
  WireFields fields(encoded);
  while (fields.Next()) {
    switch (fields.number()) {
      case 1: {
        ASSIGN_OR_RETURN(Item item, Item::Decode(fields.bytes()));
        page->items.push_back(std::move(item));
        break;
      }
      case 2:
        page->count = static_cast<int>(fields.varint());
        break;
      case 3:
        page->scanned_count = static_cast<int>(fields.varint());
        break;
      case 4:
        *field_4 = fields.bytes();
        break;
    }
  }
  return fields.ok() ? absl::OkStatus() : UnreadableAnswer();
}

absl::StatusOr<ItemPage> DecodePage(absl::string_view encoded) {
  ItemPage page;
  absl::string_view last_key;
  RETURN_IF_ERROR(DecodePageAnd(encoded, &page, &last_key));
  ASSIGN_OR_RETURN(page.last_key, Item::Decode(last_key));
  return page;
}

absl::StatusOr<std::vector<Item>> DecodeItems(
    const google::protobuf::RepeatedPtrField<std::string>& encoded) {
  std::vector<Item> items;
  items.reserve(encoded.size());
  for (const std::string& bytes : encoded) {
    ASSIGN_OR_RETURN(Item item, Item::Decode(bytes));
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

absl::Status UnreadableAnswer() {
  return model::MakeError(model::Reason::kDataLoss,
                          "the service sent an answer that cannot be read");
}

// ---- Requests

// Reads and writes of one item are frequent and small: their fields are written
// as they are, and only what most of them do not have makes a message, whose
// bytes then go on the end.

std::string Encode(const GetItemRequest& request) {
  using Message = wire::GetItemRequest;
  std::string encoded = EncodeTableAnd<Message>(
      request.table, Message::kKeyFieldNumber, request.key);
  if (request.consistent_read) {
    AppendVarintField(Message::kConsistentReadFieldNumber, 1, &encoded);
  }
  if (!request.projection.empty() || !request.names.empty()) {
    Message message;
    if (!request.projection.empty()) {
      message.set_projection_expression(request.projection);
    }
    message.mutable_expression_attribute_names()->insert(request.names.begin(),
                                                         request.names.end());
    message.AppendToString(&encoded);
  }
  return encoded;
}

std::string Encode(const PutItemRequest& request) {
  using Message = wire::PutItemRequest;
  std::string encoded = EncodeTableAnd<Message>(
      request.table, Message::kItemFieldNumber, request.item);
  AppendWriteOptions<Message>(request, &encoded);
  return encoded;
}

std::string Encode(const DeleteItemRequest& request) {
  using Message = wire::DeleteItemRequest;
  std::string encoded = EncodeTableAnd<Message>(
      request.table, Message::kKeyFieldNumber, request.key);
  AppendWriteOptions<Message>(request, &encoded);
  return encoded;
}

std::string Encode(const UpdateItemRequest& request) {
  using Message = wire::UpdateItemRequest;
  std::string encoded = EncodeTableAnd<Message>(
      request.table, Message::kKeyFieldNumber, request.key);
  Message message;
  message.set_return_values(ToMessage(request.returned));
  if (!request.token.empty()) message.set_client_request_token(request.token);
  if (!request.update.empty()) message.set_update_expression(request.update);
  SetWriteCondition(request, &message);
  message.AppendToString(&encoded);
  return encoded;
}

std::string Encode(const QueryRequest& request) {
  return ToMessage(request).SerializeAsString();
}

std::string Encode(const ScanRequest& request) {
  return ToMessage(request).SerializeAsString();
}

std::string Encode(const BatchGetRequest& request) {
  wire::BatchGetItemRequest message;
  for (const auto& [table, keys] : request.tables) {
    wire::KeysAndAttributes& entry = (*message.mutable_request_items())[table];
    for (const Item& key : keys.keys) entry.add_keys(key.Encode());
    if (keys.consistent_read) entry.set_consistent_read(true);
    if (!keys.projection.empty()) {
      entry.set_projection_expression(keys.projection);
    }
    for (const auto& [placeholder, name] : keys.names) {
      (*entry.mutable_expression_attribute_names())[placeholder] = name;
    }
  }
  return message.SerializeAsString();
}

std::string Encode(const BatchWriteRequest& request) {
  wire::BatchWriteItemRequest message;
  for (const auto& [table, writes] : request.tables) {
    wire::WriteRequestList& entry = (*message.mutable_request_items())[table];
    for (const Item& item : writes.puts) {
      entry.add_requests()->mutable_put_request()->set_item(item.Encode());
    }
    for (const Item& key : writes.deletes) {
      entry.add_requests()->mutable_delete_request()->set_key(key.Encode());
    }
  }
  return message.SerializeAsString();
}

std::string EncodeStream(const QueryRequest& request,
                         absl::string_view resume_token) {
  wire::StreamQueryRequest message;
  *message.mutable_query() = ToMessage(request);
  if (!resume_token.empty()) {
    message.set_resume_token(std::string(resume_token));
    message.mutable_query()->clear_exclusive_start_key();
  }
  return message.SerializeAsString();
}

std::string EncodeStream(const ScanRequest& request,
                         absl::string_view resume_token) {
  wire::StreamScanRequest message;
  *message.mutable_scan() = ToMessage(request);
  if (!resume_token.empty()) {
    message.set_resume_token(std::string(resume_token));
    message.mutable_scan()->clear_exclusive_start_key();
  }
  return message.SerializeAsString();
}

// ---- Responses

template <>
absl::StatusOr<GetItemResponse> Decode<GetItemRequest>(
    absl::string_view encoded) {
  GetItemResponse response;
  std::string position;
  RETURN_IF_ERROR(DecodeItemAndPosition(encoded, &response.item, &position));
  return response;
}

template <>
absl::StatusOr<PutItemResponse> Decode<PutItemRequest>(
    absl::string_view encoded) {
  PutItemResponse response;
  RETURN_IF_ERROR(
      DecodeItemAndPosition(encoded, &response.old_item, &response.position));
  return response;
}

template <>
absl::StatusOr<DeleteItemResponse> Decode<DeleteItemRequest>(
    absl::string_view encoded) {
  DeleteItemResponse response;
  RETURN_IF_ERROR(
      DecodeItemAndPosition(encoded, &response.old_item, &response.position));
  return response;
}

template <>
absl::StatusOr<UpdateItemResponse> Decode<UpdateItemRequest>(
    absl::string_view encoded) {
  UpdateItemResponse response;
  RETURN_IF_ERROR(
      DecodeItemAndPosition(encoded, &response.item, &response.position));
  return response;
}

template <>
absl::StatusOr<ItemPage> Decode<QueryRequest>(absl::string_view encoded) {
  return DecodePage(encoded);
}

template <>
absl::StatusOr<ItemPage> Decode<ScanRequest>(absl::string_view encoded) {
  return DecodePage(encoded);
}

template <>
absl::StatusOr<BatchGetResponse> Decode<BatchGetRequest>(
    absl::string_view encoded) {
  wire::BatchGetItemResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  BatchGetResponse response;
  for (const auto& [table, items] : message.responses()) {
    ASSIGN_OR_RETURN(response.items[table], DecodeItems(items.items()));
  }
  for (const auto& [table, entry] : message.unprocessed_keys()) {
    BatchGetKeys& keys = response.unprocessed[table];
    ASSIGN_OR_RETURN(keys.keys, DecodeItems(entry.keys()));
    keys.consistent_read = entry.consistent_read();
    keys.projection = entry.projection_expression();
    keys.names.insert(entry.expression_attribute_names().begin(),
                      entry.expression_attribute_names().end());
  }
  return response;
}

template <>
absl::StatusOr<BatchWriteResponse> Decode<BatchWriteRequest>(
    absl::string_view encoded) {
  wire::BatchWriteItemResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  BatchWriteResponse response;
  response.positions.assign(message.positions().begin(),
                            message.positions().end());
  for (const auto& [table, entry] : message.unprocessed_items()) {
    BatchWrites& writes = response.unprocessed[table];
    for (const wire::WriteRequest& write : entry.requests()) {
      if (write.has_put_request()) {
        ASSIGN_OR_RETURN(Item item, Item::Decode(write.put_request().item()));
        writes.puts.push_back(std::move(item));
      } else {
        ASSIGN_OR_RETURN(Item key, Item::Decode(write.delete_request().key()));
        writes.deletes.push_back(std::move(key));
      }
    }
  }
  return response;
}

absl::StatusOr<StreamedPage> DecodeStreamed(absl::string_view encoded) {
  StreamedPage result;
  absl::string_view resume_token;
  RETURN_IF_ERROR(DecodePageAnd(encoded, &result.page, &resume_token));
  result.resume_token = std::string(resume_token);
  return result;
}

}  // namespace pallet::internal
