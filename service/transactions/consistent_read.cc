// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/consistent_read.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/handlers/item_decision.h"
#include "service/transactions/function_write.h"
#include "service/transactions/part_decision.h"
#include "service/transactions/transaction_plan.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

// How often it is read twice before it is locked.
constexpr int kTries = 3;
constexpr size_t kIdBytes = 16;

// What one time has seen.
struct Collected {
  explicit Collected(size_t items) : items(items), changes(items) {}

  ConsistentItems items;
  std::vector<storage::ChangeSeq> changes;  // of those that are there
  Refusals locked;                          // by position; empty: nothing was
};

// Whether a transaction is about to write it: what it writes elsewhere may show
// already.
absl::StatusOr<bool> IsBeingWritten(const cluster::PartitionHost& host,
                                    const ReadPart& part, const ReadRow& row,
                                    storage::RowReader& rows) {
  if (!host.locks().MayBeLocked(row.key)) return false;
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> lock,
                   rows.Get(storage::LockKey(part.partition->id, row.key)));
  if (!lock.has_value()) return false;
  ASSIGN_OR_RETURN(const storage::v1::LockRecord record,
                   DecodeLockRecord(lock->item));
  return record.kind() != storage::v1::LOCK_KIND_CHECK;
}

absl::Status Conflict() {
  return model::MakeError(model::Reason::kTransactionConflict,
                          "Transaction is ongoing for the item");
}

void Refuse(size_t position, size_t items, Refusals* refusals) {
  refusals->resize(items);
  const absl::Status conflict = Conflict();
  (*refusals)[position].set_code(std::string(CancellationCode(conflict)));
  (*refusals)[position].set_message(std::string(conflict.message()));
}

absl::Status Collect(cluster::PartitionHost& host, const ReadPart& part,
                     Collected* collected) {
  return host.Read(
      *part.partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        for (const ReadRow& row : part.rows) {
          ASSIGN_OR_RETURN(const bool locked,
                           IsBeingWritten(host, part, row, rows));
          if (locked) {
            Refuse(row.position, collected->items.size(), &collected->locked);
          }
          ASSIGN_OR_RETURN(const std::optional<storage::RowView> found,
                           rows.Get(row.key));
          std::optional<ReadItem>& item = collected->items[row.position];
          item.reset();
          if (!found.has_value()) continue;
          item = {std::string(found->item), found->item_size};
          collected->changes[row.position] = found->change_seq;
        }
        return absl::OkStatus();
      });
}

bool HasAbsent(const ReadPart& part, const Collected& collected) {
  return std::any_of(part.rows.begin(), part.rows.end(),
                     [&](const ReadRow& row) {
                       return !collected.items[row.position].has_value();
                     });
}

bool IsSame(const Collected& a, const Collected& b) {
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (a.items[i].has_value() != b.items[i].has_value()) return false;
    if (a.items[i].has_value() && a.changes[i] != b.changes[i]) return false;
  }
  return true;
}

// nullopt: not seen to be so at one moment. A partition with absent items goes
// to the end of the order, for the next try.
absl::StatusOr<std::optional<ConsistentItems>> ReadTwice(
    cluster::PartitionHost& host, size_t items,
    std::vector<const ReadPart*>* order, Refusals* locked) {
  Collected first(items);
  for (const ReadPart* part : *order) {
    RETURN_IF_ERROR(Collect(host, *part, &first));
  }
  *locked = first.locked;
  if (!first.locked.empty()) return std::nullopt;
  const auto last = order->end() - 1;
  const auto absent = std::find_if(
      order->begin(), last,
      [&](const ReadPart* part) { return HasAbsent(*part, first); });
  if (absent != last) {
    std::rotate(absent, absent + 1, order->end());
    return std::nullopt;
  }
  // The last one was seen at the moment itself.
  Collected second = first;
  for (auto part = order->begin(); part != last; ++part) {
    RETURN_IF_ERROR(Collect(host, **part, &second));
  }
  *locked = second.locked;
  if (!second.locked.empty() || !IsSame(first, second)) return std::nullopt;
  return std::move(first.items);
}

// Locks the rows of all parts, reads, and lets them go.
class LockingRead {
 public:
  LockingRead(const TransactionEnvironment& environment, const ReadPlan& plan)
      : environment_(environment),
        plan_(plan),
        id_(RealEntropy(kIdBytes)),
        items_(plan.items),
        refusals_(plan.items),
        statuses_(plan.parts.size()) {}

