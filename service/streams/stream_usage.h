// SPDX-License-Identifier: Apache-2.0
//
// What the streams of tables keep at the moment, for metrics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cluster/partition_host.h"

namespace pallet::service {

// Of all streams of tables of that name, also of those that are gone.
struct StreamUsage {
  std::string table;
  // At most so many: writes that changed nothing are counted, and left none.
  uint64_t records = 0;
  absl::Duration oldest = {};  // age of the oldest of them
};

// Tables that have no stream are left out. Reads two rows of each shard.
std::vector<StreamUsage> StreamUsages(cluster::PartitionHost& host,
                                      absl::Time now);

}  // namespace pallet::service
