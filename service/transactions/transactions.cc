// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/transactions.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "base/status_macros.h"
#include "service/partition_rows.h"
#include "service/transactions/recovery.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

// Before what a full store refused is tried again.
constexpr absl::Duration kPause = absl::Milliseconds(100);
// Tokens that one write forgets.
constexpr size_t kTokensAtOnce = 256;
// Of a partition, at most: tokens of transactions under way stay.
constexpr int kWritesOfASweep = 1000;

struct Reminder {
  absl::Time time;
  std::string token;
};

// Those whose time is over, oldest first.
absl::StatusOr<std::vector<Reminder>> DueIn(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    absl::Time now) {
  std::vector<Reminder> due;
  const storage::SideRange range = storage::RemindersOf(partition.id);
  RETURN_IF_ERROR(
      host.Read(partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        const auto cursor = rows.Cursor(range.begin, range.end);
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(range.begin));
        while (cursor->Valid() && due.size() < kTokensAtOnce) {
          const absl::Time time = storage::TimeOfReminderKey(cursor->key());
          if (now < time + kTokenLife) break;
          due.push_back(
              {time, std::string(storage::TokenOfReminderKey(cursor->key()))});
          RETURN_IF_ERROR(cursor->Next());
        }
        return absl::OkStatus();
      }));
  return due;
}

// The record too, unless it is a newer one or its transaction is under way.
absl::Status Forget(storage::PartitionId partition, const Reminder& reminder,
                    const ActiveTransactions& active,
                    storage::WriteContext& context) {
  ASSIGN_OR_RETURN(const auto row,
                   context.Get(storage::LedgerKey(partition, reminder.token)));
  if (row.has_value()) {
    ASSIGN_OR_RETURN(const storage::v1::LedgerRecord record,
                     DecodeLedgerRecord(row->item));
    if (active.Has(record.transaction_id())) return absl::OkStatus();
    if (absl::FromUnixMicros(record.created_us()) == reminder.time) {
      DeleteLedgerRecord(partition, reminder.token, record, context);
      return absl::OkStatus();
    }
  }
  context.DeleteSideRow(
      storage::ReminderKey(partition, reminder.time, reminder.token));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transactions>> Transactions::Open(
    const TransactionsOptions& options) {
  std::unique_ptr<Transactions> transactions(new Transactions(options));
  ASSIGN_OR_RETURN(transactions->ledger_, Ledger::Open(options.host));
  transactions->environment_ = {options.host, transactions->ledger_.get(),
                                &transactions->active_,
                                [self = transactions.get()](Later function) {
                                  self->RunLaterOrNever(std::move(function));
                                }};
  transactions->worker_ =
      Thread("transactions", [self = transactions.get()] { self->Work(); });
  const absl::Status settled =
      SettleWhatIsLocked(transactions->environment_, options.logger);
  if (!settled.ok()) {
    transactions->Stop();
    return settled;
  }
  return transactions;
}

Transactions::Transactions(const TransactionsOptions& options)
    : options_(options) {}

Transactions::~Transactions() {
  Stop();
  active_.AwaitNobody();
}

void Transactions::Write(TransactionPlan plan, const CallContext& context,
                         TransactionDone done) {
  WriteRun::Start(environment_, std::move(plan), context, std::move(done));
}

absl::StatusOr<ConsistentItems> Transactions::Read(const ReadPlan& plan) {
  return ReadConsistently(environment_, plan);
}

absl::StatusOr<size_t> Transactions::Sweep(
    const cluster::TablePartition& partition) {
  ASSIGN_OR_RETURN(
      const std::vector<Reminder> due,
      DueIn(*options_.host, partition, options_.host->clock()->Now()));
  if (due.empty()) return 0;
  RETURN_IF_ERROR(WriteAndWait(
      *options_.host, partition, due.size() * sizeof(Reminder),
      [&](storage::WriteContext& context) -> absl::Status {
        for (const Reminder& reminder : due) {
          RETURN_IF_ERROR(Forget(partition.id, reminder, active_, context));
        }
        return absl::OkStatus();
      }));
  return due.size();
}

void Transactions::Stop() {
  std::vector<Later> dropped;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    dropped.swap(later_);
  }
  for (Later& function : dropped) function(true);
  worker_.Join();
}

void Transactions::RunLaterOrNever(Later function) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) {
      later_.push_back(std::move(function));
      return;
    }
  }
  function(true);
}

void Transactions::Work() {
  Clock* const clock = options_.host->clock();
  absl::Duration next_sweep = clock->Monotonic() + options_.sweep_interval;
  while (true) {
    std::vector<Later> due;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &Transactions::HasWork),
                              next_sweep - clock->Monotonic());
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kPause);
      if (stopping_) return;
      due.swap(later_);
    }
    for (Later& function : due) function(false);
    if (clock->Monotonic() < next_sweep) continue;
    SweepAll();
    next_sweep = clock->Monotonic() + options_.sweep_interval;
  }
}

void Transactions::SweepAll() {
  const auto map = options_.host->map();
  for (const cluster::TablePtr& table : map->tables()) {
    for (const cluster::TablePartition& partition : table->partitions) {
      for (int i = 0; i < kWritesOfASweep; ++i) {
        const absl::StatusOr<size_t> swept = Sweep(partition);
        if (!swept.ok() || *swept < kTokensAtOnce) break;
      }
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
  }
}

}  // namespace pallet::service
