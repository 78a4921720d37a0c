// SPDX-License-Identifier: Apache-2.0
//
// Transactions: those of a node. Finishes at start what a crash has left, runs
// what requests ask for, tries again what a full store refused, and forgets
// tokens when their time is over (docs/adr/0020-transactions.md).
//
// Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/thread.h"
#include "cluster/partition_host.h"
#include "service/operation.h"
#include "service/transactions/active_transactions.h"
#include "service/transactions/consistent_read.h"
#include "service/transactions/ledger.h"
#include "service/transactions/transaction_plan.h"
#include "service/transactions/write_run.h"

namespace pallet::service {

struct TransactionsOptions {
  cluster::PartitionHost* host = nullptr;  // outlives this
  Logger* logger = Logger::Real();
  // How often tokens are looked through for those whose time is over.
  absl::Duration sweep_interval = absl::Minutes(1);
};

class Transactions {
 public:
  // Before requests are taken: what a crash has left locked is applied or
  // released. Waits for the disk.
  static absl::StatusOr<std::unique_ptr<Transactions>> Open(
      const TransactionsOptions& options);
  Transactions(const Transactions&) = delete;
  // Stops, and waits for the runs that a store is at.
  ~Transactions();

  // `done` is called once, on this thread or a store's; it must not block.
  void Write(TransactionPlan plan, const CallContext& context,
             TransactionDone done);

  // Items as they were at one moment. Waits for the disk.
  absl::StatusOr<ConsistentItems> Read(const ReadPlan& plan);

  // Forgets the tokens of this partition whose time is over; how many.
  absl::StatusOr<size_t> Sweep(const cluster::TablePartition& partition);

  // Ends the background work, and the waiting of runs for a full store.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Later = absl::AnyInvocable<void(bool is_stopping)>;

  explicit Transactions(const TransactionsOptions& options);

  absl::Status Recover();
  void RunLaterOrNever(Later function) ABSL_LOCKS_EXCLUDED(mutex_);
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !later_.empty();
  }
  void SweepAll();

  const TransactionsOptions options_;
  ActiveTransactions active_;
  std::unique_ptr<Ledger> ledger_;
  TransactionEnvironment environment_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Later> later_ ABSL_GUARDED_BY(mutex_);
  Thread worker_;
};

}  // namespace pallet::service
