// SPDX-License-Identifier: Apache-2.0
//
// UpdateTable: settings the catalog keeps, and global indexes. They hold when it
// answers, but for indexes that are still to be filled.
#include "absl/strings/str_cat.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/global_index_request.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/schema_request.h"
#include "service/handlers/stream_request.h"
#include "service/handlers/table_description.h"
#include "service/handlers/table_settings.h"
#include "service/handlers/throughput.h"
#include "service/streams/stream_names.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::TableRecord;

absl::Status CheckConstraints(const v1::UpdateTableRequest& request) {
  model::Constraints constraints;
  CheckAttributeDefinitions(request.attribute_definitions(), &constraints);
  if (request.has_provisioned_throughput()) {
    CheckThroughput(request.provisioned_throughput(), "", &constraints);
  }
  CheckIndexUpdates(request, &constraints);
  CheckEnum(EnumRule::kBillingMode, request.billing_mode(), "billingMode",
            &constraints);
  CheckEnum(EnumRule::kTableClass, request.table_class(), "tableClass",
            &constraints);
  CheckEncryption(request.sse_specification(), &constraints);
  CheckStream(request.has_stream_specification(),
              request.stream_specification(), &constraints);
  return constraints.ToStatus();
}

absl::Status CheckSomethingChanges(const v1::UpdateTableRequest& request) {
  const bool other_changes =
      request.billing_mode() != v1::BILLING_MODE_UNSPECIFIED ||
      request.has_provisioned_throughput() ||
      !request.global_secondary_index_updates().empty() ||
      request.table_class() != v1::TABLE_CLASS_UNSPECIFIED ||
      request.has_sse_specification() || request.has_stream_specification() ||
      SaysSomething(request.on_demand_throughput()) ||
      SaysSomething(request.warm_throughput());
  if (request.has_deletion_protection_enabled()) {
    if (!other_changes) return absl::OkStatus();
    return model::ValidationError(
        "DeletionProtection modification must be the only operation in the "
        "request");
  }
  if (other_changes) return absl::OkStatus();
  return model::ValidationError(
      "At least one of ProvisionedThroughput, BillingMode, "
      "UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or "
      "ReplicaUpdates is required");
}

bool IsPayPerRequest(const TableRecord& record) {
  return record.billing_mode() ==
         storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST;
}

// A table stays ready for what it once was, and so do its indexes.
void KeepWarm(TableRecord* record) {
  for (auto& index : *record->mutable_global_indexes()) {
    *index.mutable_warm_throughput() = WarmThroughputOf(*record, index);
  }
  *record->mutable_warm_throughput() = WarmThroughputOf(*record);
}

absl::Status ChangeBilling(const v1::UpdateTableRequest& request,
                           absl::Time now, TableRecord* record) {
  const bool was_per_request = IsPayPerRequest(*record);
  const bool per_request =
      request.billing_mode() == v1::BILLING_MODE_UNSPECIFIED
          ? was_per_request
          : request.billing_mode() == v1::BILLING_MODE_PAY_PER_REQUEST;
  if (per_request) {
    if (request.has_provisioned_throughput()) return ThroughputRefused();
    if (was_per_request) return absl::OkStatus();
    record->set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
    *record->mutable_pay_per_request_since() = ToProto(now);
    KeepWarm(record);
    record->clear_provisioned_throughput();
    return absl::OkStatus();
  }
  if (!request.has_provisioned_throughput()) {
    return was_per_request ? ThroughputRequired() : absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckThroughputBounds(request.provisioned_throughput()));
  KeepWarm(record);
  record->set_billing_mode(storage::v1::TABLE_BILLING_MODE_PROVISIONED);
  record->clear_on_demand_throughput();
  return SetThroughput(request.provisioned_throughput(), "", now,
                       record->mutable_provisioned_throughput());
}

absl::Status Change(const v1::UpdateTableRequest& request,
                    size_t max_global_indexes, const std::string& stream_label,
                    absl::Time now, TableRecord* record) {
  const bool was_per_request = IsPayPerRequest(*record);
  RETURN_IF_ERROR(ChangeBilling(request, now, record));
  RETURN_IF_ERROR(UpdateGlobalIndexes(request, max_global_indexes,
                                      was_per_request, now, record));
  RETURN_IF_ERROR(SetOnDemandThroughput(
      SettingOf::kExistingTable, request.on_demand_throughput(), record));
  if (SaysSomething(request.warm_throughput())) {
    RETURN_IF_ERROR(SetWarmThroughput(SettingOf::kExistingTable,
                                      request.warm_throughput(), record));
  }
  if (request.has_sse_specification()) {
    RETURN_IF_ERROR(SetEncryption(SettingOf::kExistingTable,
                                  request.sse_specification(), record));
  }
  if (request.has_stream_specification()) {
    RETURN_IF_ERROR(SetStream(SettingOf::kExistingTable,
                              request.stream_specification(), stream_label, now,
                              record));
  }
  if (request.table_class() != v1::TABLE_CLASS_UNSPECIFIED) {
    record->set_table_class(
        static_cast<storage::v1::TableStorageClass>(request.table_class()));
    *record->mutable_table_class_updated() = ToProto(now);
  }
  if (request.has_deletion_protection_enabled()) {
    record->set_deletion_protection(request.deletion_protection_enabled());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> UpdateTable(const HandlerOptions& options,
                                        const v1::UpdateTableRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfTableRequest(PALLET_OPTIONAL(request, table_name)));
  RETURN_IF_ERROR(CheckConstraints(request));
  RETURN_IF_ERROR(CheckSomethingChanges(request));
  RETURN_IF_ERROR(CheckIndexUpdateRules(request));
  if (options.host->FindTable(name) == nullptr)
    return DescribedTableNotFound(name);
  const absl::Time now = options.clock->Now();
  const std::string stream_label =
      NewStreamLabel(*options.host->map(), name, now);
  ASSIGN_OR_RETURN(cluster::TablePtr table,
                   options.host->UpdateTable(name, [&](TableRecord& record) {
                     return Change(request, options.max_global_indexes,
                                   stream_label, now, &record);
                   }));
  ASSIGN_OR_RETURN(table, KeepIndexes(options, std::move(table)));
  RETURN_IF_ERROR(KeepStreams(options, *table));
  ASSIGN_OR_RETURN(const cluster::TableCounts counts,
                   options.host->CountsOf(*table));
  v1::UpdateTableResponse response;
  *response.mutable_table_description() = Describe(*table, counts);
  return response.SerializeAsString();
}

}  // namespace

void RegisterUpdateTable(const HandlerOptions& options,
                         OperationRegistry* registry) {
  registry->Add(
      "UpdateTable",
      Pooled<v1::UpdateTableRequest>(
          options.control,
          [options](const v1::UpdateTableRequest& request, const CallContext&) {
            return UpdateTable(options, request);
          }));
}

}  // namespace pallet::service
