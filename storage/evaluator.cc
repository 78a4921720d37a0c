// SPDX-License-Identifier: Apache-2.0
#include "storage/evaluator.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/key_codec.h"
#include "storage/row.h"
#include "storage/side_rows.h"

namespace pallet::storage {
namespace {

// A reclaimed chunk: enough to be worth a sync, little enough not to be felt.
constexpr uint64_t kChunkRows = 500;
constexpr uint64_t kChunkBytes = uint64_t{2} << 20;

absl::Status NotHere(PartitionId id) {
  return model::MakeError(
      model::Reason::kResourceNotFound,
      absl::StrCat("partition ", id.value(), " is not in this store"));
}

// Whether some keyspaces and some hashes are in both.
bool Overlap(const PartitionInfo& a, const ControlOperation& b) {
  return a.keyspace.value() <= b.keyspace.value() + b.index_count &&
         b.keyspace.value() <= a.keyspace.value() + a.index_count &&
         a.range.first <= b.range.last && b.range.first <= a.range.last;
}

}  // namespace

// What one write after the other decides on.
class Evaluator::Context : public WriteContext {
 public:
  Context(Batch& batch, const Overlay& overlay, bool deletes_only,
          ReadTransaction& rows)
      : batch_(batch),
        overlay_(overlay),
        deletes_only_(deletes_only),
        rows_(rows) {}

  // Lets `write` decide; its effects go to `partition`, or nowhere.
  absl::Status Decide(RowWrite& write, PartitionBatch& partition) {
    partition_ = &partition;
    error_ = absl::OkStatus();
    looked_up_ = false;
    const size_t effects_before = partition.effects.size();
    const PartitionInfo info_before = partition.after.info;
    const bool had_changes = partition.has_changes;
    const bool had_stream_records = partition.has_stream_records;
    absl::Status answer = write.Decide(*this);
    if (!error_.ok()) answer = error_;
    if (answer.ok()) {
      batch_.pending.Keep();
    } else {
      batch_.pending.TakeBack();
      partition.effects.resize(effects_before);
      partition.after.info = info_before;
      partition.has_changes = had_changes;
      partition.has_stream_records = had_stream_records;
    }
    return answer;
  }

  absl::StatusOr<std::optional<RowView>> Get(
      absl::string_view row_key) override {
    if (looked_up_ && row_key == looked_up_key_) return looked_up_row_;
    ASSIGN_OR_RETURN(std::optional<RowView> row, LookUp(row_key));
    looked_up_key_.assign(row_key.data(), row_key.size());
    looked_up_row_ = row;
    looked_up_ = true;
    return row;
  }

  void Put(absl::string_view row_key, absl::string_view item_bytes,
           uint32_t item_size) override {
    const uint32_t ordinal = OrdinalInside(row_key);
    if (deletes_only_) return RefusePuts();
    auto before = Get(row_key);
    if (!Usable(before.status())) return;
    PartitionInfo& info = partition_->after.info;
    RowCounts counts = CountsOf(info, ordinal);
    if (before->has_value()) {
      counts.bytes -= (*before)->item_size;
    } else {
      ++counts.rows;
    }
    counts.bytes += item_size;
    SetCounts(ordinal, counts, &info);
    if (ordinal == 0) info.change_seq = change_seq();

    const size_t size = kRowHeaderBytes + item_bytes.size();
    char* const row = batch_.arena.Allocate(size);
    EncodeRowTo({info.change_seq, item_size, item_bytes}, row);
    AddEffect(row_key, {row, size});
  }

  void Delete(absl::string_view row_key) override {
    const uint32_t ordinal = OrdinalInside(row_key);
    auto before = Get(row_key);
    if (!Usable(before.status()) || !before->has_value()) return;
    PartitionInfo& info = partition_->after.info;
    RowCounts counts = CountsOf(info, ordinal);
    counts.bytes -= (*before)->item_size;
    --counts.rows;
    SetCounts(ordinal, counts, &info);
    if (ordinal == 0) info.change_seq = change_seq();
    AddEffect(row_key, {});
  }

  ChangeSeq change_seq() const override {
    return ChangeSeq(partition_->after.info.change_seq.value() + 1);
  }

  void PutSideRow(absl::string_view row_key, absl::string_view bytes) override {
    CheckSideRow(row_key);
    if (deletes_only_ && IsLock(row_key)) return RefusePuts();
    const size_t size = kRowHeaderBytes + bytes.size();
    char* const row = batch_.arena.Allocate(size);
    EncodeRowTo({partition_->after.info.change_seq, 0, bytes}, row);
    AddEffect(row_key, {row, size});
    if (IsChange(row_key)) partition_->has_changes = true;
    // With a shard: who follows it hears of its end.
    if (IsStreamRow(row_key)) partition_->has_stream_records = true;
  }