  absl::StatusOr<ConsistentItems> Run() {
    absl::BlockingCounter open(static_cast<int>(plan_.parts.size()));
    for (size_t i = 0; i < plan_.parts.size(); ++i) Lock(i, &open);
    open.Wait();
    Release();
    for (const absl::Status& status : statuses_) {
      if (!status.ok() && CancellationCode(status).empty()) return status;
    }
    for (const absl::Status& status : statuses_) {
      if (!status.ok()) return Cancelled(std::move(refusals_));
    }
    return std::move(items_);
  }

 private:
  void Lock(size_t i, absl::BlockingCounter* open) {
    const ReadPart& part = plan_.parts[i];
    for (const ReadRow& row : part.rows) {
      environment_.host->locks().Add(row.key);
    }
    const absl::Status status = environment_.host->Submit(
        *part.partition,
        std::make_unique<FunctionWrite>(
            part.partition->id, part.rows.size() * sizeof(ReadRow),
            [this, &part](storage::WriteContext& context) {
              return Decide(part, context);
            },
            [this, i, open](const absl::Status& decided) {
              statuses_[i] = decided;
              open->DecrementCount();
            }));
    if (status.ok()) return;
    statuses_[i] = status;
    open->DecrementCount();
  }

  absl::Status Decide(const ReadPart& part, storage::WriteContext& context) {
    TransactionPart locked;
    locked.table = part.table;
    locked.partition = part.partition;
    PartDecision decision;
    absl::Status conflict;
    for (const ReadRow& row : part.rows) {
      const absl::Status unlocked = CheckUnlocked(
          *environment_.host, part.partition->id, row.key, context);
      if (!unlocked.ok()) {
        if (CancellationCode(unlocked).empty()) return unlocked;
        Refuse(row.position, plan_.items, &refusals_);
        conflict.Update(unlocked);
        continue;
      }
      ASSIGN_OR_RETURN(const std::optional<storage::RowView> found,
                       context.Get(row.key));
      if (found.has_value()) {
        items_[row.position] = {std::string(found->item), found->item_size};
      }
      TransactionAction& action = locked.actions.emplace_back();
      action.change.row_key = row.key;
      action.only_checks = true;
      decision.items.emplace_back();
    }
    RETURN_IF_ERROR(conflict);
    LockPart(locked, decision, {"", id_}, context);
    return absl::OkStatus();
  }

  void Release() {
    std::vector<LockedPart> held;
    for (size_t i = 0; i < plan_.parts.size(); ++i) {
      const ReadPart& part = plan_.parts[i];
      if (statuses_[i].ok()) {
        LockedPart& each = held.emplace_back();
        each.table = part.table;
        each.partition = part.partition;
        for (const ReadRow& row : part.rows) each.row_keys.push_back(row.key);
      } else if (model::ReasonOf(statuses_[i]) !=
                 model::Reason::kOutcomeUnknown) {
        for (const ReadRow& row : part.rows) {
          environment_.host->locks().Remove(row.key);
        }
      }
    }
    if (held.empty()) return;
    // Nobody waits for it: the items have been read.
    environment_.active->Enter();
    Settlement::Start(environment_.host, environment_.run_later,
                      std::move(held), {"", id_}, Verdict::kRelease,
                      [active = environment_.active](const Settlement::End&) {
                        active->Leave();
                      });
  }

  const TransactionEnvironment& environment_;
  const ReadPlan& plan_;
  const std::string id_;
  // Each part has its own elements.
  ConsistentItems items_;
  Refusals refusals_;
  std::vector<absl::Status> statuses_;
};

}  // namespace

absl::StatusOr<ConsistentItems> ReadConsistently(
    const TransactionEnvironment& environment, const ReadPlan& plan) {
  cluster::PartitionHost& host = *environment.host;
  std::vector<const ReadPart*> order;
  for (const ReadPart& part : plan.parts) order.push_back(&part);
  Refusals locked;
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(std::optional<ConsistentItems> items,
                     ReadTwice(host, plan.items, &order, &locked));
    if (items.has_value()) return *std::move(items);
  }
  if (!locked.empty()) return Cancelled(std::move(locked));
  return LockingRead(environment, plan).Run();
}

}  // namespace pallet::service
