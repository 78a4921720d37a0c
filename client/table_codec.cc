// SPDX-License-Identifier: Apache-2.0
//
// The codec of the table operations, and the table of all methods.
#include <utility>

#include "client/codec.h"
#include "model/errors.h"
#include "pallet/v1/table.pb.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::internal {
namespace {

absl::Status Malformed() {
  return model::MakeError(model::Reason::kDataLoss,
                          "the service sent an answer that cannot be read");
}

v1::ScalarAttributeType ToMessage(ScalarType type) {
  switch (type) {
    case ScalarType::kString:
      return v1::SCALAR_ATTRIBUTE_TYPE_S;
    case ScalarType::kNumber:
      return v1::SCALAR_ATTRIBUTE_TYPE_N;
    case ScalarType::kBinary:
      return v1::SCALAR_ATTRIBUTE_TYPE_B;
  }
  return v1::SCALAR_ATTRIBUTE_TYPE_UNSPECIFIED;
}

ScalarType FromMessage(v1::ScalarAttributeType type) {
  switch (type) {
    case v1::SCALAR_ATTRIBUTE_TYPE_N:
      return ScalarType::kNumber;
    case v1::SCALAR_ATTRIBUTE_TYPE_B:
      return ScalarType::kBinary;
    default:
      return ScalarType::kString;
  }
}

void AddKeyAttribute(const KeyAttribute& attribute, v1::KeyType role,
                     v1::CreateTableRequest* message) {
  v1::AttributeDefinition* definition = message->add_attribute_definitions();
  definition->set_attribute_name(attribute.name);
  definition->set_attribute_type(ToMessage(attribute.type));
  v1::KeySchemaElement* element = message->add_key_schema();
  element->set_attribute_name(attribute.name);
  element->set_key_type(role);
}

KeySchema ReadKeySchema(const v1::TableDescription& message) {
  KeySchema schema;
  for (const v1::KeySchemaElement& element : message.key_schema()) {
    KeyAttribute attribute{.name = element.attribute_name()};
    for (const auto& definition : message.attribute_definitions()) {
      if (definition.attribute_name() == attribute.name) {
        attribute.type = FromMessage(definition.attribute_type());
      }
    }
    if (element.key_type() == v1::KEY_TYPE_HASH) {
      schema.partition = std::move(attribute);
    } else {
      schema.sort = std::move(attribute);
    }
  }
  return schema;
}

TableState FromMessage(v1::TableStatus status) {
  switch (status) {
    case v1::TABLE_STATUS_CREATING:
      return TableState::kCreating;
    case v1::TABLE_STATUS_UPDATING:
      return TableState::kUpdating;
    case v1::TABLE_STATUS_DELETING:
      return TableState::kDeleting;
    case v1::TABLE_STATUS_ACTIVE:
      return TableState::kActive;
    default:
      return TableState::kUnknown;
  }
}

TableDescription FromMessage(const v1::TableDescription& message) {
  TableDescription table;
  table.name = message.table_name();
  table.arn = message.table_arn();
  table.id = message.table_id();
  table.state = FromMessage(message.table_status());
  table.key = ReadKeySchema(message);
  table.created =
      absl::FromUnixSeconds(message.creation_date_time().seconds()) +
      absl::Nanoseconds(message.creation_date_time().nanos());
  table.item_count = message.item_count();
  table.size_bytes = message.table_size_bytes();
  table.partition_count = message.partition_count();
  table.deletion_protection = message.deletion_protection_enabled();
  return table;
}

template <typename Message>
absl::StatusOr<TableDescription> DecodeTable(absl::string_view encoded) {
  Message message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return Malformed();
  }
  if constexpr (requires { message.table(); }) {
    return FromMessage(message.table());
  } else {
    return FromMessage(message.table_description());
  }
}

template <typename Message>
std::string EncodeTableName(const std::string& table) {
  Message message;
  message.set_table_name(table);
  return message.SerializeAsString();
}

}  // namespace

// ---- Methods

#define PALLET_METHOD(Request, rpc, repeat, pipeline_field)               \
  template <>                                                             \
  const Method& MethodOf<Request>() {                                     \
    static constexpr Method kMethod = {"/pallet.v1." rpc, Repeat::repeat, \
                                       pipeline_field};                   \
    return kMethod;                                                       \
  }