  void DeleteSideRow(absl::string_view row_key) override {
    CheckSideRow(row_key);
    AddEffect(row_key, {});
  }

  uint64_t schema_version() const override {
    return partition_->after.info.schema_version;
  }

  void SetSchemaVersion(uint64_t version) override {
    CHECK_GE(version, partition_->after.info.schema_version);
    partition_->after.info.schema_version = version;
  }

 private:
  void RefusePuts() {
    error_ = model::MakeError(model::Reason::kStorageFull,
                              "only deletes are accepted: no room");
  }

  // A write whose row cannot be read fails as a whole, whatever it decides.
  bool Usable(const absl::Status& read) {
    if (error_.ok()) error_ = read;
    return error_.ok();
  }

  absl::StatusOr<std::optional<RowView>> LookUp(absl::string_view row_key) {
    const PendingRow* pending = batch_.pending.Find(row_key);
    if (pending == nullptr) pending = overlay_.Find(row_key);
    if (pending == nullptr) return rows_.Get(row_key);
    if (pending->deleted()) return std::nullopt;
    return DecodeRow(pending->row);
  }

  void AddEffect(absl::string_view row_key, absl::string_view row) {
    const absl::string_view key = batch_.arena.Copy(row_key);
    batch_.pending.Set(key, {row});
    partition_->effects.push_back({key, row});
    looked_up_ = false;
  }

  // Which of the partition's keyspaces the row is in. The router sends a row to
  // the partition that covers it; a row elsewhere would be counted and
  // reclaimed wrongly.
  uint32_t OrdinalInside(absl::string_view row_key) const {
    const PartitionInfo& info = partition_->after.info;
    CHECK(row_key.size() > kRowKeyPrefixBytes &&
          OrdinalOf(info, row_key) <= info.index_count &&
          info.range.Contains(HashOfRowKey(row_key)))
        << "a row outside of partition " << info.id;
    return OrdinalOf(info, row_key);
  }

  void CheckSideRow(absl::string_view row_key) const {
    CHECK(IsSideRow(row_key) &&
          OwnerOfSideRow(row_key) == partition_->after.info.id)
        << "a side row of another partition in " << partition_->after.info.id;
  }

