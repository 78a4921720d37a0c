// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/committed_entry.h"

#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/entry.h"
#include "storage/side_rows.h"

namespace pallet::cluster {
namespace {

absl::Status Damaged() {
  return model::MakeError(model::Reason::kDataLoss,
                          "a committed entry has effects no leader proposes");
}

void AddRow(const storage::Effect& effect, storage::PartitionBatch* partition,
            storage::Batch* batch) {
  const bool deletes = effect.op == storage::EffectOp::kDelete;
  partition->effects.push_back(
      {batch->arena.Copy(effect.key),
       deletes ? absl::string_view() : batch->arena.Copy(effect.value)});
  if (!storage::IsSideRow(effect.key) || deletes) return;
  if (storage::IsChange(effect.key)) partition->has_changes = true;
  if (storage::IsStreamRow(effect.key)) partition->has_stream_records = true;
}

}  // namespace

absl::StatusOr<bool> AddEffects(absl::string_view effects,
                                ReplicaRecord* replica,
                                storage::PartitionBatch* partition,
                                storage::Batch* batch) {
  ASSIGN_OR_RETURN(const EffectsView view, DecodeEffects(effects));
  storage::PartitionInfo& info = partition->after.info;
  const bool follows = view.chain == replica->chain
                           ? view.link == replica->link + 1
                           : view.chain > replica->chain && view.link == 1;
  if (!follows || view.epoch != info.epoch ||
      view.change_seq != info.change_seq) {
    return false;
  }
  ASSIGN_OR_RETURN(storage::EntryReader reader,
                   storage::EntryReader::Open(view.entry));
  while (true) {
    storage::Effect effect;
    ASSIGN_OR_RETURN(const bool more, reader.Next(&effect));
    if (!more) break;
    switch (effect.op) {
      case storage::EffectOp::kPut:
      case storage::EffectOp::kDelete:
        if (effect.database != storage::DatabaseId::kItems) return Damaged();
        AddRow(effect, partition, batch);
        break;
      case storage::EffectOp::kIndexCounts: {
        ASSIGN_OR_RETURN(const storage::IndexCounts counts,
                         storage::DecodeIndexCounts(effect));
        if (counts.index >= info.index_count) return Damaged();
        info.indexes[counts.index] = counts.counts;
        break;
      }
      case storage::EffectOp::kSchemaVersion: {
        ASSIGN_OR_RETURN(info.schema_version,
                         storage::DecodeSchemaVersion(effect));
        break;
      }
      case storage::EffectOp::kDeleteRange:
        return Damaged();
    }
  }
  replica->chain = view.chain;
  replica->link = view.link;
  info.change_seq = reader.header().change_seq;
  info.item_count = reader.header().item_count;
  info.item_bytes = reader.header().item_bytes;
  return true;
}

storage::PartitionBatch* RecordIn(storage::Batch* batch,
                                  const storage::PartitionState& before) {
  storage::PartitionBatch* const record = batch->Find(before.info.id);
  return record != nullptr ? record : &batch->Add(before);
}

}  // namespace pallet::cluster
