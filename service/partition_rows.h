// SPDX-License-Identifier: Apache-2.0
//
// Work on the rows of a partition in the background: look some up, decide about
// them in a write like others, wait for it, and again until none are left. Not
// for a store's own threads, which would wait for themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cluster/partition_host.h"
#include "service/transactions/function_write.h"
#include "storage/side_rows.h"

namespace pallet::service {

// `bytes`: what the write puts into the log, roughly.
absl::Status WriteAndWait(cluster::PartitionHost& host,
                          const cluster::TablePartition& partition,
                          size_t bytes, FunctionWrite::Decision decide);

// As much of a range as one write takes away; more would be felt by others.
struct RowsAtOnce {
  size_t rows = 500;
  size_t bytes = size_t{1} << 20;  // of items
};

// The keys of the first rows of a range, as long as `take` takes them.
absl::StatusOr<std::vector<std::string>> FirstKeys(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    const storage::SideRange& range, const RowsAtOnce& most,
    absl::FunctionRef<absl::StatusOr<bool>(const storage::RowView&)> take =
        [](const storage::RowView&) -> absl::StatusOr<bool> { return true; });

size_t BytesOf(const std::vector<std::string>& keys);

}  // namespace pallet::service
