// SPDX-License-Identifier: Apache-2.0
//
// What a crash has left of transactions: rows that are locked. Those of a
// transaction that the ledger calls COMMITTED are applied, the others released.
#pragma once

#include "absl/status/status.h"
#include "base/log.h"
#include "service/transactions/transaction_environment.h"

namespace pallet::service {

// Before requests are taken. Waits until all is settled, but not for stores that
// have no room: those transactions stay active until they are through.
absl::Status SettleWhatIsLocked(const TransactionEnvironment& environment,
                                Logger* logger);

}  // namespace pallet::service
