// SPDX-License-Identifier: Apache-2.0
//
// What one partition does of a transaction, inside one decision of its store:
// all of it, if it is the only one; else it locks its rows, and later applies or
// releases what it has locked. On the store's thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cluster/partition_host.h"
#include "service/transactions/transaction_plan.h"
#include "storage/store.h"

namespace pallet::service {

// Which attempt of which transaction holds a lock.
struct LockOwner {
  std::string token;  // empty: of a read
  std::string transaction_id;
};

// What each action makes of its item, in their order.
struct PartDecision {
  cluster::TablePtr table;  // as the partition has it by now
  std::vector<ItemDecision> items;
  absl::Status refusal;  // the first one, as a single write has it
};

// Looks at every action. Those that cannot be are told in `refusals`, by
// position, and `decision` is of no use then (false). An error is for all.
absl::StatusOr<bool> DecidePart(const cluster::PartitionHost& host,
                                const TransactionPart& part,
                                storage::WriteContext& context,
                                PartDecision* decision, Refusals* refusals);

// The outcomes before anything is written: sizes, what is returned.
std::vector<ItemOutcome> OutcomesOf(const TransactionPart& part,
                                    const PartDecision& decision);

// Writes all of it and adds the units to the outcomes. `transaction_id` is for
// those who follow the table.
absl::Status WritePart(const TransactionPart& part,
                       const PartDecision& decision,
                       absl::string_view transaction_id, Clock* clock,
                       storage::WriteContext& context,
                       std::vector<ItemOutcome>* outcomes);

// Locks all rows, with what they are to become.
void LockPart(const TransactionPart& part, const PartDecision& decision,
              const LockOwner& owner, storage::WriteContext& context);

// The items that the owner has locked become what he said. Rows that he does
// not hold (any more) stay. Returns the units of each.
absl::StatusOr<std::vector<UnitsByArm>> ApplyLocks(
    const cluster::PartitionHost& host, const cluster::TablePtr& table,
    storage::PartitionId partition, absl::Span<const std::string> row_keys,
    const LockOwner& owner, storage::WriteContext& context);

// They stay what they are.
absl::Status ReleaseLocks(storage::PartitionId partition,
                          absl::Span<const std::string> row_keys,
                          const LockOwner& owner,
                          storage::WriteContext& context);

absl::StatusOr<storage::v1::LockRecord> DecodeLockRecord(
    absl::string_view bytes);

}  // namespace pallet::service
