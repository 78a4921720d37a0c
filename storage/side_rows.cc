// SPDX-License-Identifier: Apache-2.0
#include "storage/side_rows.h"

#include "base/bytes.h"
#include "base/check.h"
#include "storage/key_codec.h"

namespace pallet::storage {
namespace {

constexpr uint32_t kChanges = 0xFFFFFF01;
constexpr uint32_t kCursors = 0xFFFFFF02;
constexpr uint32_t kBackfills = 0xFFFFFF03;
constexpr size_t kNumberAt = kRowKeyPrefixBytes;

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

ChangeSeq SeqOfChangeKey(absl::string_view key) {
  return ChangeSeq(NumberIn(key, kChanges));
}

uint64_t IndexOfBackfillKey(absl::string_view key) {
  return NumberIn(key, kBackfills);
}

bool IsSideRow(absl::string_view row_key) {
  return KeyspaceOfRowKey(row_key) >= kFirstSideKeyspace;
}

bool IsChange(absl::string_view row_key) {
  return KeyspaceOfRowKey(row_key).value() == kChanges;
}

PartitionId OwnerOfSideRow(absl::string_view row_key) {
  CHECK(IsSideRow(row_key));
  return PartitionId(HashOfRowKey(row_key));
}

SideRange ChangesOf(PartitionId lineage) { return RangeOf(kChanges, lineage); }

SideRange BackfillsOf(PartitionId source) {
  return RangeOf(kBackfills, source);
}

std::array<SideRange, 3> SideRangesOf(PartitionId partition) {
  return {RangeOf(kChanges, partition), RangeOf(kCursors, partition),
          RangeOf(kBackfills, partition)};
}

}  // namespace pallet::storage