  Batch& batch_;
  const Overlay& overlay_;
  const bool deletes_only_;
  ReadTransaction& rows_;
  PartitionBatch* partition_ = nullptr;
  absl::Status error_;
  // The row a condition looked at is most often the row that is written.
  bool looked_up_ = false;
  std::string looked_up_key_;
  std::optional<RowView> looked_up_row_;
};

void Evaluator::Load(const std::vector<PartitionState>& partitions) {
  overlay_ = Overlay();
  partitions_.clear();
  for (const PartitionState& state : partitions) {
    partitions_[state.info.id] = state;
  }
}

size_t Evaluator::Evaluate(Batch& batch, uint64_t published,
                           const Limits& limits, ReadTransaction& rows) {
  overlay_.Forget(published);
  size_t decided = 0;
  if (batch.control != nullptr) {
    batch.control_answer = EvaluateControl(batch, rows);
  } else {
    decided = EvaluateWrites(batch, limits, rows);
  }
  batch.DropEmptyPartitions();
  return decided;
}

size_t Evaluator::EvaluateWrites(Batch& batch, const Limits& limits,
                                 ReadTransaction& rows) {
  Context context(batch, overlay_, limits.deletes_only, rows);
  size_t decided = 0;
  for (BatchWrite& write : batch.writes) {
    if (batch.arena.used_bytes() >= limits.batch_bytes) break;
    ++decided;
    const PartitionId id = write.write->partition();
    PartitionBatch* partition = RecordOf(id, batch);
    if (partition == nullptr) {
      write.answer = NotHere(id);
      continue;
    }
    const size_t effects_before = partition->effects.size();
    write.answer = context.Decide(*write.write, *partition);
    write.has_effects = partition->effects.size() > effects_before;
  }
  return decided;
}

PartitionBatch* Evaluator::RecordOf(PartitionId id, Batch& batch) const {
  if (PartitionBatch* record = batch.Find(id)) return record;
  const PartitionState* state = StateOf(id);
  if (state == nullptr || state->phase != PartitionPhase::kServing) {
    return nullptr;
  }
  PartitionBatch& record = batch.Add(*state);
  ++record.after.index;
  return &record;
}

absl::Status Evaluator::EvaluateControl(Batch& batch, ReadTransaction& rows) {
  switch (batch.control->kind) {
    case ControlOperation::Kind::kCreatePartition:
      return CreatePartition(batch);
    case ControlOperation::Kind::kDropPartition:
      return DropPartition(batch);
    case ControlOperation::Kind::kReclaimChunk:
      return ReclaimChunk(batch, rows);
    case ControlOperation::Kind::kMarker:
      return absl::OkStatus();
  }
  return absl::InternalError("unknown control operation");
}

absl::Status Evaluator::CreatePartition(Batch& batch) {
  const ControlOperation& create = *batch.control;
  for (const auto& [id, state] : partitions_) {
    if (id == create.partition && state.phase == PartitionPhase::kServing &&
        state.info.keyspace == create.keyspace &&
        state.info.range == create.range &&
        state.info.index_count == create.index_count) {
      return absl::OkStatus();
    }
    if (id == create.partition || Overlap(state.info, create)) {
      return model::MakeError(
          model::Reason::kResourceInUse,
          absl::StrCat("partition ", create.partition.value(),
                       " would overlap partition ", id.value()));
    }
  }
  PartitionState state;
  state.info.id = create.partition;
  state.info.keyspace = create.keyspace;
  state.info.range = create.range;
  state.info.index_count = create.index_count;
  state.index = 1;
  batch.Add(state).kind = PartitionBatch::Kind::kCreate;
  return absl::OkStatus();
}

absl::Status Evaluator::DropPartition(Batch& batch) {
  const PartitionState* state = StateOf(batch.control->partition);
  if (state == nullptr || state->phase != PartitionPhase::kServing) {
    return NotHere(batch.control->partition);
  }
  PartitionBatch& drop = batch.Add(*state);
  drop.kind = PartitionBatch::Kind::kDrop;
  drop.after.phase = PartitionPhase::kDropped;
  ++drop.after.index;
  return absl::OkStatus();
}

// REQUIRES: all writes of the partition are in `rows`; that holds because a
// chunk is asked for only after the drop was answered.
absl::Status Evaluator::ReclaimChunk(Batch& batch, ReadTransaction& rows) {
  const PartitionState* state = StateOf(batch.control->partition);
  if (state == nullptr || state->phase != PartitionPhase::kDropped) {
    return NotHere(batch.control->partition);
  }
  PartitionBatch& chunk = batch.Add(*state);
  ++chunk.after.index;
  for (uint32_t ordinal = 0; ordinal <= state->info.index_count; ++ordinal) {
    RETURN_IF_ERROR(TakeChunk(ordinal, rows, batch, &chunk));
    if (chunk.range_rows > 0) return absl::OkStatus();
  }
  for (const SideRange& range : SideRangesOf(state->info.id)) {
    RETURN_IF_ERROR(
        TakeRange(range.begin, range.end, rows, batch, &chunk).status());
    if (chunk.range_rows > 0) return absl::OkStatus();
  }
  chunk.kind = PartitionBatch::Kind::kForget;
  return absl::OkStatus();
}

absl::Status Evaluator::TakeChunk(uint32_t ordinal, ReadTransaction& rows,
                                  Batch& batch, PartitionBatch* chunk) {
  PartitionInfo& info = chunk->after.info;
  ASSIGN_OR_RETURN(const RowCounts taken,
                   TakeRange(FirstRowKey(info, ordinal),
                             EndRowKey(info, ordinal), rows, batch, chunk));
  RowCounts counts = CountsOf(info, ordinal);
  counts.rows -= taken.rows;
  counts.bytes -= taken.bytes;
  SetCounts(ordinal, counts, &info);
  return absl::OkStatus();
}

absl::StatusOr<RowCounts> Evaluator::TakeRange(const std::string& begin,
                                               std::string end,
                                               ReadTransaction& rows,
                                               Batch& batch,
                                               PartitionBatch* chunk) {
  RowCounts taken;
  uint64_t stored_bytes = 0;
  std::unique_ptr<RowCursor> cursor = rows.Cursor(begin, end);
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
  while (cursor->Valid() && taken.rows < kChunkRows &&
         stored_bytes < kChunkBytes) {
    ++taken.rows;
    taken.bytes += cursor->row().item_size;
    stored_bytes += cursor->row().item.size();
    RETURN_IF_ERROR(cursor->Next());
  }
  if (taken.rows == 0) return taken;
  if (cursor->Valid()) end = std::string(cursor->key());
  chunk->kind = PartitionBatch::Kind::kDeleteRange;
  chunk->range_rows = taken.rows;
  chunk->begin = batch.arena.Copy(begin);
  chunk->end = batch.arena.Copy(end);
  return taken;
}

const PartitionState* Evaluator::StateOf(PartitionId id) const {
  const auto found = partitions_.find(id);
  return found == partitions_.end() ? nullptr : &found->second;
}

void Evaluator::Adopt(Batch& batch) {
  for (const PartitionBatch& partition : batch.partitions()) {
    if (partition.kind == PartitionBatch::Kind::kForget) {
      partitions_.erase(partition.after.info.id);
    } else {
      partitions_[partition.after.info.id] = partition.after;
    }
  }
  if (!batch.pending.empty()) overlay_.Add(batch.number, &batch.pending);
}

}  // namespace pallet::storage
