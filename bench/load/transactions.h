// SPDX-License-Identifier: Apache-2.0
//
// Transactions beside plain writes of the same items.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "bench/load/closed_loop.h"
#include "client/client.h"

namespace pallet::bench {

struct TransactionOptions {
  uint64_t records = 100000;
  size_t item_bytes = 1000;
  int actions = 10;  // of one transaction, or of one batch
  LoadOptions load;
};

struct TransactionResult {
  LoadResult load;            // operations: those done and those in conflict
  double conflict_share = 0;  // of all: met another one, and did nothing
};

// The table of the next two: a tenth as many groups as records, each a
// partition key with `actions` items.
absl::Status MakeGroups(Client& client);
// All items of a random group, as one BatchWriteItem.
LoadResult RunGroupBatches(Client& client, const TransactionOptions& options);
// The same, as one TransactWriteItems: of one partition.
TransactionResult RunGroupTransactions(Client& client,
                                       const TransactionOptions& options);

// Puts of random records of the table of LoadRecords: over all partitions, so in
// two phases. The fewer records, the more conflicts.
TransactionResult RunSpreadTransactions(Client& client,
                                        const TransactionOptions& options);

}  // namespace pallet::bench
