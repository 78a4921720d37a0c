// SPDX-License-Identifier: Apache-2.0
//
// What the transactions of a node share.
#pragma once

#include "cluster/partition_host.h"
#include "service/transactions/active_transactions.h"
#include "service/transactions/ledger.h"
#include "service/transactions/settlement.h"

namespace pallet::service {

// All outlive those who use it.
struct TransactionEnvironment {
  cluster::PartitionHost* host = nullptr;
  Ledger* ledger = nullptr;
  ActiveTransactions* active = nullptr;
  RunLater run_later = {};
};

}  // namespace pallet::service
