// SPDX-License-Identifier: Apache-2.0
//
// Tables that ask to be held to their throughput: requests ask before they
// start, and are charged when it is known what they took. Costs nothing where
// nobody asked. Thread-safe.
#pragma once

#include "absl/status/status.h"
#include "cluster/partition_map.h"
#include "cluster/throughput_meter.h"

namespace pallet::service {

using cluster::UnitKind;

// OK, or why the table takes no such request now: with DynamoDB's exception,
// ThrottlingReasons and how long to wait. `table->meter` is not null.
absl::Status AdmitByMeter(const cluster::Table& table, UnitKind kind);

inline absl::Status Admit(const cluster::Table& table, UnitKind kind) {
  if (table.meter == nullptr) return absl::OkStatus();
  return AdmitByMeter(table, kind);
}

inline void Charge(const cluster::Table& table, UnitKind kind, double units) {
  if (table.meter != nullptr) table.meter->Charge(kind, units);
}

// Whether a repeat of what was refused may be taken later.
bool IsThrottling(const absl::Status& status);

}  // namespace pallet::service
