// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/recovery.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/status_macros.h"
#include "service/transactions/part_decision.h"
#include "service/transactions/settlement.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

// A store that has no room now may not keep a node from serving.
constexpr absl::Duration kPatience = absl::Seconds(10);

// By token and attempt.
using Attempt = std::pair<std::string, std::string>;
struct LockedRows {
  std::vector<std::string> keys;
  size_t bytes = 0;
};
using RowsByPartition = std::map<storage::PartitionId, LockedRows>;

struct Place {
  cluster::TablePtr table;
  const cluster::TablePartition* partition = nullptr;
};

absl::flat_hash_map<storage::PartitionId, Place> Places(
    const cluster::PartitionMap& map) {
  absl::flat_hash_map<storage::PartitionId, Place> places;
  for (const cluster::TablePtr& table : map.tables()) {
    for (const cluster::TablePartition& partition : table->partitions) {
      places[partition.id] = {table, &partition};
    }
  }
  return places;
}

absl::Status FindLocks(storage::Store& store,
                       std::map<Attempt, RowsByPartition>* found) {
  const storage::SideRange all = storage::AllLocks();
  return store.Read([&](storage::ReadTransaction& rows) -> absl::Status {
    const auto cursor = rows.Cursor(all.begin, all.end);
    RETURN_IF_ERROR(cursor->SeekAtOrAfter(all.begin));
    while (cursor->Valid()) {
      ASSIGN_OR_RETURN(const storage::v1::LockRecord lock,
                       DecodeLockRecord(cursor->row().item));
      LockedRows& locked = (*found)[{lock.token(), lock.transaction_id()}]
                                   [storage::OwnerOfSideRow(cursor->key())];
      locked.keys.emplace_back(storage::RowOfLockKey(cursor->key()));
      locked.bytes += locked.keys.back().size() + lock.item().size();
      RETURN_IF_ERROR(cursor->Next());
    }
    return absl::OkStatus();
  });
}

// What the ledger says of the attempt.
absl::StatusOr<Verdict> VerdictOf(const Ledger& ledger,
                                  const Attempt& attempt) {
  const auto& [token, transaction_id] = attempt;
  if (token.empty()) return Verdict::kRelease;  // of a read
  ASSIGN_OR_RETURN(const Ledger::Known known, ledger.Find(token));
  const bool committed =
      known.has_value() && known->transaction_id() == transaction_id &&
      known->state() == storage::v1::TRANSACTION_STATE_COMMITTED;
  return committed ? Verdict::kApply : Verdict::kRelease;
}

// How many settlements are open; outlives those who wait for it.
struct Open {
  absl::Mutex mutex;
  size_t count ABSL_GUARDED_BY(mutex) = 0;
};

}  // namespace

absl::Status SettleWhatIsLocked(const TransactionEnvironment& environment,
                                Logger* logger) {
  cluster::PartitionHost& host = *environment.host;
  std::map<Attempt, RowsByPartition> found;
  for (uint32_t i = 0; i < host.store_count(); ++i) {
    RETURN_IF_ERROR(FindLocks(host.store(cluster::StoreId(i)), &found));
  }
  const auto map = host.map();
  const auto places = Places(*map);
  const auto open = std::make_shared<Open>();
  for (auto& [attempt, rows] : found) {
    std::vector<LockedPart> parts;
    for (auto& [partition, locked] : rows) {
      const auto place = places.find(partition);
      if (place == places.end()) continue;  // it is going, locks and all
      parts.push_back({place->second.table, place->second.partition,
                       std::move(locked.keys), locked.bytes});
    }
    if (parts.empty()) continue;
    ASSIGN_OR_RETURN(const Verdict verdict,
                     VerdictOf(*environment.ledger, attempt));
    logger->Info("transaction.recovered",
                 {{"verdict", verdict == Verdict::kApply ? "apply" : "release"},
                  {"partitions", parts.size()}});
    environment.active->Add(attempt.second);
    environment.active->Enter();
    {
      absl::MutexLock lock(&open->mutex);
      ++open->count;
    }
    Settlement::Start(environment.host, environment.run_later, std::move(parts),
                      {attempt.first, attempt.second}, verdict,
                      [open, active = environment.active,
                       id = attempt.second](const Settlement::End& end) {
                        if (end.status.ok()) active->Remove(id);
                        {
                          absl::MutexLock lock(&open->mutex);
                          --open->count;
                        }
                        active->Leave();
                      });
  }
  absl::MutexLock lock(&open->mutex);
  const auto settled = [&open]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return open->count == 0;
  };
  open->mutex.AwaitWithTimeout(absl::Condition(&settled), kPatience);
  return absl::OkStatus();
}

}  // namespace pallet::service
