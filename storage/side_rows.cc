// SPDX-License-Identifier: Apache-2.0
#include "storage/side_rows.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "storage/key_codec.h"

namespace pallet::storage {
namespace {

constexpr uint32_t kChanges = 0xFFFFFF01;
constexpr uint32_t kCursors = 0xFFFFFF02;
constexpr uint32_t kBackfills = 0xFFFFFF03;
constexpr uint32_t kLocks = 0xFFFFFF04;
constexpr uint32_t kTokens = 0xFFFFFF05;
constexpr uint32_t kExpiries = 0xFFFFFF06;
constexpr uint32_t kStreams = 0xFFFFFF07;
constexpr uint32_t kCollections = 0xFFFFFF08;
constexpr char kLedger = 1;
constexpr char kReminder = 2;
constexpr size_t kNumberAt = kRowKeyPrefixBytes;
constexpr size_t kSecondsAt = kNumberAt + sizeof(uint64_t);
constexpr size_t kExpiredRowAt = kSecondsAt + sizeof(uint64_t);
constexpr size_t kStreamKeyBytes = kNumberAt + 2 * sizeof(uint64_t);

std::string KeyOf(uint32_t keyspace, PartitionId owner, uint64_t number) {
  std::string key;
  key.reserve(kNumberAt + sizeof(number));
  AppendU32(&key, keyspace);
  AppendU64(&key, owner.value());
  AppendU64(&key, number);
  return key;
}

uint64_t NumberIn(absl::string_view key, uint32_t keyspace) {
  CHECK(key.size() == kNumberAt + sizeof(uint64_t) &&
        LoadU32(key.data()) == keyspace);
  return LoadU64(key.data() + kNumberAt);
}

std::string KeyOf(uint32_t keyspace, PartitionId owner,
                  absl::string_view rest) {
  return absl::StrCat(HashPrefix(KeyspaceId(keyspace), owner.value()), rest);
}

// What is behind the owner and, in kTokens, the kind.
absl::string_view RestOf(absl::string_view key, uint32_t keyspace) {
  CHECK(key.size() > kNumberAt && LoadU32(key.data()) == keyspace);
  return key.substr(keyspace == kTokens ? kNumberAt + 1 : kNumberAt);
}

SideRange TokensOf(PartitionId owner, char kind) {
  const std::string begin = KeyOf(kTokens, owner, absl::string_view(&kind, 1));
  return {begin, PrefixEnd(begin)};
}

SideRange KeyspaceRange(uint32_t keyspace) {
  return {HashPrefix(KeyspaceId(keyspace), 0),
          HashPrefix(KeyspaceId(keyspace + 1), 0)};
}

SideRange RangeOf(uint32_t keyspace, PartitionId owner) {
  const std::string begin = HashPrefix(KeyspaceId(keyspace), owner.value());
  return {begin, PrefixEnd(begin)};
}

}  // namespace

std::string ChangeKey(PartitionId lineage, ChangeSeq seq) {
  return KeyOf(kChanges, lineage, seq.value());
}

std::string CursorKey(PartitionId index, PartitionId lineage) {
  return KeyOf(kCursors, index, lineage.value());
}

std::string BackfillKey(PartitionId source, uint64_t index) {
  return KeyOf(kBackfills, source, index);
}

std::string LockKey(PartitionId partition, absl::string_view row_key) {
  return KeyOf(kLocks, partition, row_key);
}

std::string CollectionKey(PartitionId partition, absl::string_view collection) {
  return KeyOf(kCollections, partition, collection.substr(sizeof(uint32_t)));
}

std::string LedgerKey(PartitionId partition, absl::string_view token) {
  return KeyOf(kTokens, partition,
               absl::StrCat(absl::string_view(&kLedger, 1), token));
}

std::string ReminderKey(PartitionId partition, absl::Time time,
                        absl::string_view token) {
  std::string rest(1, kReminder);
  AppendU64(&rest, static_cast<uint64_t>(absl::ToUnixMicros(time)));
  return KeyOf(kTokens, partition, absl::StrCat(rest, token));
}

std::string ExpiryPassKey(PartitionId partition, uint64_t time_to_live) {
  return KeyOf(kExpiries, partition, time_to_live);
}

std::string ExpiryKey(PartitionId partition, uint64_t time_to_live,
                      uint64_t seconds, absl::string_view row_key) {
  std::string key = ExpiryPassKey(partition, time_to_live);
  key.reserve(kExpiredRowAt + row_key.size());
  AppendU64(&key, seconds);
  key.append(row_key.data(), row_key.size());
  return key;
}

std::string ShardKey(PartitionId lineage, uint64_t stream) {
  std::string key = KeyOf(kStreams, lineage, stream);
  AppendU64(&key, 0);
  return key;
}

std::string StreamRecordKey(PartitionId lineage, uint64_t stream,
                            ChangeSeq seq) {
  CHECK(seq > ChangeSeq(0));
  std::string key = KeyOf(kStreams, lineage, stream);
  AppendU64(&key, seq.value());
  return key;
}

ChangeSeq SeqOfChangeKey(absl::string_view key) {
  return ChangeSeq(NumberIn(key, kChanges));
}

uint64_t IndexOfBackfillKey(absl::string_view key) {
  return NumberIn(key, kBackfills);
}

absl::string_view RowOfLockKey(absl::string_view key) {
  return RestOf(key, kLocks);
}

absl::string_view TokenOfLedgerKey(absl::string_view key) {
  return RestOf(key, kTokens);
}

absl::Time TimeOfReminderKey(absl::string_view key) {
  const absl::string_view rest = RestOf(key, kTokens);
  CHECK_GE(rest.size(), sizeof(uint64_t));
  return absl::FromUnixMicros(static_cast<int64_t>(LoadU64(rest.data())));
}

absl::string_view TokenOfReminderKey(absl::string_view key) {
  return RestOf(key, kTokens).substr(sizeof(uint64_t));
}

ChangeSeq SeqOfStreamRecordKey(absl::string_view key) {
  CHECK(IsStreamRecord(key));
  return ChangeSeq(LoadU64(key.data() + kStreamKeyBytes - sizeof(uint64_t)));
}

uint64_t TimeToLiveOfExpiryKey(absl::string_view key) {
  CHECK(key.size() >= kSecondsAt && LoadU32(key.data()) == kExpiries);
  return LoadU64(key.data() + kNumberAt);
}

uint64_t SecondsOfExpiryKey(absl::string_view key) {
  CHECK(key.size() > kExpiredRowAt && LoadU32(key.data()) == kExpiries);
  return LoadU64(key.data() + kSecondsAt);
}

absl::string_view RowOfExpiryKey(absl::string_view key) {
  CHECK(key.size() > kExpiredRowAt && LoadU32(key.data()) == kExpiries);
  return key.substr(kExpiredRowAt);
}

bool IsSideRow(absl::string_view row_key) {
  return KeyspaceOfRowKey(row_key) >= kFirstSideKeyspace;
}

bool IsChange(absl::string_view row_key) {
  return KeyspaceOfRowKey(row_key).value() == kChanges;
}

bool IsLock(absl::string_view row_key) {
  return KeyspaceOfRowKey(row_key).value() == kLocks;
}

bool IsStreamRow(absl::string_view row_key) {
  return KeyspaceOfRowKey(row_key).value() == kStreams;
}

bool IsStreamRecord(absl::string_view row_key) {
  return IsStreamRow(row_key) && row_key.size() == kStreamKeyBytes &&
         LoadU64(row_key.data() + kStreamKeyBytes - sizeof(uint64_t)) != 0;
}

PartitionId OwnerOfSideRow(absl::string_view row_key) {
  CHECK(IsSideRow(row_key));
  return PartitionId(HashOfRowKey(row_key));
}

SideRange ChangesOf(PartitionId lineage) { return RangeOf(kChanges, lineage); }

SideRange BackfillsOf(PartitionId source) {
  return RangeOf(kBackfills, source);
}

SideRange AllLocks() { return KeyspaceRange(kLocks); }

SideRange AllTokens() { return KeyspaceRange(kTokens); }

SideRange LedgerOf(PartitionId partition) {
  return TokensOf(partition, kLedger);
}

SideRange RemindersOf(PartitionId partition) {
  return TokensOf(partition, kReminder);
}

SideRange StreamRecordsOf(PartitionId lineage, uint64_t stream) {
  return {StreamRecordKey(lineage, stream, ChangeSeq(1)),
          PrefixEnd(KeyOf(kStreams, lineage, stream))};
}

SideRange ExpiriesOf(PartitionId partition, uint64_t time_to_live,
                     uint64_t from, uint64_t to) {
  return {ExpiryKey(partition, time_to_live, from, ""),
          ExpiryKey(partition, time_to_live, to, "")};
}

SideRange AllExpiriesOf(PartitionId partition) {
  return RangeOf(kExpiries, partition);
}

std::array<SideRange, 8> SideRangesOf(PartitionId partition) {
  return {RangeOf(kChanges, partition),   RangeOf(kCursors, partition),
          RangeOf(kBackfills, partition), RangeOf(kLocks, partition),
          RangeOf(kTokens, partition),    AllExpiriesOf(partition),
          RangeOf(kStreams, partition),   RangeOf(kCollections, partition)};
}

}  // namespace pallet::storage
