// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/throughput.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/handlers/table_description.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::ProvisionedThroughputRecord;

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

int64_t DayOf(const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsInADay = 86400;
  return time.seconds() / kSecondsInADay;
}

absl::Status SameThroughput(absl::string_view index,
                            const ProvisionedThroughputRecord& current) {
  const std::string owner =
      index.empty() ? "the table" : absl::StrCat("index ", index);
  return model::ValidationError(absl::StrCat(
      "The provisioned throughput for ", index.empty() ? "" : "the ", owner,
      " will not change. The requested value equals the current value. Current "
      "ReadCapacityUnits provisioned for ",
      owner, ": ", current.read_capacity_units(),
      ". Requested ReadCapacityUnits: ", current.read_capacity_units(),
      ". Current WriteCapacityUnits provisioned for ", owner, ": ",
      current.write_capacity_units(),
      ". Requested WriteCapacityUnits: ", current.write_capacity_units(),
      ". Refer to the Amazon DynamoDB Developer Guide for current limits and "
      "how to request higher limits."));
}

}  // namespace

absl::Status SetThroughput(const v1::ProvisionedThroughput& wanted,
                           absl::string_view index, absl::Time now,
                           ProvisionedThroughputRecord* current) {
  const int64_t read = wanted.read_capacity_units();
  const int64_t write = wanted.write_capacity_units();
  if (read == current->read_capacity_units() &&
      write == current->write_capacity_units()) {
    return SameThroughput(index, *current);
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

void CheckThroughput(const v1::ProvisionedThroughput& throughput,
                     const std::string& path, model::Constraints* constraints) {
  CheckUnits(throughput.has_write_capacity_units(),
             throughput.write_capacity_units(),
             path + "provisionedThroughput.writeCapacityUnits", constraints);
  CheckUnits(throughput.has_read_capacity_units(),
             throughput.read_capacity_units(),
             path + "provisionedThroughput.readCapacityUnits", constraints);
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
