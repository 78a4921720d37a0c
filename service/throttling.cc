// SPDX-License-Identifier: Apache-2.0
#include "service/throttling.h"

#include <google/rpc/error_details.pb.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "service/handlers/table_description.h"
#include "service/operation.h"

namespace pallet::service {
namespace {

absl::Status Refused(bool provisioned, bool of_index) {
  if (!provisioned) {
    return model::MakeError(model::Reason::kThrottling,
                            "Throughput exceeds the maximum OnDemandThroughput "
                            "configured on table or index");
  }
  return model::MakeError(
      model::Reason::kProvisionedThroughputExceeded,
      of_index
          ? "The level of configured provisioned throughput for one or more "
            "global secondary indexes of the table was exceeded. Consider "
            "increasing your provisioning level for the under-provisioned "
            "global secondary indexes with the UpdateTable API"
          : "The level of configured provisioned throughput for the table was "
            "exceeded. Consider increasing your provisioning level with the "
            "UpdateTable API.");
}

void AddDelay(absl::Duration wait, absl::Status* status) {
  google::rpc::RetryInfo retry;
  auto* delay = retry.mutable_retry_delay();
  delay->set_seconds(absl::IDivDuration(wait, absl::Seconds(1), &wait));
  delay->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(wait)));
  AddDetail(retry, status);
}

}  // namespace

bool IsThrottling(const absl::Status& status) {
  const model::Reason reason = model::ReasonOf(status);
  return reason == model::Reason::kThrottling ||
         reason == model::Reason::kProvisionedThroughputExceeded;
}

absl::Status AdmitByMeter(const cluster::Table& table,
                          const cluster::GlobalIndex* index, UnitKind kind) {
  cluster::ThroughputMeter& meter =
      index == nullptr ? *table.meter : *index->meter;
  const absl::Duration wait = meter.WaitFor(kind);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  const bool provisioned = meter.limits().provisioned;
  absl::Status status = Refused(provisioned, index != nullptr);
  v1::Throttling throttling;
  v1::ThrottlingReason* reason = throttling.add_throttling_reasons();
  reason->set_reason(absl::StrCat(index == nullptr ? "Table" : "Index",
                                  kind == UnitKind::kRead ? "Read" : "Write",
                                  provisioned ? "Provisioned" : "MaxOnDemand",
                                  "ThroughputExceeded"));
  reason->set_resource(TableArn(table.name));
  if (index != nullptr) {
    absl::StrAppend(reason->mutable_resource(), "/index/",
                    index->schema->name());
  }
  AddDetail(throttling, &status);
  AddDelay(wait, &status);
  return status;
}

absl::Status AdmitByIndexMeters(const cluster::Table& table, UnitKind kind) {
  for (const cluster::GlobalIndex& index : table.global_indexes) {
    if (index.meter == nullptr) continue;
    RETURN_IF_ERROR(AdmitByMeter(table, &index, kind));
  }
  return absl::OkStatus();
}

void Charge(const cluster::Table& table, UnitKind kind,
            const UnitsByArm& units) {
  Charge(table, kind, units.OfTable());
  if (!table.meters_global_indexes) return;
  for (const auto& [name, share] : units.global_indexes) {
    const cluster::GlobalIndex* index = table.FindGlobalIndex(name);
    if (index != nullptr && index->meter != nullptr) {
      index->meter->Charge(kind, share);
    }
  }
}

}  // namespace pallet::service
