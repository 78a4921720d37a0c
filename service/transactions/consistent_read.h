// SPDX-License-Identifier: Apache-2.0
//
// ReadConsistently: items of several partitions as they were at one moment.
//
// Of one partition a snapshot does. Of several, each is read twice: what had no
// lock and the same change both times was so all the while between, and so all
// of it at the moment between the last read of the first time and the first of
// the second (a double collect: Afek et al., Atomic Snapshots of Shared Memory,
// 1993). An item that is not there has no change to compare: there may be such
// items in the partition read last, which is seen at that moment. In other cases,
// and if writers are too quick, the rows are locked while they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cluster/partition_map.h"
#include "service/transactions/transaction_environment.h"

namespace pallet::service {

struct ReadRow {
  size_t position = 0;  // in the request
  std::string key;
};

struct ReadPart {
  cluster::TablePtr table;
  const cluster::TablePartition* partition = nullptr;  // of the table
  std::vector<ReadRow> rows;
};

struct ReadPlan {
  size_t items = 0;
  std::vector<ReadPart> parts;
};

struct ReadItem {
  std::string bytes;  // canonical
  uint32_t size = 0;  // by DynamoDB's rule
};

// By position; nullopt for what is not there.
using ConsistentItems = std::vector<std::optional<ReadItem>>;

// kTransactionCanceled if writes are under way on some of them. Waits for the
// disk if it must lock.
absl::StatusOr<ConsistentItems> ReadConsistently(
    const TransactionEnvironment& environment, const ReadPlan& plan);

}  // namespace pallet::service
