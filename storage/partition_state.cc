// SPDX-License-Identifier: Apache-2.0
#include "storage/partition_state.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"
#include "storage/key_codec.h"

namespace pallet::storage {
namespace {

constexpr uint8_t kPlainFormat = 1;
constexpr uint8_t kIndexedFormat = 2;
constexpr uint8_t kVersionedFormat = 3;
constexpr uint8_t kReplicatedFormat = 4;

uint8_t FormatOf(const PartitionState& state) {
  const PartitionInfo& info = state.info;
  if (!state.replica.empty()) return kReplicatedFormat;
  if (info.schema_version > 0) return kVersionedFormat;
  return info.index_count == 0 ? kPlainFormat : kIndexedFormat;
}

absl::Status Damaged(absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat("the row of a partition ", what));
}

}  // namespace

std::string PartitionKey(PartitionId id) {
  std::string key;
  AppendU64(&key, id.value());
  return key;
}

absl::StatusOr<PartitionId> DecodePartitionKey(absl::string_view key) {
  uint64_t id = 0;
  if (!ConsumeU64(&key, &id) || !key.empty()) return Damaged("has a bad key");
  return PartitionId(id);
}

std::string EncodePartitionState(const PartitionState& state) {
  std::string row;
  const PartitionInfo& info = state.info;
  const uint8_t format = FormatOf(state);
  AppendU8(&row, format);
  AppendU32(&row, state.info.keyspace.value());
  AppendU64(&row, state.info.range.first);
  AppendU64(&row, state.info.range.last);
  AppendU64(&row, state.info.epoch);
  AppendU64(&row, state.index);
  AppendU64(&row, state.info.change_seq.value());
  AppendU64(&row, state.info.item_count);
  AppendU64(&row, state.info.item_bytes);
  AppendU8(&row, static_cast<uint8_t>(state.phase));
  if (format == kPlainFormat) return row;
  AppendU8(&row, static_cast<uint8_t>(info.index_count));
  for (uint32_t i = 0; i < info.index_count; ++i) {
    AppendU64(&row, info.indexes[i].rows);
    AppendU64(&row, info.indexes[i].bytes);
  }
  if (format >= kVersionedFormat) AppendU64(&row, info.schema_version);
  if (format == kReplicatedFormat) AppendBytes(&row, state.replica);
  return row;
}

namespace {

// counts; false if that is not what `row` holds.
bool DecodeCounts(absl::string_view* row, PartitionInfo* info) {
  uint8_t count = 0;
  if (!ConsumeU8(row, &count) || count > kMaxLocalIndexes) return false;
  info->index_count = count;
  for (uint32_t i = 0; i < count; ++i) {
    if (!ConsumeU64(row, &info->indexes[i].rows) ||
        !ConsumeU64(row, &info->indexes[i].bytes)) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<PartitionState> DecodePartitionState(PartitionId id,
                                                    absl::string_view row) {
  uint8_t format = 0, phase = 0;
  if (!ConsumeU8(&row, &format)) return Damaged("is empty");
  if (format < kPlainFormat || format > kReplicatedFormat) {
    return Damaged(absl::StrCat("has the unknown format ", format));
  }
  PartitionState state;
  state.info.id = id;
  uint32_t keyspace = 0;
  uint64_t change_seq = 0;
  absl::string_view replica;
  if (!ConsumeU32(&row, &keyspace) ||
      !ConsumeU64(&row, &state.info.range.first) ||
      !ConsumeU64(&row, &state.info.range.last) ||
      !ConsumeU64(&row, &state.info.epoch) || !ConsumeU64(&row, &state.index) ||
      !ConsumeU64(&row, &change_seq) ||
      !ConsumeU64(&row, &state.info.item_count) ||
      !ConsumeU64(&row, &state.info.item_bytes) || !ConsumeU8(&row, &phase) ||
      (format != kPlainFormat && !DecodeCounts(&row, &state.info)) ||
      (format == kIndexedFormat && state.info.index_count == 0) ||
      (format >= kVersionedFormat &&
       !ConsumeU64(&row, &state.info.schema_version)) ||
      (format == kVersionedFormat && state.info.schema_version == 0) ||
      (format == kReplicatedFormat &&
       (!ConsumeBytes(&row, &replica) || replica.empty())) ||
      !row.empty()) {
    return Damaged("has the wrong length");
  }
  state.info.keyspace = KeyspaceId(keyspace);
  state.info.change_seq = ChangeSeq(change_seq);
  state.replica = std::string(replica);
  state.phase = static_cast<PartitionPhase>(phase);
  if (state.phase != PartitionPhase::kServing &&
      state.phase != PartitionPhase::kDropped &&
      (state.phase != PartitionPhase::kStaging ||
       format != kReplicatedFormat)) {
    return Damaged(absl::StrCat("has the unknown phase ", phase));
  }
  return state;
}

KeyspaceId KeyspaceOf(const PartitionInfo& partition, uint32_t ordinal) {
  return KeyspaceId(partition.keyspace.value() + ordinal);
}

uint32_t OrdinalOf(const PartitionInfo& partition, absl::string_view row_key) {
  // A keyspace below the table's wraps around to a great number.
  return KeyspaceOfRowKey(row_key).value() - partition.keyspace.value();
}

RowCounts CountsOf(const PartitionInfo& partition, uint32_t ordinal) {
  if (ordinal == 0) return {partition.item_count, partition.item_bytes};
  return partition.indexes[ordinal - 1];
}

void SetCounts(uint32_t ordinal, const RowCounts& counts,
               PartitionInfo* partition) {
  if (ordinal > 0) {
    partition->indexes[ordinal - 1] = counts;
    return;
  }
  partition->item_count = counts.rows;
  partition->item_bytes = counts.bytes;
}

std::string FirstRowKey(const PartitionInfo& partition, uint32_t ordinal) {
  return HashPrefix(KeyspaceOf(partition, ordinal), partition.range.first);
}

std::string EndRowKey(const PartitionInfo& partition, uint32_t ordinal) {
  return PrefixEnd(
      HashPrefix(KeyspaceOf(partition, ordinal), partition.range.last));
}

}  // namespace pallet::storage
