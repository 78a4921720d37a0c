// SPDX-License-Identifier: Apache-2.0
#include "service/not_built.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/protobuf/wire_format.h"
#include "model/errors.h"

namespace pallet::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::internal::WireFormat;
using google::protobuf::internal::WireFormatLite;

struct MessageRow {
  const char* message;
  const char* built;  // field names, separated by spaces
};

// The one table: which fields of which messages are built. Items and attribute
// values are bytes here (the wire twin) and have rules of their own
// (model/item_codec.h).
constexpr MessageRow kBuilt[] = {
    // Tables.
    {"CreateTableRequest",
     "attribute_definitions table_name key_schema local_secondary_indexes "
     "global_secondary_indexes billing_mode "
     "provisioned_throughput stream_specification sse_specification tags "
     "table_class "
     "deletion_protection_enabled warm_throughput on_demand_throughput"},
    {"DescribeTableRequest", "table_name"},
    {"UpdateTableRequest",
     "attribute_definitions table_name billing_mode provisioned_throughput "
     "global_secondary_index_updates stream_specification "
     "sse_specification table_class deletion_protection_enabled "
     "on_demand_throughput warm_throughput allow_several_index_changes"},
    {"UpdateIndexPropagationRequest", "table_name index_name paused delay"},
    {"DeleteTableRequest", "table_name"},
    {"ListTablesRequest", "exclusive_start_table_name limit"},
    {"TagResourceRequest", "resource_arn tags"},
    {"UntagResourceRequest", "resource_arn tag_keys"},
    {"ListTagsOfResourceRequest", "resource_arn next_token"},
    {"DescribeLimitsRequest", ""},
    {"DescribeEndpointsRequest", ""},
    // The cluster.
    {"GetTopologyRequest", "known_map_version"},
    {"DescribeClusterRequest", ""},
    {"UpdateTimeToLiveRequest", "table_name time_to_live_specification"},
    {"TimeToLiveSpecification", "enabled attribute_name hide_expired_items"},
    {"DescribeTimeToLiveRequest", "table_name"},
    {"AttributeDefinition", "attribute_name attribute_type"},
    {"KeySchemaElement", "attribute_name key_type"},
    {"ProvisionedThroughput", "read_capacity_units write_capacity_units"},
    {"OnDemandThroughput", "max_read_request_units max_write_request_units"},
    {"WarmThroughput", "read_units_per_second write_units_per_second"},
    {"SseSpecification", "enabled sse_type kms_master_key_id"},
    {"Tag", "key value"},
    {"LocalSecondaryIndex", "index_name key_schema projection"},
    {"GlobalSecondaryIndex",
     "index_name key_schema projection provisioned_throughput "
     "on_demand_throughput warm_throughput"},
    {"GlobalSecondaryIndexUpdate", "update create delete"},
    {"UpdateGlobalSecondaryIndexAction",
     "index_name provisioned_throughput on_demand_throughput "
     "warm_throughput"},
    {"CreateGlobalSecondaryIndexAction",
     "index_name key_schema projection provisioned_throughput "
     "on_demand_throughput warm_throughput"},
    {"DeleteGlobalSecondaryIndexAction", "index_name"},
    {"Projection", "projection_type non_key_attributes"},
    {"StreamSpecification", "stream_enabled stream_view_type"},
    // Streams.
    {"ListStreamsRequest", "table_name limit exclusive_start_stream_arn"},
    {"DescribeStreamRequest",
     "stream_arn limit exclusive_start_shard_id shard_filter"},
    {"ShardFilter", "type shard_id"},
    {"GetShardIteratorRequest",
     "stream_arn shard_id shard_iterator_type sequence_number"},
    {"GetRecordsRequest", "shard_iterator limit"},
    {"WatchRequest",
     "table_name filter_expression expression_attribute_names "
     "expression_attribute_values snapshot resume_token heartbeat_interval "
     "partition_key positions"},
    // Items.
    {"GetItemRequest",
     "table_name key attributes_to_get consistent_read "
     "return_consumed_capacity projection_expression "
     "expression_attribute_names freshness"},
    {"PutItemRequest",
     "table_name item expected return_values return_consumed_capacity "
     "return_item_collection_metrics "
     "conditional_operator condition_expression expression_attribute_names "
     "expression_attribute_values return_values_on_condition_check_failure "
     "client_request_token"},
    {"UpdateItemRequest",
     "table_name key attribute_updates expected conditional_operator "
     "return_values return_consumed_capacity return_item_collection_metrics "
     "update_expression "
     "condition_expression expression_attribute_names "
     "expression_attribute_values return_values_on_condition_check_failure "
     "client_request_token"},
    {"DeleteItemRequest",
     "table_name key expected conditional_operator return_values "
     "return_consumed_capacity return_item_collection_metrics "
     "condition_expression "
     "expression_attribute_names expression_attribute_values "
     "return_values_on_condition_check_failure "
     "client_request_token"},
    {"QueryRequest",
     "table_name index_name select attributes_to_get limit consistent_read "
     "key_conditions query_filter conditional_operator scan_index_forward "
     "exclusive_start_key return_consumed_capacity projection_expression "
     "filter_expression key_condition_expression expression_attribute_names "
     "expression_attribute_values freshness"},
    {"ScanRequest",
     "table_name index_name attributes_to_get limit select scan_filter "
     "conditional_operator exclusive_start_key return_consumed_capacity "
     "total_segments segment projection_expression filter_expression "
     "expression_attribute_names expression_attribute_values "
     "consistent_read freshness"},
    {"Freshness", "strong positions max_staleness max_wait"},
    {"Duration", "seconds nanos"},
    {"Condition", "attribute_value_list comparison_operator"},
    {"ExpectedAttributeValue",
     "value exists comparison_operator attribute_value_list"},
    {"AttributeValueUpdate", "value action"},
    {"StreamQueryRequest", "query resume_token"},
    {"StreamScanRequest", "scan resume_token"},
    {"BatchGetItemRequest", "request_items return_consumed_capacity freshness"},
    {"KeysAndAttributes",
     "keys attributes_to_get consistent_read projection_expression "
     "expression_attribute_names"},
    {"BatchWriteItemRequest",
     "request_items return_consumed_capacity return_item_collection_metrics"},
    {"TransactGetItemsRequest", "transact_items return_consumed_capacity"},
    {"TransactGetItem", "get"},
    {"Get", "key table_name projection_expression expression_attribute_names"},
    {"TransactWriteItemsRequest",
     "transact_items return_consumed_capacity return_item_collection_metrics "
     "client_request_token"},
    {"TransactWriteItem", "condition_check put delete update"},
    {"ConditionCheck",
     "key table_name condition_expression expression_attribute_names "
     "expression_attribute_values return_values_on_condition_check_failure"},
    {"Put",
     "item table_name condition_expression expression_attribute_names "
     "expression_attribute_values return_values_on_condition_check_failure"},
    {"Delete",
     "key table_name condition_expression expression_attribute_names "
     "expression_attribute_values return_values_on_condition_check_failure"},
    {"Update",
     "key update_expression table_name condition_expression "
     "expression_attribute_names expression_attribute_values "
     "return_values_on_condition_check_failure"},
    {"ExecuteStatementRequest",
     "statement parameters consistent_read next_token "
     "return_consumed_capacity limit "
     "return_values_on_condition_check_failure"},
    {"BatchExecuteStatementRequest", "statements return_consumed_capacity"},
    {"BatchStatementRequest",
     "statement parameters consistent_read "
     "return_values_on_condition_check_failure"},
    {"ExecuteTransactionRequest",
     "transact_statements client_request_token return_consumed_capacity"},
    {"ParameterizedStatement",
     "statement parameters return_values_on_condition_check_failure"},
    {"WriteRequestList", "requests"},
    {"WriteRequest", "put_request delete_request"},
    {"PutRequest", "item"},
    {"DeleteRequest", "key"},
};

