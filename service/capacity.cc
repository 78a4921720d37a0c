// SPDX-License-Identifier: Apache-2.0
#include "service/capacity.h"

#include <algorithm>

namespace pallet::service {
namespace {

constexpr uint64_t kReadUnitBytes = 4096;
constexpr uint64_t kWriteUnitBytes = 1024;

double Units(uint64_t bytes, uint64_t unit) {
  return static_cast<double>(std::max<uint64_t>((bytes + unit - 1) / unit, 1));
}

}  // namespace

double ReadUnits(uint64_t bytes, Consistency consistency) {
  const double units = Units(bytes, kReadUnitBytes);
  return consistency == Consistency::kStrong ? units : units / 2;
}

double WriteUnits(uint64_t old_size, uint64_t new_size) {
  return Units(std::max(old_size, new_size), kWriteUnitBytes);
}

bool WantsCapacity(wire::v1::ReturnConsumedCapacity mode) {
  return mode == wire::v1::RETURN_CONSUMED_CAPACITY_TOTAL ||
         mode == wire::v1::RETURN_CONSUMED_CAPACITY_INDEXES;
}

bool FillConsumedCapacity(wire::v1::ReturnConsumedCapacity mode,
                          absl::string_view table_name, double units,
                          wire::v1::ConsumedCapacity* report) {
  if (!WantsCapacity(mode)) return false;
  report->set_table_name(std::string(table_name));
  report->set_capacity_units(units);
  if (mode == wire::v1::RETURN_CONSUMED_CAPACITY_INDEXES) {
    report->mutable_table()->set_capacity_units(units);
  }
  return true;
}

}  // namespace pallet::service
