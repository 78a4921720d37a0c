// SPDX-License-Identifier: Apache-2.0
//
// Side rows: what a partition keeps beside its items, in reserved keyspaces of
// the items database. They share log record, memtable, checksum and recovery
// with the items, and are not counted.
//
//   change   := 0xFFFFFF01 u32 | lineage u64 | change seq u64
//   cursor   := 0xFFFFFF02 u32 | index partition u64 | source lineage u64
//   backfill := 0xFFFFFF03 u32 | source partition u64 | index u64
//   lock     := 0xFFFFFF04 u32 | partition u64 | row key
//   ledger   := 0xFFFFFF05 u32 | partition u64 | 0x01 | token
//   reminder := 0xFFFFFF05 u32 | partition u64 | 0x02 | time u64 | token
//   pass     := 0xFFFFFF06 u32 | partition u64 | time to live u64
//   expiry   := 0xFFFFFF06 u32 | partition u64 | time to live u64 |
//               seconds since 1970 u64 | row key
//   shard    := 0xFFFFFF07 u32 | lineage u64 | stream u64 | 0 u64
//   streamed := 0xFFFFFF07 u32 | lineage u64 | stream u64 | change seq u64
//   collection := 0xFFFFFF08 u32 | partition u64 | hash u64 | partition part
//
// (big endian). A change and a backfill belong to the source partition, a
// cursor to the index partition, the others to their partition; they go when it
// goes. What the first three hold is gsi/'s, then come those of transactions
// (docs/adr/0020-transactions.md), of times to live (docs/adr/0019-time-to-live.md),
// of streams (docs/adr/0021-streams.md) and of item collections
// (service/handlers/collection_size.h). A lineage has the
// number of the partition it began with; partitions are not split yet, so the
// two are one. On disk since format 3.
// Pure functions; safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/ids.h"

namespace pallet::storage {

// No table or index is given a keyspace from here on.
inline constexpr KeyspaceId kFirstSideKeyspace{0xFFFFFF00};

std::string ChangeKey(PartitionId lineage, ChangeSeq seq);
std::string CursorKey(PartitionId index, PartitionId lineage);
std::string BackfillKey(PartitionId source, uint64_t index);

// That the row is part of a transaction under way.
std::string LockKey(PartitionId partition, absl::string_view row_key);
// How large an item collection is; `collection` is its CollectionPrefix.
std::string CollectionKey(PartitionId partition, absl::string_view collection);
// What became of the request with that token.
std::string LedgerKey(PartitionId partition, absl::string_view token);
// That the token may be forgotten, some time after that.
std::string ReminderKey(PartitionId partition, absl::Time time,
                        absl::string_view token);

// How far the items that were there before the time to live have been read.
std::string ExpiryPassKey(PartitionId partition, uint64_t time_to_live);
// That the item of that row key expires then. Rows are in the order of time.
std::string ExpiryKey(PartitionId partition, uint64_t time_to_live,
                      uint64_t seconds, absl::string_view row_key);

// What the lineage knows of one of its table's streams.
std::string ShardKey(PartitionId lineage, uint64_t stream);
// What the change was. REQUIRES: seq > 0.
std::string StreamRecordKey(PartitionId lineage, uint64_t stream,
                            ChangeSeq seq);

// REQUIRES: the key is of its kind.
ChangeSeq SeqOfChangeKey(absl::string_view key);
uint64_t IndexOfBackfillKey(absl::string_view key);
// The locked row.
absl::string_view RowOfLockKey(absl::string_view key);
absl::string_view TokenOfLedgerKey(absl::string_view key);
absl::Time TimeOfReminderKey(absl::string_view key);
absl::string_view TokenOfReminderKey(absl::string_view key);
ChangeSeq SeqOfStreamRecordKey(absl::string_view key);
// Of a pass too.
uint64_t TimeToLiveOfExpiryKey(absl::string_view key);
// REQUIRES: an expiry, not a pass.
uint64_t SecondsOfExpiryKey(absl::string_view key);
absl::string_view RowOfExpiryKey(absl::string_view key);

bool IsSideRow(absl::string_view row_key);
bool IsChange(absl::string_view row_key);
bool IsLock(absl::string_view row_key);
// A shard is none.
bool IsStreamRecord(absl::string_view row_key);
// A record or a shard.
bool IsStreamRow(absl::string_view row_key);
// REQUIRES: IsSideRow.
PartitionId OwnerOfSideRow(absl::string_view row_key);

// begin <= key < end.
struct SideRange {
  std::string begin, end;
};
SideRange ChangesOf(PartitionId lineage);
SideRange BackfillsOf(PartitionId source);
// Of all partitions.
SideRange AllLocks();
SideRange AllTokens();
SideRange LedgerOf(PartitionId partition);
// In the order of their times.
SideRange RemindersOf(PartitionId partition);
// In the order of their seqs, without the shard.
SideRange StreamRecordsOf(PartitionId lineage, uint64_t stream);
// Expiries at from <= seconds < to.
SideRange ExpiriesOf(PartitionId partition, uint64_t time_to_live,
                     uint64_t from, uint64_t to);
// Passes and expiries of all times to live.
SideRange AllExpiriesOf(PartitionId partition);
// All side rows of a partition, kind by kind.
std::array<SideRange, 8> SideRangesOf(PartitionId partition);

}  // namespace pallet::storage
