// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/throughput.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

constexpr int64_t kMaxUnits = 1000000000000;

void CheckUnits(bool present, int64_t units, absl::string_view path,
                model::Constraints* constraints) {
  CheckPresent(present, path, constraints);
  if (present) {
    CheckRange(units, 1, std::numeric_limits<int64_t>::max(), path,
               constraints);
  }
}

absl::Status CheckBound(int64_t units, absl::string_view name) {
  if (units <= kMaxUnits) return absl::OkStatus();
  return model::ValidationError(
      absl::StrCat("Given value ", units, " for ", name, " is out of bounds"));
}

}  // namespace

void CheckThroughput(const v1::ProvisionedThroughput& throughput,
                     model::Constraints* constraints) {
  CheckUnits(throughput.has_write_capacity_units(),
             throughput.write_capacity_units(),
             "provisionedThroughput.writeCapacityUnits", constraints);
  CheckUnits(throughput.has_read_capacity_units(),
             throughput.read_capacity_units(),
             "provisionedThroughput.readCapacityUnits", constraints);
}

absl::Status CheckThroughputBounds(
    const v1::ProvisionedThroughput& throughput) {
  RETURN_IF_ERROR(
      CheckBound(throughput.read_capacity_units(), "ReadCapacityUnits"));
  return CheckBound(throughput.write_capacity_units(), "WriteCapacityUnits");
}

absl::Status ThroughputRequired() {
  return model::ValidationError(
      "One or more parameter values were invalid: ReadCapacityUnits and "
      "WriteCapacityUnits must both be specified when BillingMode is "
      "PROVISIONED");
}

absl::Status ThroughputRefused() {
  return model::ValidationError(
      "One or more parameter values were invalid: Neither ReadCapacityUnits "
      "nor WriteCapacityUnits can be specified when BillingMode is "
      "PAY_PER_REQUEST");
}

}  // namespace pallet::service
