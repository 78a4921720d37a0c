// SPDX-License-Identifier: Apache-2.0
//
// What a transaction is to do, partition by partition, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cluster/partition_map.h"
#include "pallet/storage/v1/transaction.pb.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "service/handlers/item_write.h"

namespace pallet::service {

// One action of a transaction, or a write that has a token.
struct TransactionAction {
  size_t position = 0;     // in the request
  std::string table_name;  // as the request has it
  ItemChange change;
  bool only_checks = false;  // the item stays as it is
};

// The actions on the items of one partition.
struct TransactionPart {
  cluster::TablePtr table;
  const cluster::TablePartition* partition = nullptr;  // of the table
  std::vector<TransactionAction> actions;
};

struct TransactionPlan {
  std::string token;        // the client's; empty: none
  std::string fingerprint;  // of what the request asks for, if it has a token
  size_t actions = 0;
  std::vector<TransactionPart> parts;
  // A failed condition of the only action is that write's own error.
  bool single_write = false;
};

struct TransactionResult {
  // In the order of the request. Empty for a repeat.
  std::vector<ItemOutcome> outcomes = {};
  std::vector<std::string> positions = {};
  // Of a repeat: what it is charged and, of a single write, what the first
  // answer returned.
  bool is_repeat = false;
  std::vector<storage::v1::TransactionUnits> replay = {};
  std::string attributes = {};
};

using TransactionDone =
    absl::AnyInvocable<void(absl::StatusOr<TransactionResult>)>;

// Why actions cannot be, by their positions.
using Refusals = std::vector<wire::v1::CancellationReason>;

// kTransactionCanceled with all the reasons as a detail. `refusals` has one for
// each action; those without a code become "None".
absl::Status Cancelled(Refusals refusals);

// The reason that an action's error is; empty for an error of another sort.
absl::string_view CancellationCode(const absl::Status& status);

// Twice the units of an item, but not those of indexes.
void DoubleTableUnits(UnitsByArm* units);

}  // namespace pallet::service
