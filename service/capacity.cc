// SPDX-License-Identifier: Apache-2.0
#include "service/capacity.h"

#include <algorithm>

namespace pallet::service {
namespace {

constexpr uint64_t kReadUnitBytes = 4096;
constexpr uint64_t kWriteUnitBytes = 1024;

uint64_t Blocks(uint64_t bytes, uint64_t block) {
  return std::max<uint64_t>((bytes + block - 1) / block, 1);
}

double Sum(const std::map<std::string, double>& arms) {
  double sum = 0;
  for (const auto& [name, units] : arms) sum += units;
  return sum;
}

}  // namespace

double ReadUnits(uint64_t bytes, Consistency consistency) {
  return UnitsOfBlocks(ReadBlocks(bytes), consistency);
}

uint64_t ReadBlocks(uint64_t bytes) { return Blocks(bytes, kReadUnitBytes); }

double UnitsOfBlocks(uint64_t blocks, Consistency consistency) {
  const auto units = static_cast<double>(blocks);
  return consistency == Consistency::kStrong ? units : units / 2;
}

double WriteUnits(uint64_t old_size, uint64_t new_size) {
  return static_cast<double>(
      Blocks(std::max(old_size, new_size), kWriteUnitBytes));
}

bool WantsCapacity(wire::v1::ReturnConsumedCapacity mode) {
  return mode == wire::v1::RETURN_CONSUMED_CAPACITY_TOTAL ||
         mode == wire::v1::RETURN_CONSUMED_CAPACITY_INDEXES;
}

double UnitsByArm::OfTable() const { return table + Sum(local_indexes); }

double UnitsByArm::Total() const { return OfTable() + Sum(global_indexes); }

void UnitsByArm::Add(const UnitsByArm& more) {
  table += more.table;
  for (const auto& [name, units] : more.local_indexes) {
    local_indexes[name] += units;
  }
  for (const auto& [name, units] : more.global_indexes) {
    global_indexes[name] += units;
  }
}

bool FillConsumedCapacity(wire::v1::ReturnConsumedCapacity mode,
                          absl::string_view table_name, const UnitsByArm& units,
                          wire::v1::ConsumedCapacity* report) {
  if (!FillConsumedCapacity(mode, table_name, units.table, report)) {
    return false;
  }
  report->set_capacity_units(units.Total());
  if (mode == wire::v1::RETURN_CONSUMED_CAPACITY_INDEXES) {
    for (const auto& [name, share] : units.local_indexes) {
      (*report->mutable_local_secondary_indexes())[name].set_capacity_units(
          share);
    }
    for (const auto& [name, share] : units.global_indexes) {
      (*report->mutable_global_secondary_indexes())[name].set_capacity_units(
          share);
    }
  }
  return true;
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