// clang-format off
PALLET_METHOD(GetItemRequest, "ItemService/GetItem", kSafe, 3)
PALLET_METHOD(PutItemRequest, "ItemService/PutItem", kOnce, 4)
PALLET_METHOD(DeleteItemRequest, "ItemService/DeleteItem", kOnce, 6)
PALLET_METHOD(UpdateItemRequest, "ItemService/UpdateItem", kOnce, 5)
PALLET_METHOD(QueryRequest, "ItemService/Query", kSafe, 7)
PALLET_METHOD(ScanRequest, "ItemService/Scan", kSafe, 8)
PALLET_METHOD(BatchGetRequest, "ItemService/BatchGetItem", kSafe, 9)
PALLET_METHOD(BatchWriteRequest, "ItemService/BatchWriteItem", kOnce, 10)
PALLET_METHOD(CreateTableRequest, "TableService/CreateTable", kOnce, 0)
PALLET_METHOD(DescribeTableRequest, "TableService/DescribeTable", kSafe, 0)
PALLET_METHOD(UpdateTableRequest, "TableService/UpdateTable", kOnce, 0)
PALLET_METHOD(DeleteTableRequest, "TableService/DeleteTable", kOnce, 0)
PALLET_METHOD(ListTablesRequest, "TableService/ListTables", kSafe, 0)
// clang-format on
#undef PALLET_METHOD

const Method kStreamQuery = {"/pallet.v1.ItemService/StreamQuery",
                             Repeat::kSafe, 0};
const Method kStreamScan = {"/pallet.v1.ItemService/StreamScan", Repeat::kSafe,
                            0};

// ---- Requests

std::string Encode(const CreateTableRequest& request) {
  v1::CreateTableRequest message;
  message.set_table_name(request.table);
  message.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
  AddKeyAttribute(request.key.partition, v1::KEY_TYPE_HASH, &message);
  if (request.key.sort.has_value()) {
    AddKeyAttribute(*request.key.sort, v1::KEY_TYPE_RANGE, &message);
  }
  if (request.deletion_protection) {
    message.set_deletion_protection_enabled(true);
  }
  return message.SerializeAsString();
}

std::string Encode(const DescribeTableRequest& request) {
  return EncodeTableName<v1::DescribeTableRequest>(request.table);
}

std::string Encode(const UpdateTableRequest& request) {
  v1::UpdateTableRequest message;
  message.set_table_name(request.table);
  if (request.deletion_protection.has_value()) {
    message.set_deletion_protection_enabled(*request.deletion_protection);
  }
  return message.SerializeAsString();
}

std::string Encode(const DeleteTableRequest& request) {
  return EncodeTableName<v1::DeleteTableRequest>(request.table);
}

std::string Encode(const ListTablesRequest& request) {
  v1::ListTablesRequest message;
  if (request.limit.has_value()) message.set_limit(*request.limit);
  if (!request.start_table.empty()) {
    message.set_exclusive_start_table_name(request.start_table);
  }
  return message.SerializeAsString();
}

// ---- Responses

template <>
absl::StatusOr<TableDescription> Decode<CreateTableRequest>(
    absl::string_view encoded) {
  return DecodeTable<v1::CreateTableResponse>(encoded);
}

template <>
absl::StatusOr<TableDescription> Decode<DescribeTableRequest>(
    absl::string_view encoded) {
  return DecodeTable<v1::DescribeTableResponse>(encoded);
}

template <>
absl::StatusOr<TableDescription> Decode<UpdateTableRequest>(
    absl::string_view encoded) {
  return DecodeTable<v1::UpdateTableResponse>(encoded);
}

template <>
absl::StatusOr<TableDescription> Decode<DeleteTableRequest>(
    absl::string_view encoded) {
  return DecodeTable<v1::DeleteTableResponse>(encoded);
}

template <>
absl::StatusOr<ListTablesResponse> Decode<ListTablesRequest>(
    absl::string_view encoded) {
  v1::ListTablesResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return Malformed();
  }
  ListTablesResponse response;
  response.tables.assign(message.table_names().begin(),
                         message.table_names().end());
  response.last_table = message.last_evaluated_table_name();
  return response;
}

}  // namespace pallet::internal

namespace pallet {

absl::string_view NameOf(TableState state) {
  switch (state) {
    case TableState::kCreating:
      return "CREATING";
    case TableState::kUpdating:
      return "UPDATING";
    case TableState::kDeleting:
      return "DELETING";
    case TableState::kActive:
      return "ACTIVE";
    case TableState::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace pallet