const char* BuiltFieldsOf(const Descriptor* message) {
  for (const MessageRow& row : kBuilt) {
    if (message->name() == row.message) return row.built;
  }
  return nullptr;
}

absl::Status FieldNotBuilt(absl::string_view path) {
  return model::MakeError(
      model::Reason::kNotBuilt,
      absl::StrCat("The field ", path,
                   " is not built in this version; nothing was done"));
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(message, field) > 0
                              : reflection->HasField(message, field);
}

// The message within a field that has rules of its own, or nullptr.
const Descriptor* NestedMessage(const FieldDescriptor* field) {
  if (field->is_map()) field = field->message_type()->map_value();
  return field->message_type();
}

}  // namespace

// What is to be looked at in one message type.
struct BuiltFields::Node {
  std::vector<const FieldDescriptor*> refused;
  std::vector<std::pair<const FieldDescriptor*, std::unique_ptr<const Node>>>
      nested;

  static std::unique_ptr<const Node> Make(const Descriptor* message) {
    const char* built = BuiltFieldsOf(message);
    CHECK(built != nullptr) << message->full_name();
    auto node = std::make_unique<Node>();
    const std::vector<std::string> names =
        absl::StrSplit(built, ' ', absl::SkipEmpty());
    for (const std::string& name : names) {
      const FieldDescriptor* field = message->FindFieldByName(name);
      CHECK(field != nullptr) << message->full_name() << "." << name;
      if (const Descriptor* inner = NestedMessage(field)) {
        node->nested.emplace_back(field, Make(inner));
      }
    }
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      if (std::find(names.begin(), names.end(), field->name()) == names.end()) {
        node->refused.push_back(field);
      }
    }
    return node;
  }

  absl::Status Check(const Message& message, const std::string& path) const {
    const auto& unknown = message.GetReflection()->GetUnknownFields(message);
    if (!unknown.empty()) {
      return FieldNotBuilt(
          absl::StrCat(path, "(number ", unknown.field(0).number(), ")"));
    }
    for (const FieldDescriptor* field : refused) {
      if (IsSet(message, field)) {
        return FieldNotBuilt(absl::StrCat(path, field->name()));
      }
    }
    for (const auto& [field, node] : nested) {
      RETURN_IF_ERROR(CheckNested(message, field, *node, path));
    }
    return absl::OkStatus();
  }

  static absl::Status CheckNested(const Message& message,
                                  const FieldDescriptor* field,
                                  const Node& node, const std::string& path) {
    if (!IsSet(message, field)) return absl::OkStatus();
    const Reflection* reflection = message.GetReflection();
    if (!field->is_repeated()) {
      return node.Check(reflection->GetMessage(message, field),
                        absl::StrCat(path, field->name(), "."));
    }
    const int size = reflection->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      const Message* inner = &reflection->GetRepeatedMessage(message, field, i);
      std::string step = absl::StrCat(i);
      if (field->is_map()) {
        const Reflection* entry = inner->GetReflection();
        step = entry->GetString(*inner, inner->GetDescriptor()->map_key());
        inner = &entry->GetMessage(*inner, inner->GetDescriptor()->map_value());
      }
      RETURN_IF_ERROR(node.Check(
          *inner, absl::StrCat(path, field->name(), "[", step, "].")));
    }
    return absl::OkStatus();
  }
};

BuiltFields::BuiltFields(const Descriptor* message)
    : root_(Node::Make(message)) {
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    const auto& refused = root_->refused;
    const bool is_refused =
        std::find(refused.begin(), refused.end(), field) != refused.end();
    if (is_refused || field->message_type() != nullptr) continue;
    const uint32_t tag = WireFormat::MakeTag(field);
    if (tag < plain_.size()) plain_.set(tag);
  }
}

BuiltFields::~BuiltFields() = default;

absl::Status BuiltFields::Check(absl::string_view encoded,
                                const Message& request) const {
  return HasOnlyPlain(encoded) ? absl::OkStatus() : Check(request);
}

bool BuiltFields::HasOnlyPlain(absl::string_view encoded) const {
  while (!encoded.empty()) {
    const auto tag = static_cast<uint8_t>(encoded.front());
    encoded.remove_prefix(1);
    if (tag >= plain_.size() || !plain_.test(tag)) return false;
    uint64_t number;
    absl::string_view bytes;
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        if (!ConsumeVarint(&encoded, &number)) return false;
        break;
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        if (!ConsumeBytes(&encoded, &bytes)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

absl::Status BuiltFields::Check(const Message& request) const {
  return root_->Check(request, "");
}

}  // namespace pallet::service
