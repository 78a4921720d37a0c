// SPDX-License-Identifier: Apache-2.0
#include "storage/partition_state.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"
#include "storage/key_codec.h"

namespace pallet::storage {
namespace {

constexpr uint8_t kFormat = 1;

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
  AppendU8(&row, kFormat);
  AppendU32(&row, state.info.keyspace.value());
  AppendU64(&row, state.info.range.first);
  AppendU64(&row, state.info.range.last);
  AppendU64(&row, state.info.epoch);
  AppendU64(&row, state.index);
  AppendU64(&row, state.info.change_seq.value());
  AppendU64(&row, state.info.item_count);
  AppendU64(&row, state.info.item_bytes);
  AppendU8(&row, static_cast<uint8_t>(state.phase));
  return row;
}

absl::StatusOr<PartitionState> DecodePartitionState(PartitionId id,
                                                    absl::string_view row) {
  uint8_t format = 0, phase = 0;
  if (!ConsumeU8(&row, &format)) return Damaged("is empty");
  if (format != kFormat) {
    return Damaged(absl::StrCat("has the unknown format ", format));
  }
  PartitionState state;
  state.info.id = id;
  uint32_t keyspace = 0;
  uint64_t change_seq = 0;
  if (!ConsumeU32(&row, &keyspace) ||
      !ConsumeU64(&row, &state.info.range.first) ||
      !ConsumeU64(&row, &state.info.range.last) ||
      !ConsumeU64(&row, &state.info.epoch) || !ConsumeU64(&row, &state.index) ||
      !ConsumeU64(&row, &change_seq) ||
      !ConsumeU64(&row, &state.info.item_count) ||
      !ConsumeU64(&row, &state.info.item_bytes) || !ConsumeU8(&row, &phase) ||
      !row.empty()) {
    return Damaged("has the wrong length");
  }
  state.info.keyspace = KeyspaceId(keyspace);
  state.info.change_seq = ChangeSeq(change_seq);
  state.phase = static_cast<PartitionPhase>(phase);
  if (state.phase != PartitionPhase::kServing &&
      state.phase != PartitionPhase::kDropped) {
    return Damaged(absl::StrCat("has the unknown phase ", phase));
  }
  return state;
}

std::string FirstRowKey(const PartitionInfo& partition) {
  return HashPrefix(partition.keyspace, partition.range.first);
}

std::string EndRowKey(const PartitionInfo& partition) {
  return PrefixEnd(HashPrefix(partition.keyspace, partition.range.last));
}

}  // namespace pallet::storage
