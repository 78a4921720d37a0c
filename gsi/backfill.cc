// SPDX-License-Identifier: Apache-2.0
#include "gsi/backfill.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "gsi/entries.h"
#include "model/key.h"
#include "storage/partition_state.h"
#include "storage/side_rows.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;
using States = std::map<uint64_t, BackfillState>;

constexpr uint64_t kChunkRows = 500;
constexpr uint64_t kChunkBytes = uint64_t{1} << 20;

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

// Tells why the item is not in the index, if it ought to have been.
void NoteSkipped(const IndexTopology& index, const RowNow& row,
                 BackfillState* state) {
  const model::ItemView item(row.item);
  const absl::Status why =
      model::CheckIndexKey(*index.schema, item, model::IndexKeyUse::kPut);
  if (why.ok()) return;  // sparse: it has not all attributes
  ++state->items_skipped;
  if (state->skipped.size() >= kMaxSkippedListed) return;
  const auto key = model::KeyOfItem(index.schema->table_key(), item);
  CHECK(key.ok()) << key.status();
  state->skipped.push_back(
      {model::EncodeKeyItem(index.schema->table_key(), *key),
       std::string(why.message())});
}

}  // namespace

struct Backfill::Chunk {
  ChangeSeq head;
  std::vector<std::pair<std::string, RowNow>> rows = {};
  std::string next_row_key = {};  // empty: there is nothing behind it
};

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

absl::StatusOr<bool> Backfill::Step(uint64_t hash_seed,
                                    absl::Span<const Job> jobs) {
  // Those that are least far go together.
  std::optional<std::string> from;
  for (const Job& job : jobs) {
    const BackfillState& state = states_.at(job.index->id);
    if (state.done) continue;
    if (!from.has_value() || state.next_row_key < *from) {
      from = state.next_row_key;
    }
  }
  if (!from.has_value()) return false;
  States states;
  std::vector<Job> least_far;
  for (const Job& job : jobs) {
    const BackfillState& state = states_.at(job.index->id);
    if (state.done || state.next_row_key != *from) continue;
    states[job.index->id] = state;
    least_far.push_back(job);
  }

  Chunk chunk;
  RETURN_IF_ERROR(ReadChunk(*from, &chunk));
  Tell(observer_, Step::kChunkRead);
  RETURN_IF_ERROR(SendChunk(hash_seed, least_far, chunk, &states));
  Tell(observer_, Step::kChunkSent);
  for (auto& [id, state] : states) {
    state.items_read += chunk.rows.size();
    state.next_row_key = chunk.next_row_key;
    state.done = chunk.next_row_key.empty();
  }
  RETURN_IF_ERROR(Save(states));
  Tell(observer_, Step::kChunkKept);
  return true;
}

absl::Status Backfill::ReadChunk(const std::string& from, Chunk* chunk) {
  // Before the rows: every change behind the head is still to come.
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  chunk->head = info.change_seq;
  const std::string begin = from.empty() ? storage::FirstRowKey(info, 0) : from;
  return source_.store->Read(
      [&](storage::ReadTransaction& read) -> absl::Status {
        const auto cursor = read.Cursor(begin, storage::EndRowKey(info, 0));
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
        uint64_t bytes = 0;
        while (cursor->Valid()) {
          if (chunk->rows.size() >= kChunkRows || bytes >= kChunkBytes) {
            chunk->next_row_key = std::string(cursor->key());
            break;
          }
          const storage::RowView row = cursor->row();
          chunk->rows.emplace_back(
              std::string(cursor->key()),
              RowNow{row.change_seq, std::string(row.item), row.item_size});
          bytes += row.item.size();
          newest_ = std::max(newest_, row.change_seq);
          RETURN_IF_ERROR(cursor->Next());
        }
        return absl::OkStatus();
      });
}

absl::Status Backfill::SendChunk(uint64_t hash_seed, absl::Span<const Job> jobs,
                                 const Chunk& chunk, States* states) const {
  std::vector<std::vector<TargetPlan>> plans(jobs.size());
  std::vector<Shipment> shipments;
  for (size_t i = 0; i < jobs.size(); ++i) {
    for (const Channel* channel : jobs[i].channels) {
      TargetPlan& plan = plans[i].emplace_back();
      plan.takes_part = true;
      plan.cursor = ChangeSeq(channel->cursor.load());
      plan.early = &channel->early;
    }
    for (Channel* channel : jobs[i].channels) NoteRead(newest_, channel);
    for (const auto& [row_key, row] : chunk.rows) {
      if (!PlanRow(*jobs[i].index, hash_seed, row_key, row,
                   absl::MakeSpan(plans[i]))) {
        NoteSkipped(*jobs[i].index, row, &(*states)[jobs[i].index->id]);
      }
    }
    for (size_t target = 0; target < plans[i].size(); ++target) {
      if (plans[i][target].mutations.empty()) continue;
      Channel* const channel = jobs[i].channels[target];
      Shipment shipment;
      shipment.channel = channel;
      shipment.batch = {channel->target.id, source_.id, std::nullopt,
                        chunk.head, std::move(plans[i][target].mutations)};
      shipments.push_back(std::move(shipment));
    }
  }
  SendAll(shipments, observer_);
  for (const Shipment& shipment : shipments) {
    RETURN_IF_ERROR(shipment.outcome.status);
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    for (size_t target = 0; target < plans[i].size(); ++target) {
      Remember(plans[i][target], &jobs[i].channels[target]->early);
    }
  }
  return absl::OkStatus();
}

absl::Status Backfill::Save(const States& states) {
  RETURN_IF_ERROR(StateWrite::Run(
      *source_.store, std::make_unique<StateWrite>(source_.id, 0, states,
                                                   std::vector<uint64_t>())));
  for (const auto& [id, state] : states) states_[id] = state;
  return absl::OkStatus();
}

}  // namespace pallet::gsi
