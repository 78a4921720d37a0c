// SPDX-License-Identifier: Apache-2.0
//
// Tables and global indexes that ask to be held to their throughput: requests ask before they
// start, and are charged when it is known what they took. Costs nothing where
// nobody asked. Thread-safe.
#pragma once

#include "absl/status/status.h"
#include "cluster/partition_map.h"
#include "cluster/throughput_meter.h"
#include "service/capacity.h"

namespace pallet::service {

using cluster::UnitKind;

// OK, or why the table (or `index` of it, if not null) takes no such request
// now: with DynamoDB's exception, ThrottlingReasons and how long to wait. What is
// asked has a meter.
absl::Status AdmitByMeter(const cluster::Table& table,
                          const cluster::GlobalIndex* index, UnitKind kind);
// Of the global indexes that have one.
absl::Status AdmitByIndexMeters(const cluster::Table& table, UnitKind kind);

// A write is for all global indexes too: which of them it changes is known only
// when it is done.
inline absl::Status Admit(const cluster::Table& table, UnitKind kind) {
  if (table.meter != nullptr) {
    absl::Status status = AdmitByMeter(table, nullptr, kind);
    if (!status.ok()) return status;
  }
  if (kind == UnitKind::kRead || !table.meters_global_indexes) {
    return absl::OkStatus();
  }
  return AdmitByIndexMeters(table, kind);
}

// A read of a global index, which takes nothing of its table.
inline absl::Status AdmitRead(const cluster::Table& table,
                              const cluster::GlobalIndex& index) {
  if (index.meter == nullptr) return absl::OkStatus();
  return AdmitByMeter(table, &index, UnitKind::kRead);
}

inline void Charge(const cluster::Table& table, UnitKind kind, double units) {
  if (table.meter != nullptr) table.meter->Charge(kind, units);
}

// The table and those of its global indexes that it names.
void Charge(const cluster::Table& table, UnitKind kind,
            const UnitsByArm& units);

// Whether a repeat of what was refused may be taken later.
bool IsThrottling(const absl::Status& status);

}  // namespace pallet::service
