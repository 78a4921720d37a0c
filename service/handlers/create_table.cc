// SPDX-License-Identifier: Apache-2.0
//
// CreateTable: the table is ACTIVE and durable when it answers.
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/schema.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/global_index_request.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/schema_request.h"
#include "service/handlers/stream_request.h"
#include "service/handlers/table_description.h"
#include "service/handlers/table_settings.h"
#include "service/handlers/tags.h"
#include "service/handlers/throughput.h"
#include "service/streams/stream_names.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::TableRecord;

absl::Status CheckConstraints(const v1::CreateTableRequest& request) {
  model::Constraints constraints;
  CheckSchemaMembers(request, &constraints);
  CheckGlobalIndexes(request, &constraints);
  if (request.has_provisioned_throughput()) {
    CheckThroughput(request.provisioned_throughput(), "", &constraints);
  }
  CheckEnum(EnumRule::kBillingMode, request.billing_mode(), "billingMode",
            &constraints);
  CheckEnum(EnumRule::kTableClass, request.table_class(), "tableClass",
            &constraints);
  CheckEncryption(request.sse_specification(), &constraints);
  CheckStream(request.has_stream_specification(),
              request.stream_specification(), &constraints);
  return constraints.ToStatus();
}

bool IsPayPerRequest(const v1::CreateTableRequest& request) {
  return request.billing_mode() == v1::BILLING_MODE_PAY_PER_REQUEST;
}

absl::Status CheckBilling(const v1::CreateTableRequest& request) {
  if (IsPayPerRequest(request)) {
    return request.has_provisioned_throughput() ? ThroughputRefused()
                                                : absl::OkStatus();
  }
  if (!request.has_provisioned_throughput()) return ThroughputRequired();
  return CheckThroughputBounds(request.provisioned_throughput());
}

absl::Status CheckSchema(const v1::CreateTableRequest& request,
                         size_t max_global_indexes) {
  model::TableSchemaDefinition definition = DefinitionOf(request);
  definition.max_global_indexes = max_global_indexes;
  return model::MakeTableSchema(definition).status();
}

// REQUIRES: throughput and schema are valid.
absl::StatusOr<TableRecord> RecordOf(const v1::CreateTableRequest& request,
                                     const std::string& stream_label,
                                     absl::Time now) {
  TableRecord record;
  record.set_name(request.table_name());
  for (const auto& each : request.attribute_definitions()) {
    auto* definition = record.add_attribute_definitions();
    definition->set_name(each.attribute_name());
    definition->set_type(
        static_cast<storage::v1::ScalarType>(each.attribute_type()));
  }
  for (const auto& each : request.key_schema()) {
    auto* element = record.add_key_schema();
    element->set_name(each.attribute_name());
    element->set_role(static_cast<storage::v1::KeyRole>(each.key_type()));
  }
  for (const auto& each : request.local_secondary_indexes()) {
    auto* index = record.add_local_indexes();
    index->set_name(each.index_name());
    index->set_sort_attribute(each.key_schema(1).attribute_name());
    index->set_projection(static_cast<storage::v1::IndexProjection>(
        each.projection().projection_type()));
    *index->mutable_non_key_attributes() =
        each.projection().non_key_attributes();
    record.set_keeps_collection_sizes(true);
  }
  if (IsPayPerRequest(request)) {
    record.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
    *record.mutable_pay_per_request_since() = ToProto(now);
  } else {
    record.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PROVISIONED);
    auto* throughput = record.mutable_provisioned_throughput();
    throughput->set_read_capacity_units(
        request.provisioned_throughput().read_capacity_units());
    throughput->set_write_capacity_units(
        request.provisioned_throughput().write_capacity_units());
  }
  record.set_table_class(
      static_cast<storage::v1::TableStorageClass>(request.table_class()));
  record.set_deletion_protection(request.deletion_protection_enabled());
  RETURN_IF_ERROR(SetOnDemandThroughput(
      SettingOf::kNewTable, request.on_demand_throughput(), &record));
  RETURN_IF_ERROR(SetWarmThroughput(SettingOf::kNewTable,
                                    request.warm_throughput(), &record));
  RETURN_IF_ERROR(AddGlobalIndexes(request, &record));
  RETURN_IF_ERROR(SetEncryption(SettingOf::kNewTable,
                                request.sse_specification(), &record));
  if (request.has_stream_specification()) {
    RETURN_IF_ERROR(SetStream(SettingOf::kNewTable,
                              request.stream_specification(), stream_label, now,
                              &record));
  }
  RETURN_IF_ERROR(CheckTags(request.tags()));
  RETURN_IF_ERROR(AddTags(request.tags(), &record));
  return record;
}

absl::StatusOr<std::string> CreateTable(const HandlerOptions& options,
                                        const v1::CreateTableRequest& request) {
  RETURN_IF_ERROR(model::CheckNewTableName(request.table_name()));
  RETURN_IF_ERROR(CheckConstraints(request));
  RETURN_IF_ERROR(CheckBilling(request));
  RETURN_IF_ERROR(CheckSchema(request, options.max_global_indexes));
  RETURN_IF_ERROR(CheckIndexBilling(request));
  const absl::Time now = options.clock->Now();
  ASSIGN_OR_RETURN(
      TableRecord record,
      RecordOf(request,
               NewStreamLabel(*options.host->map(), request.table_name(), now),
               now));
  ASSIGN_OR_RETURN(cluster::TablePtr table,
                   options.host->CreateTable(std::move(record)));
  ASSIGN_OR_RETURN(table, KeepIndexes(options, std::move(table)));
  RETURN_IF_ERROR(KeepStreams(options, *table));
  v1::CreateTableResponse response;
  cluster::TableCounts none;
  none.local_indexes.resize(table->local_indexes.size());
  none.global_indexes.resize(table->global_indexes.size());
  *response.mutable_table_description() = Describe(*table, none);
  return response.SerializeAsString();
}

}  // namespace

void RegisterCreateTable(const HandlerOptions& options,
                         OperationRegistry* registry) {
  registry->Add(
      "CreateTable",
      Pooled<v1::CreateTableRequest>(
          options.control,
          [options](const v1::CreateTableRequest& request, const CallContext&) {
            return CreateTable(options, request);
          }));
}

}  // namespace pallet::service
