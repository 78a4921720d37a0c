// SPDX-License-Identifier: Apache-2.0
//
// The codec of the table operations, and the table of all methods.
#include <utility>

#include "client/codec.h"
#include "pallet/v1/table.pb.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet::internal {
namespace {

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

// Each attribute is defined once.
template <typename Message>
void Define(const KeyAttribute& attribute, Message* message) {
  for (const auto& known : message->attribute_definitions()) {
    if (known.attribute_name() == attribute.name) return;
  }
  v1::AttributeDefinition* definition = message->add_attribute_definitions();
  definition->set_attribute_name(attribute.name);
  definition->set_attribute_type(ToMessage(attribute.type));
}

// To a request or an index.
template <typename Message>
void AddElement(const std::string& name, v1::KeyType role, Message* message) {
  v1::KeySchemaElement* element = message->add_key_schema();
  element->set_attribute_name(name);
  element->set_key_type(role);
}

void AddKeyAttribute(const KeyAttribute& attribute, v1::KeyType role,
                     v1::CreateTableRequest* message) {
  Define(attribute, message);
  AddElement(attribute.name, role, message);
}

v1::ProjectionType ToMessage(IndexProjection projection) {
  switch (projection) {
    case IndexProjection::kAll:
      return v1::PROJECTION_TYPE_ALL;
    case IndexProjection::kKeysOnly:
      return v1::PROJECTION_TYPE_KEYS_ONLY;
    case IndexProjection::kInclude:
      return v1::PROJECTION_TYPE_INCLUDE;
  }
  return v1::PROJECTION_TYPE_UNSPECIFIED;
}

IndexProjection FromMessage(v1::ProjectionType projection) {
  switch (projection) {
    case v1::PROJECTION_TYPE_KEYS_ONLY:
      return IndexProjection::kKeysOnly;
    case v1::PROJECTION_TYPE_INCLUDE:
      return IndexProjection::kInclude;
    default:
      return IndexProjection::kAll;
  }
}

template <typename Index, typename Message>
void SetProjection(const Index& index, Message* message) {
  message->mutable_projection()->set_projection_type(
      ToMessage(index.projection));
  for (const std::string& name : index.included) {
    message->mutable_projection()->add_non_key_attributes(name);
  }
}

void AddLocalIndex(const LocalIndex& index, const std::string& partition_key,
                   v1::CreateTableRequest* message) {
  Define(index.sort, message);
  v1::LocalSecondaryIndex* added = message->add_local_secondary_indexes();
  added->set_index_name(index.name);
  AddElement(partition_key, v1::KEY_TYPE_HASH, added);
  AddElement(index.sort.name, v1::KEY_TYPE_RANGE, added);
  SetProjection(index, added);
}

// `added` is of `message`, whose attributes are defined.
template <typename Message, typename Added>
void SetGlobalIndex(const GlobalIndex& index, Message* message, Added* added) {
  added->set_index_name(index.name);
  for (const KeyAttribute& each : index.partition) {
    Define(each, message);
    AddElement(each.name, v1::KEY_TYPE_HASH, added);
  }
  for (const KeyAttribute& each : index.sort) {
    Define(each, message);
    AddElement(each.name, v1::KEY_TYPE_RANGE, added);
  }
  SetProjection(index, added);
}

template <typename Message>
void AddTags(const Tags& tags, Message* message) {
  for (const auto& [key, value] : tags) {
    v1::Tag* tag = message->add_tags();
    tag->set_key(key);
    tag->set_value(value);
  }
}

ScalarType TypeOf(const v1::TableDescription& message,
                  const std::string& attribute) {
  for (const auto& definition : message.attribute_definitions()) {
    if (definition.attribute_name() == attribute) {
      return FromMessage(definition.attribute_type());
    }
  }
  return ScalarType::kString;
}

LocalIndexDescription ReadLocalIndex(
    const v1::TableDescription& table,
    const v1::LocalSecondaryIndexDescription& message) {
  LocalIndexDescription description;
  LocalIndex& index = description.index;
  index.name = message.index_name();
  for (const v1::KeySchemaElement& element : message.key_schema()) {
    if (element.key_type() != v1::KEY_TYPE_RANGE) continue;
    index.sort = {element.attribute_name(),
                  TypeOf(table, element.attribute_name())};
  }
  index.projection = FromMessage(message.projection().projection_type());
  index.included.assign(message.projection().non_key_attributes().begin(),
                        message.projection().non_key_attributes().end());
  description.item_count = message.item_count();
  description.size_bytes = message.index_size_bytes();
  return description;
}

IndexState FromMessage(v1::IndexStatus status) {
  switch (status) {
    case v1::INDEX_STATUS_CREATING:
      return IndexState::kCreating;
    case v1::INDEX_STATUS_UPDATING:
      return IndexState::kUpdating;
    case v1::INDEX_STATUS_DELETING:
      return IndexState::kDeleting;
    case v1::INDEX_STATUS_ACTIVE:
      return IndexState::kActive;
    default:
      return IndexState::kUnknown;
  }
}

absl::Duration FromMessage(const google::protobuf::Duration& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

// While it is filled.
void ReadBackfill(const v1::IndexProgress& message, IndexProgress* progress) {
  if (message.has_items_read()) progress->items_read = message.items_read();
  if (message.has_items_total()) progress->items_total = message.items_total();
  if (message.has_items_per_second()) {
    progress->items_per_second = message.items_per_second();
  }
  if (message.has_time_left()) {
    progress->time_left = FromMessage(message.time_left());
  }
}

IndexProgress FromMessage(const v1::IndexProgress& message) {
  IndexProgress progress;
  progress.changes_behind = message.changes_behind();
  progress.time_behind = FromMessage(message.time_behind());
  if (message.has_backfill_fraction()) {
    progress.backfill_fraction = message.backfill_fraction();
  }
  progress.items_skipped = message.items_skipped();
  for (const v1::SkippedItem& skipped : message.skipped()) {
    absl::StatusOr<Item> key = Item::Decode(skipped.key().SerializeAsString());
    progress.skipped.push_back(
        {key.ok() ? *std::move(key) : Item(), skipped.reason()});
  }
  ReadBackfill(message, &progress);
  progress.paused = message.paused();
  progress.delay = FromMessage(message.delay());
  return progress;
}

GlobalIndexDescription ReadGlobalIndex(
    const v1::TableDescription& table,
    const v1::GlobalSecondaryIndexDescription& message) {
  GlobalIndexDescription description;
  GlobalIndex& index = description.index;
  index.name = message.index_name();
  for (const v1::KeySchemaElement& element : message.key_schema()) {
    auto& part =
        element.key_type() == v1::KEY_TYPE_HASH ? index.partition : index.sort;
    part.push_back(
        {element.attribute_name(), TypeOf(table, element.attribute_name())});
  }
  index.projection = FromMessage(message.projection().projection_type());
  index.included.assign(message.projection().non_key_attributes().begin(),
                        message.projection().non_key_attributes().end());
  description.state = FromMessage(message.index_status());
  description.item_count = message.item_count();
  description.size_bytes = message.index_size_bytes();
  if (message.has_progress()) {
    description.progress = FromMessage(message.progress());
  }
  return description;
}

KeySchema ReadKeySchema(const v1::TableDescription& message) {
  KeySchema schema;
  for (const v1::KeySchemaElement& element : message.key_schema()) {
    KeyAttribute attribute{element.attribute_name(),
                           TypeOf(message, element.attribute_name())};
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
  table.stream = static_cast<StreamView>(
      message.stream_specification().stream_view_type());
  table.latest_stream_arn = message.latest_stream_arn();
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
  for (const auto& index : message.local_secondary_indexes()) {
    table.local_indexes.push_back(ReadLocalIndex(message, index));
  }
  for (const auto& index : message.global_secondary_indexes()) {
    table.global_indexes.push_back(ReadGlobalIndex(message, index));
  }
  return table;
}

template <typename Message>
absl::StatusOr<TableDescription> DecodeTable(absl::string_view encoded) {
  Message message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
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

#define PALLET_METHOD_AS(Function, Request, rpc, repeat, pipeline_field)  \
  template <>                                                             \
  const Method& Function<Request>() {                                     \
    static constexpr Method kMethod = {"/pallet.v1." rpc, Repeat::repeat, \
                                       pipeline_field};                   \
    return kMethod;                                                       \
  }
#define PALLET_METHOD(Request, rpc, repeat, pipeline_field) \
  PALLET_METHOD_AS(MethodOf, Request, rpc, repeat, pipeline_field)
#define PALLET_METHOD_TO_REPEAT(Request, rpc, pipeline_field) \
  PALLET_METHOD_AS(MethodToRepeatOf, Request, rpc, kSafe, pipeline_field)
// clang-format off
PALLET_METHOD_TO_REPEAT(PutItemRequest, "ItemService/PutItem", 4)
PALLET_METHOD_TO_REPEAT(DeleteItemRequest, "ItemService/DeleteItem", 6)
PALLET_METHOD_TO_REPEAT(UpdateItemRequest, "ItemService/UpdateItem", 5)
PALLET_METHOD_TO_REPEAT(TransactWriteRequest, "ItemService/TransactWriteItems", 12)
PALLET_METHOD(TransactWriteRequest, "ItemService/TransactWriteItems", kOnce, 12)
PALLET_METHOD(TransactGetRequest, "ItemService/TransactGetItems", kSafe, 11)
PALLET_METHOD_TO_REPEAT(ExecuteStatementRequest, "ItemService/ExecuteStatement", 13)
PALLET_METHOD(ExecuteStatementRequest, "ItemService/ExecuteStatement", kOnce, 13)
PALLET_METHOD_TO_REPEAT(BatchExecuteRequest, "ItemService/BatchExecuteStatement", 0)
PALLET_METHOD(BatchExecuteRequest, "ItemService/BatchExecuteStatement", kOnce, 0)
PALLET_METHOD_TO_REPEAT(ExecuteTransactionRequest, "ItemService/ExecuteTransaction", 0)
PALLET_METHOD(ExecuteTransactionRequest, "ItemService/ExecuteTransaction", kOnce, 0)
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
PALLET_METHOD(UpdateIndexPropagationRequest, "TableService/UpdateIndexPropagation", kSafe, 0)
PALLET_METHOD(UpdateTimeToLiveRequest, "TableService/UpdateTimeToLive", kOnce, 0)
PALLET_METHOD(DescribeTimeToLiveRequest, "TableService/DescribeTimeToLive", kSafe, 0)
PALLET_METHOD(DeleteTableRequest, "TableService/DeleteTable", kOnce, 0)
PALLET_METHOD(TagRequest, "TableService/TagResource", kSafe, 0)
PALLET_METHOD(UntagRequest, "TableService/UntagResource", kSafe, 0)
PALLET_METHOD(ListTagsRequest, "TableService/ListTagsOfResource", kSafe, 0)
PALLET_METHOD(ListTablesRequest, "TableService/ListTables", kSafe, 0)
// clang-format on
#undef PALLET_METHOD_TO_REPEAT
#undef PALLET_METHOD
#undef PALLET_METHOD_AS

const Method kStreamQuery = {"/pallet.v1.ItemService/StreamQuery",
                             Repeat::kSafe, 0};
const Method kStreamScan = {"/pallet.v1.ItemService/StreamScan", Repeat::kSafe,
                            0};

// ---- Requests

namespace {

template <typename Message>
void SetStream(StreamView view, Message* message) {
  v1::StreamSpecification* stream = message->mutable_stream_specification();
  stream->set_stream_enabled(view != StreamView::kNone);
  stream->set_stream_view_type(static_cast<v1::StreamViewType>(view));
}

}  // namespace

std::string Encode(const CreateTableRequest& request) {
  v1::CreateTableRequest message;
  message.set_table_name(request.table);
  message.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
  AddKeyAttribute(request.key.partition, v1::KEY_TYPE_HASH, &message);
  if (request.key.sort.has_value()) {
    AddKeyAttribute(*request.key.sort, v1::KEY_TYPE_RANGE, &message);
  }
  for (const LocalIndex& index : request.local_indexes) {
    AddLocalIndex(index, request.key.partition.name, &message);
  }
  for (const GlobalIndex& index : request.global_indexes) {
    SetGlobalIndex(index, &message, message.add_global_secondary_indexes());
  }
  AddTags(request.tags, &message);
  if (request.stream != StreamView::kNone) SetStream(request.stream, &message);
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
  if (request.stream.has_value()) SetStream(*request.stream, &message);
  for (const GlobalIndex& index : request.create_indexes) {
    SetGlobalIndex(
        index, &message,
        message.add_global_secondary_index_updates()->mutable_create());
  }
  for (const std::string& name : request.delete_indexes) {
    message.add_global_secondary_index_updates()
        ->mutable_delete_()
        ->set_index_name(name);
  }
  if (!message.global_secondary_index_updates().empty()) {
    message.set_allow_several_index_changes(true);
  }
  return message.SerializeAsString();
}

std::string Encode(const UpdateIndexPropagationRequest& request) {
  v1::UpdateIndexPropagationRequest message;
  message.set_table_name(request.table);
  message.set_index_name(request.index);
  if (request.paused.has_value()) message.set_paused(*request.paused);
  if (request.delay.has_value()) {
    absl::Duration rest = *request.delay;
    google::protobuf::Duration* delay = message.mutable_delay();
    delay->set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
    delay->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
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

std::string Encode(const TagRequest& request) {
  v1::TagResourceRequest message;
  message.set_resource_arn(request.table_arn);
  AddTags(request.tags, &message);
  return message.SerializeAsString();
}

std::string Encode(const UntagRequest& request) {
  v1::UntagResourceRequest message;
  message.set_resource_arn(request.table_arn);
  for (const std::string& key : request.keys) message.add_tag_keys(key);
  return message.SerializeAsString();
}

std::string Encode(const ListTagsRequest& request) {
  v1::ListTagsOfResourceRequest message;
  message.set_resource_arn(request.table_arn);
  if (!request.page_token.empty()) message.set_next_token(request.page_token);
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
absl::StatusOr<TableDescription> Decode<UpdateIndexPropagationRequest>(
    absl::string_view encoded) {
  return DecodeTable<v1::UpdateIndexPropagationResponse>(encoded);
}

template <>
absl::StatusOr<TableDescription> Decode<DeleteTableRequest>(
    absl::string_view encoded) {
  return DecodeTable<v1::DeleteTableResponse>(encoded);
}

template <>
absl::StatusOr<TagResponse> Decode<TagRequest>(absl::string_view) {
  return TagResponse{};
}

template <>
absl::StatusOr<UntagResponse> Decode<UntagRequest>(absl::string_view) {
  return UntagResponse{};
}

template <>
absl::StatusOr<ListTagsResponse> Decode<ListTagsRequest>(
    absl::string_view encoded) {
  v1::ListTagsOfResourceResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
  }
  ListTagsResponse response;
  for (const v1::Tag& tag : message.tags()) {
    response.tags[tag.key()] = tag.value();
  }
  response.next_page_token = message.next_token();
  return response;
}

template <>
absl::StatusOr<ListTablesResponse> Decode<ListTablesRequest>(
    absl::string_view encoded) {
  v1::ListTablesResponse message;
  if (!message.ParseFromArray(encoded.data(), encoded.size())) {
    return UnreadableAnswer();
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

absl::string_view NameOf(IndexState state) {
  switch (state) {
    case IndexState::kCreating:
      return "CREATING";
    case IndexState::kUpdating:
      return "UPDATING";
    case IndexState::kDeleting:
      return "DELETING";
    case IndexState::kActive:
      return "ACTIVE";
    case IndexState::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace pallet
