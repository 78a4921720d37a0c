// SPDX-License-Identifier: Apache-2.0
#include "service/throttling.h"

#include <google/rpc/error_details.pb.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "service/handlers/table_description.h"
#include "service/operation.h"

namespace pallet::service {
namespace {

absl::Status Refused(bool provisioned) {
  return provisioned
             ? model::MakeError(
                   model::Reason::kProvisionedThroughputExceeded,
                   "The level of configured provisioned throughput for the "
                   "table was exceeded. Consider increasing your provisioning "
                   "level with the UpdateTable API.")
             : model::MakeError(
                   model::Reason::kThrottling,
                   "Throughput exceeds the maximum OnDemandThroughput "
                   "configured on table or index");
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

absl::Status AdmitByMeter(const cluster::Table& table, UnitKind kind) {
  const absl::Duration wait = table.meter->WaitFor(kind);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  const bool provisioned = table.meter->limits().provisioned;
  absl::Status status = Refused(provisioned);
  v1::Throttling throttling;
  v1::ThrottlingReason* reason = throttling.add_throttling_reasons();
  reason->set_reason(absl::StrCat(
      "Table", kind == UnitKind::kRead ? "Read" : "Write",
      provisioned ? "Provisioned" : "MaxOnDemand", "ThroughputExceeded"));
  reason->set_resource(TableArn(table.name));
  AddDetail(throttling, &status);
  AddDelay(wait, &status);
  return status;
}

}  // namespace pallet::service
