// SPDX-License-Identifier: Apache-2.0
//
// What has expired and is still there, for metrics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cluster/partition_host.h"
#include "storage/side_rows.h"

namespace pallet::service {

// Counting ends there, in each partition.
inline constexpr uint64_t kMostDueCounted = 10'000;

struct ExpiryBacklog {
  std::string table;
  uint64_t due = 0;
  absl::Duration oldest = {};  // how late the oldest of them is
};

// The expiries of a partition that are due.
storage::SideRange DueExpiries(storage::PartitionId partition,
                               uint64_t time_to_live, absl::Time now);

// Of all tables that have a time to live.
std::vector<ExpiryBacklog> ExpiryBacklogs(cluster::PartitionHost& host,
                                          absl::Time now);

}  // namespace pallet::service
