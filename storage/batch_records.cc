// SPDX-License-Identifier: Apache-2.0
#include "storage/batch_records.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/databases.h"

namespace pallet::storage {
namespace {

absl::Status Damaged(const RecordView& record, absl::string_view what) {
  return model::MakeError(
      model::Reason::kDataLoss,
      absl::StrCat("log record ", record.index, " of partition ",
                   record.partition.value(), " ", what));
}

// What the entry's header has no room for.
void AddStateEffects(const PartitionInfo& info, EntryBuilder* entry) {
  for (uint32_t i = 0; i < info.index_count; ++i) {
    entry->SetIndexCounts({i, info.indexes[i]});
  }
  if (info.schema_version > 0) entry->SetSchemaVersion(info.schema_version);
}

void AddEffects(const PartitionBatch& partition, EntryBuilder* entry) {
  switch (partition.kind) {
    case PartitionBatch::Kind::kRows:
      for (const RowEffect& effect : partition.effects) {
        if (effect.is_delete()) {
          entry->Delete(DatabaseId::kItems, effect.row_key);
        } else {
          entry->Put(DatabaseId::kItems, effect.row_key, effect.row);
        }
      }
      AddStateEffects(partition.after.info, entry);
      return;
    case PartitionBatch::Kind::kDeleteRange:
      entry->DeleteRange(DatabaseId::kItems, partition.begin, partition.end);
      AddStateEffects(partition.after.info, entry);
      return;
    case PartitionBatch::Kind::kForget:
      entry->Delete(DatabaseId::kPartitions,
                    PartitionKey(partition.after.info.id));
      return;
    case PartitionBatch::Kind::kCreate:
    case PartitionBatch::Kind::kDrop:
      CHECK(false) << "no entry";
  }
}

// Effects of an entry that came from the log. True if the partition's own state
// is among what they delete.
absl::StatusOr<bool> ApplyEffects(EntryReader& reader, PartitionInfo* info,
                                  ImageWrite& image) {
  bool forgotten = false;
  while (true) {
    Effect effect;
    ASSIGN_OR_RETURN(const bool more, reader.Next(&effect));
    if (!more) return forgotten;
    if (effect.op == EffectOp::kIndexCounts) {
      ASSIGN_OR_RETURN(const IndexCounts counts, DecodeIndexCounts(effect));
      info->indexes[counts.index] = counts.counts;
      continue;
    }
    if (effect.op == EffectOp::kSchemaVersion) {
      ASSIGN_OR_RETURN(info->schema_version, DecodeSchemaVersion(effect));
      continue;
    }
    RETURN_IF_ERROR(image.Apply(effect));
    forgotten = forgotten || (effect.op == EffectOp::kDelete &&
                              effect.database == DatabaseId::kPartitions);
  }
}

absl::Status ApplyCreate(const RecordView& record, PartitionStates& partitions,
                         ImageWrite& image) {
  if (record.index != 1 || partitions.contains(record.partition)) {
    return Damaged(record, "creates what is there already");
  }
  ASSIGN_OR_RETURN(const GroupCreate create, DecodeGroupCreate(record.payload));
  PartitionState state;
  state.info.id = record.partition;
  state.info.keyspace = create.keyspace;
  state.info.range = create.range;
  state.info.epoch = create.epoch;
  state.info.index_count = create.index_count;
  state.index = record.index;
  partitions[record.partition] = state;
  return PutState(state, image);
}

absl::Status ApplyEntry(const RecordView& record, PartitionStates& partitions,
                        ImageWrite& image) {
  PartitionState& state = partitions[record.partition];
  ASSIGN_OR_RETURN(EntryReader reader, EntryReader::Open(record.payload));
  ASSIGN_OR_RETURN(const bool forgotten,
                   ApplyEffects(reader, &state.info, image));
  if (forgotten) {
    partitions.erase(record.partition);
    return absl::OkStatus();
  }
  state.info.change_seq = reader.header().change_seq;
  state.info.item_count = reader.header().item_count;
  state.info.item_bytes = reader.header().item_bytes;
  return PutState(state, image);
}

}  // namespace

absl::string_view EncodeEntry(const PartitionBatch& partition,
                              EntryBuilder* entry) {
  const PartitionInfo& info = partition.after.info;
  entry->Clear();
  AddEffects(partition, entry);
  return entry->Finish({info.change_seq, info.item_count, info.item_bytes});
}

void AddRecords(Batch& batch, EntryBuilder* entry, FrameBuilder* frame) {
  for (const PartitionBatch& partition : batch.partitions()) {
    const PartitionInfo& info = partition.after.info;
    RecordView record;
    record.partition = info.id;
    record.index = partition.after.index;
    if (partition.kind == PartitionBatch::Kind::kCreate) {
      record.kind = RecordKind::kGroupCreate;
      const std::string payload = EncodeGroupCreate(
          {info.keyspace, info.range, info.epoch, info.index_count});
      record.payload = payload;
      frame->Add(record);
      continue;
    }
    if (partition.kind == PartitionBatch::Kind::kDrop) {
      record.kind = RecordKind::kGroupDrop;
      frame->Add(record);
      continue;
    }
    record.payload = EncodeEntry(partition, entry);
    frame->Add(record);
  }
}

absl::Status PutState(const PartitionState& state, ImageWrite& image) {
  return image.Put(DatabaseId::kPartitions, PartitionKey(state.info.id),
                   EncodePartitionState(state));
}

absl::Status ApplyBatch(Batch& batch, ImageWrite& image) {
  for (const PartitionBatch& partition : batch.partitions()) {
    for (const RowEffect& effect : partition.effects) {
      RETURN_IF_ERROR(
          effect.is_delete()
              ? image.Delete(DatabaseId::kItems, effect.row_key)
              : image.Put(DatabaseId::kItems, effect.row_key, effect.row));
    }
    if (partition.kind == PartitionBatch::Kind::kDeleteRange) {
      RETURN_IF_ERROR(image.DeleteRange(DatabaseId::kItems, partition.begin,
                                        partition.end));
    }
    RETURN_IF_ERROR(partition.kind == PartitionBatch::Kind::kForget
                        ? image.Delete(DatabaseId::kPartitions,
                                       PartitionKey(partition.after.info.id))
                        : PutState(partition.after, image));
  }
  return absl::OkStatus();
}

absl::Status ApplyRecord(const RecordView& record, PartitionStates& partitions,
                         ImageWrite& image) {
  if (record.kind == RecordKind::kGroupCreate) {
    return ApplyCreate(record, partitions, image);
  }
  const auto found = partitions.find(record.partition);
  if (found == partitions.end()) return Damaged(record, "has no partition");
  PartitionState& state = found->second;
  if (record.index != state.index + 1) {
    return Damaged(record,
                   absl::StrCat("follows record ", state.index, ": a gap"));
  }
  state.index = record.index;
  switch (record.kind) {
    case RecordKind::kEntries:
      return ApplyEntry(record, partitions, image);
    case RecordKind::kGroupDrop:
      state.phase = PartitionPhase::kDropped;
      return PutState(state, image);
    default:
      return Damaged(record, "is of a kind that one copy does not write");
  }
}

}  // namespace pallet::storage
