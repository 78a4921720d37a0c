// SPDX-License-Identifier: Apache-2.0
#include "gsi/backfill.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/status_macros.h"
#include "storage/partition_state.h"
#include "storage/side_rows.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;
using States = std::map<uint64_t, BackfillState>;

// Changes the states in the source partition.
class StateWrite final : public storage::RowWrite {
 public:
  StateWrite(storage::PartitionId source, uint64_t schema_version, States put,
             std::vector<uint64_t> removed)
      : source_(source),
        schema_version_(schema_version),
        put_(std::move(put)),
        removed_(std::move(removed)) {}

  storage::PartitionId partition() const override { return source_; }
  size_t byte_size() const override { return 4096; }

  absl::Status Decide(storage::WriteContext& context) override {
    for (const auto& [index, state] : put_) {
      context.PutSideRow(storage::BackfillKey(source_, index),
                         EncodeBackfill(state));
    }
    for (const uint64_t index : removed_) {
      context.DeleteSideRow(storage::BackfillKey(source_, index));
    }
    if (schema_version_ > context.schema_version()) {
      context.SetSchemaVersion(schema_version_);
    }
    return absl::OkStatus();
  }

  void Done(const absl::Status& status) override {
    *status_ = status;
    done_->Notify();
  }

  // Submits it and waits. REQUIRES: there is something to do.
  static absl::Status Run(storage::Store& store,
                          std::unique_ptr<StateWrite> write) {
    absl::Notification done;
    absl::Status status;
    write->done_ = &done;
    write->status_ = &status;
    RETURN_IF_ERROR(store.Submit(std::move(write)));
    done.WaitForNotification();
    return status;
  }

 private:
  const storage::PartitionId source_;
  const uint64_t schema_version_;
  const States put_;
  const std::vector<uint64_t> removed_;
  // Of Run, which waits.
  absl::Notification* done_ = nullptr;
  absl::Status* status_ = nullptr;
};

}  // namespace

absl::Status Backfill::Load() {
  States states;
  const storage::SideRange range = storage::BackfillsOf(source_.id);
  RETURN_IF_ERROR(
      source_.store->Read([&](storage::ReadTransaction& read) -> absl::Status {
        const auto cursor = read.Cursor(range.begin, range.end);
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(range.begin));
        while (cursor->Valid()) {
          ASSIGN_OR_RETURN(states[storage::IndexOfBackfillKey(cursor->key())],
                           DecodeBackfill(cursor->row().item));
          RETURN_IF_ERROR(cursor->Next());
        }
        return absl::OkStatus();
      }));
  states_ = std::move(states);
  return absl::OkStatus();
}

absl::Status Backfill::Attach(const TableTopology& table) {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  States added;
  uint64_t version = info.schema_version;
  std::vector<uint64_t> removed;
  for (const auto& [id, state] : states_) removed.push_back(id);
  for (const IndexTopology& index : table.indexes) {
    removed.erase(std::remove(removed.begin(), removed.end(), index.id),
                  removed.end());
    version = std::max(version, index.schema_version);
    if (!states_.contains(index.id)) added[index.id] = BackfillState();
  }
  if (added.empty() && removed.empty()) return absl::OkStatus();
  Tell(observer_, Step::kBeforeAttach);
  RETURN_IF_ERROR(StateWrite::Run(
      *source_.store,
      std::make_unique<StateWrite>(source_.id, version, added, removed)));
  Tell(observer_, Step::kAttached);
  for (const uint64_t id : removed) states_.erase(id);
  states_.merge(added);
  return absl::OkStatus();
}

bool Backfill::IsDone(uint64_t index) const {
  const auto state = states_.find(index);
  return state != states_.end() && state->second.done;
}

