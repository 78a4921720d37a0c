// SPDX-License-Identifier: Apache-2.0
//
// UpdateTable: settings the catalog keeps. They hold when it answers.
#include "absl/strings/str_cat.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/schema_request.h"
#include "service/handlers/table_description.h"
#include "service/handlers/table_settings.h"
#include "service/handlers/throughput.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::ProvisionedThroughputRecord;
using storage::v1::TableRecord;

absl::Status CheckConstraints(const v1::UpdateTableRequest& request) {
  model::Constraints constraints;
  CheckAttributeDefinitions(request.attribute_definitions(), &constraints);
  if (request.has_provisioned_throughput()) {
    CheckThroughput(request.provisioned_throughput(), &constraints);
  }
  CheckEnum(EnumRule::kBillingMode, request.billing_mode(), "billingMode",
            &constraints);
  CheckEnum(EnumRule::kTableClass, request.table_class(), "tableClass",
            &constraints);
  CheckEncryption(request.sse_specification(), &constraints);
  return constraints.ToStatus();
}

absl::Status CheckSomethingChanges(const v1::UpdateTableRequest& request) {
  const bool other_changes =
      request.billing_mode() != v1::BILLING_MODE_UNSPECIFIED ||
      request.has_provisioned_throughput() ||
      request.table_class() != v1::TABLE_CLASS_UNSPECIFIED ||
      request.has_sse_specification() ||
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

absl::Status SameThroughput(const ProvisionedThroughputRecord& current) {
  return model::ValidationError(absl::StrCat(
      "The provisioned throughput for the table will not change. The requested "
      "value equals the current value. Current ReadCapacityUnits provisioned "
      "for the table: ",
      current.read_capacity_units(),
      ". Requested ReadCapacityUnits: ", current.read_capacity_units(),
      ". Current WriteCapacityUnits provisioned for the table: ",
      current.write_capacity_units(),
      ". Requested WriteCapacityUnits: ", current.write_capacity_units(),
      ". Refer to the Amazon DynamoDB Developer Guide for current limits and "
      "how to request higher limits."));
}

int64_t DayOf(const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsInADay = 86400;
  return time.seconds() / kSecondsInADay;
}

absl::Status SetThroughput(const v1::ProvisionedThroughput& wanted,
                           absl::Time now,
                           ProvisionedThroughputRecord* current) {
  const int64_t read = wanted.read_capacity_units();
  const int64_t write = wanted.write_capacity_units();
  if (read == current->read_capacity_units() &&
      write == current->write_capacity_units()) {
    return SameThroughput(*current);
  }
  const google::protobuf::Timestamp time = ToProto(now);
  if (read > current->read_capacity_units() ||
      write > current->write_capacity_units()) {
    *current->mutable_last_increase() = time;
  }
  if (read < current->read_capacity_units() ||
      write < current->write_capacity_units()) {
    const bool today = current->has_last_decrease() &&
                       DayOf(current->last_decrease()) == DayOf(time);
    current->set_decreases_today(today ? current->decreases_today() + 1 : 1);
    *current->mutable_last_decrease() = time;
  }
  current->set_read_capacity_units(read);
  current->set_write_capacity_units(write);
  return absl::OkStatus();
}

// A table stays ready for what it once was.
void KeepWarm(TableRecord* record) {
  *record->mutable_warm_throughput() = WarmThroughputOf(*record);
}

absl::Status ChangeBilling(const v1::UpdateTableRequest& request,
                           absl::Time now, TableRecord* record) {
  const bool was_per_request =
      record->billing_mode() == storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST;
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
  return SetThroughput(request.provisioned_throughput(), now,
                       record->mutable_provisioned_throughput());
}

absl::Status Change(const v1::UpdateTableRequest& request, absl::Time now,
                    TableRecord* record) {
  RETURN_IF_ERROR(ChangeBilling(request, now, record));
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
  if (options.host->FindTable(name) == nullptr)
    return DescribedTableNotFound(name);
  const absl::Time now = options.clock->Now();
  ASSIGN_OR_RETURN(const cluster::TablePtr table,
                   options.host->UpdateTable(name, [&](TableRecord& record) {
                     return Change(request, now, &record);
                   }));
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
