// SPDX-License-Identifier: Apache-2.0
//
// Ledger: what became of each request that has a token, for ten minutes, and
// of each transaction over several partitions, until it is over. The records lie
// in the partitions of a table of the service's own, by the hash of the token, so
// that a token is found whatever the keys of its request are.
//
// A transaction's record is PENDING before any partition prepares. Writing it as
// COMMITTED is the commit point. One that is not there, or of another attempt,
// says: aborted (docs/adr/0020-transactions.md).
//
// Thread-safe. Waits for nothing but where said; callbacks come on this thread,
// with an error, or on a store's: they must not block.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cluster/partition_host.h"
#include "cluster/partition_map.h"
#include "pallet/storage/v1/transaction.pb.h"
#include "storage/store.h"

namespace pallet::service {

// A repeat within this time is known.
inline constexpr absl::Duration kTokenLife = absl::Minutes(10);

absl::StatusOr<storage::v1::LedgerRecord> DecodeLedgerRecord(
    absl::string_view bytes);

// Writes the record of a token into the partition, with its reminder.
void PutLedgerRecord(storage::PartitionId partition, absl::string_view token,
                     const storage::v1::LedgerRecord& record,
                     storage::WriteContext& context);
// Removes both.
void DeleteLedgerRecord(storage::PartitionId partition, absl::string_view token,
                        const storage::v1::LedgerRecord& record,
                        storage::WriteContext& context);
// What the partition has of the token, if it is young enough to count.
absl::StatusOr<std::optional<storage::v1::LedgerRecord>> FindLedgerRecord(
    storage::PartitionId partition, absl::string_view token, absl::Time now,
    storage::RowReader& rows);

class Ledger {
 public:
  using Record = storage::v1::LedgerRecord;
  using Known = std::optional<Record>;
  // Whether what is known of a token binds a new attempt; `is_young` says that
  // it is within kTokenLife.
  using Counts = std::function<bool(const Record& record, bool is_young)>;

  // Makes the table if it is not there: waits for the disk.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(
      cluster::PartitionHost* host);
  Ledger(const Ledger&) = delete;

  // Writes `record` unless there is one that counts, which is then told.
  void Begin(const std::string& token, Record record, Counts counts,
             absl::AnyInvocable<void(absl::StatusOr<Known>)> done);

  // Puts `record` in the place of that of the same attempt. False, and nothing
  // happens, if that is not there (any more).
  void Replace(const std::string& token, Record record,
               absl::AnyInvocable<void(absl::StatusOr<bool>)> done);

  // Removes the record of that attempt, if it is there.
  void Erase(const std::string& token, const std::string& transaction_id,
             absl::AnyInvocable<void(absl::Status)> done);

  // However old it is. Waits for a read.
  absl::StatusOr<Known> Find(const std::string& token) const;

 private:
  Ledger(cluster::PartitionHost* host, cluster::TablePtr table)
      : host_(host), table_(std::move(table)) {}

  const cluster::TablePartition& PartitionOf(absl::string_view token) const;

  cluster::PartitionHost* const host_;
  const cluster::TablePtr table_;
};

}  // namespace pallet::service