absl::StatusOr<Backfill::Next> Backfill::Step(uint64_t hash_seed,
                                              absl::Span<const Job> jobs) {
  if (has_chunk() && !chunk_->IsAmong(jobs)) Drop();
  if (!has_chunk()) {
    const bool done = std::all_of(
        jobs.begin(), jobs.end(),
        [this](const Job& job) { return states_.at(job.index->id).done; });
    if (done) {
      Drop();
      return Next::kNothing;
    }
    if (!slots_->Take(this)) return Next::kSlot;
    RETURN_IF_ERROR(BeginChunk(jobs));
  }
  if (!chunk_->sealed()) {
    RETURN_IF_ERROR(Gather(hash_seed, jobs));
    if (chunk_->sealed()) Tell(observer_, Step::kChunkRead);
    return Next::kMore;
  }
  if (!chunk_->IsSent()) {
    RETURN_IF_ERROR(SendWave());
    if (!chunk_->IsSent()) return Next::kMore;
  }
  Tell(observer_, Step::kChunkSent);
  RETURN_IF_ERROR(KeepChunk());
  Tell(observer_, Step::kChunkKept);
  return Next::kMore;
}

void Backfill::Drop() {
  chunk_ = nullptr;
  slots_->Leave(this);
}

// REQUIRES: not all are done.
absl::Status Backfill::BeginChunk(absl::Span<const Job> jobs) {
  // Those that are least far go together, up to where others are already.
  std::set<std::string> places;
  for (const Job& job : jobs) {
    const BackfillState& state = states_.at(job.index->id);
    if (!state.done) places.insert(state.next_row_key);
  }
  const std::string from = *places.begin();
  const std::string until = places.size() > 1 ? *std::next(places.begin()) : "";
  // Before the rows: every change behind the head is still to come.
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  chunk_ = std::make_unique<Chunk>(info.change_seq, from, until);
  for (const Job& job : jobs) {
    const BackfillState& state = states_.at(job.index->id);
    if (!state.done && state.next_row_key == from) chunk_->AddPart(job, state);
  }
  return absl::OkStatus();
}

absl::Status Backfill::Gather(uint64_t hash_seed, absl::Span<const Job> jobs) {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  const std::string begin = chunk_->next_row_key().empty()
                                ? storage::FirstRowKey(info, 0)
                                : chunk_->next_row_key();
  const std::string end =
      chunk_->until().empty() ? storage::EndRowKey(info, 0) : chunk_->until();
  std::optional<std::string> next;
  RETURN_IF_ERROR(
      source_.store->Read([&](storage::ReadTransaction& read) -> absl::Status {
        const auto cursor = read.Cursor(begin, end);
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
        uint64_t rows = 0, bytes = 0;
        while (cursor->Valid()) {
          if (rows >= limits_.read_rows || bytes >= limits_.read_bytes ||
              chunk_->bytes() >= limits_.bytes) {
            next = std::string(cursor->key());
            break;
          }
          const storage::RowView row = cursor->row();
          chunk_->Add(hash_seed, jobs, cursor->key(), row);
          newest_ = std::max(newest_, row.change_seq);
          ++rows;
          bytes += row.item.size();
          RETURN_IF_ERROR(cursor->Next());
        }
        return absl::OkStatus();
      }));
  if (!next.has_value()) {
    chunk_->Seal(chunk_->until());
  } else if (chunk_->bytes() >= limits_.bytes) {
    chunk_->Seal(*std::move(next));
  } else {
    chunk_->GoOnAt(*std::move(next));
  }
  return absl::OkStatus();
}

absl::Status Backfill::SendWave() {
  std::vector<Shipment> wave = chunk_->NextWave(source_.id, limits_);
  for (const Shipment& shipment : wave) NoteRead(newest_, shipment.channel);
  SendAll(wave, observer_);
  return chunk_->Conclude(wave);
}

absl::Status Backfill::KeepChunk() {
  States states;
  for (const Chunk::Part& part : chunk_->parts()) {
    states[part.index] = part.state;
  }
  RETURN_IF_ERROR(StateWrite::Run(
      *source_.store, std::make_unique<StateWrite>(source_.id, 0, states,
                                                   std::vector<uint64_t>())));
  for (auto& [id, state] : states) states_[id] = std::move(state);
  Drop();
  return absl::OkStatus();
}

}  // namespace pallet::gsi
