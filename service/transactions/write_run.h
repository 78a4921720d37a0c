// SPDX-License-Identifier: Apache-2.0
//
// WriteRun: one TransactWriteItems, or one write with a token, from its first
// record to its answer (docs/adr/0020-transactions.md).
//
//   one partition        [claim the token] -> write everything at once
//   several partitions   ledger PENDING -> every partition locks its rows ->
//                        ledger COMMITTED -> every partition applies -> answer;
//                        or, if one cannot: release -> no record -> answer
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "cluster/partition_host.h"
#include "service/operation.h"
#include "service/transactions/ledger.h"
#include "service/transactions/settlement.h"
#include "service/transactions/transaction_environment.h"
#include "service/transactions/transaction_plan.h"

namespace pallet::service {

class WriteRun : public std::enable_shared_from_this<WriteRun> {
 public:
  // `done` is called once, on this thread or a store's.
  static void Start(TransactionEnvironment environment, TransactionPlan plan,
                    CallContext context, TransactionDone done);

  WriteRun(const WriteRun&) = delete;
  ~WriteRun();

 private:
  WriteRun(TransactionEnvironment environment, TransactionPlan plan,
           CallContext context, TransactionDone done);

  bool IsAlone() const { return plan_.parts.size() == 1; }
  bool HasToken() const { return !plan_.token.empty(); }

  void Begin();
  void OnBegun(absl::StatusOr<Ledger::Known> known);
  // The token has been seen: whether this attempt goes on all the same; if not,
  // it is answered.
  bool GoesOn(const Ledger::Record& known);

  // One partition.
  void WriteAlone();
  absl::Status DecideAlone(storage::WriteContext& context);
  void OnWrittenAlone(const absl::Status& status);

  // Several partitions.
  void Prepare();
  void PreparePart(size_t part);
  absl::Status DecidePrepare(size_t part, storage::WriteContext& context);
  void OnPrepared(size_t part, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void AllPrepared();
  void Commit();
  void OnCommitted(const absl::StatusOr<bool>& replaced);
  void OnApplied(Settlement::End end);
  void Abort();

  std::vector<LockedPart> PreparedParts() const;
  // Every action of the part is refused for it.
  void RefusePart(size_t part, const absl::Status& status);
  std::vector<storage::v1::TransactionUnits> ReplayUnits() const;
  // Cancelled for its refusals, or what failed.
  absl::Status WhyNot();
  void Finish(absl::StatusOr<TransactionResult> result);
  // What it left in the stores is for the next start: until then it counts as
  // active.
  void FinishUndecided(const absl::Status& status);
  // Removes the ledger's record of this attempt, then goes on.
  void Forget(absl::AnyInvocable<void()> then);

  const TransactionEnvironment environment_;
  const TransactionPlan plan_;
  const CallContext context_;
  TransactionDone done_;

  // Of the client or made for this attempt.
  std::string token_;
  std::string transaction_id_;
  int64_t created_us_ = 0;
  bool is_active_ = false;

  // Until the last part is prepared each part has its own elements; behind that
  // one thread at a time has them all.
  enum class PartState { kOpen, kPrepared, kUnlocked, kUnknown };
  std::vector<PartState> states_;
  Refusals refusals_;                  // by position
  std::vector<ItemOutcome> outcomes_;  // by position
  absl::Status single_refusal_;
  std::optional<Ledger::Record> repeated_;  // found by the only partition
  storage::ChangeSeq change_seq_;           // of the only partition

  absl::Mutex mutex_;
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pallet::service
