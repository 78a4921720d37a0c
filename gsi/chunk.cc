// SPDX-License-Identifier: Apache-2.0
#include "gsi/chunk.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "gsi/entries.h"
#include "model/key.h"

namespace pallet::gsi {
namespace {

// Tells why the item is not in the index, if it ought to have been.
void NoteSkipped(const IndexTopology& index, absl::string_view bytes,
                 BackfillState* state) {
  const model::ItemView item(bytes);
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

const FillJob* JobOf(uint64_t index, absl::Span<const FillJob> jobs) {
  for (const FillJob& job : jobs) {
    if (job.index->id == index) return &job;
  }
  return nullptr;
}

}  // namespace

void Chunk::AddPart(const FillJob& job, const BackfillState& state) {
  Part part;
  part.index = job.index->id;
  part.state = state;
  for (Channel* channel : job.channels) {
    part.runs.emplace_back().channel = channel;
  }
  parts_.push_back(std::move(part));
}

bool Chunk::IsAmong(absl::Span<const FillJob> jobs) const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    const FillJob* const job = JobOf(part.index, jobs);
    return job != nullptr &&
           std::equal(part.runs.begin(), part.runs.end(), job->channels.begin(),
                      job->channels.end(),
                      [](const Run& run, Channel* channel) {
                        return run.channel == channel;
                      });
  });
}

bool Chunk::Has(uint64_t index) const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [index](const Part& part) { return part.index == index; });
}

void Chunk::Add(uint64_t hash_seed, absl::Span<const FillJob> jobs,
                absl::string_view row_key, const storage::RowView& row) {
  CHECK(!sealed_);
  absl::string_view whole_item;  // kept once for all indexes that show it
  std::string buffer;
  for (Part& part : parts_) {
    ++part.state.items_read;
    const IndexTopology& index = *JobOf(part.index, jobs)->index;
    const std::optional<RowEntry> entry =
        EntryOfRow(index, hash_seed, row_key, row.item, row.item_size, &buffer);
    if (!entry.has_value()) {
      NoteSkipped(index, row.item, &part.state);
      continue;
    }
    absl::string_view bytes;
    if (entry->bytes.data() == row.item.data()) {
      if (whole_item.empty()) whole_item = arena_.Copy(entry->bytes);
      bytes = whole_item;
    } else {
      bytes = arena_.Copy(entry->bytes);
    }
    Run& run = part.runs[entry->target];
    run.entries.Add(arena_.Copy(entry->key), bytes, entry->size);
    bytes_beside_ += EntryRun::kBytesPerEntry;
    if (row.change_seq.value() > run.channel->cursor.load()) {
      run.early_after.push_back(
          {std::string(row_key), {entry->key, row.change_seq}});
      bytes_beside_ +=
          sizeof(run.early_after[0]) + row_key.size() + entry->key.size();
    }
  }
}

void Chunk::Seal(std::string next_row_key) {
  sealed_ = true;
  next_row_key_ = std::move(next_row_key);
  for (Part& part : parts_) {
    part.state.next_row_key = next_row_key_;
    part.state.done = next_row_key_.empty();
    for (Run& run : part.runs) run.entries.Sort();
  }
}

std::vector<Shipment> Chunk::NextWave(storage::PartitionId lineage,
                                      const ChunkLimits& limits) {
  CHECK(sealed_);
  under_way_.clear();
  for (Part& part : parts_) {
    for (Run& run : part.runs) {
      if (!run.entries.empty()) under_way_.emplace_back(&run, 0);
    }
  }
  std::vector<Shipment> wave;
  const uint64_t runs = under_way_.size();
  for (auto& [run, entries] : under_way_) {
    Shipment shipment;
    shipment.channel = run->channel;
    shipment.batch = {
        run->channel->target.id, lineage, std::nullopt, head_,
        run->entries.Next(std::max<uint64_t>(1, limits.wave_entries / runs),
                          std::max<uint64_t>(1, limits.wave_bytes / runs))};
    entries = shipment.batch.mutations.size();
    wave.push_back(std::move(shipment));
  }
  return wave;
}

absl::Status Chunk::Conclude(const std::vector<Shipment>& wave) {
  CHECK_EQ(wave.size(), under_way_.size());
  absl::Status first_error;
  for (size_t i = 0; i < wave.size(); ++i) {
    const auto [run, entries] = under_way_[i];
    if (!wave[i].outcome.status.ok()) {
      first_error.Update(wave[i].outcome.status);
      continue;
    }
    run->entries.Pass(entries);
  }
  under_way_.clear();
  if (IsSent()) RememberEarly();
  return first_error;
}

void Chunk::RememberEarly() {
  for (Part& part : parts_) {
    for (Run& run : part.runs) {
      Remember(&run.early_after, &run.channel->early);
    }
  }
}

bool Chunk::IsSent() const {
  return sealed_ &&
         std::all_of(parts_.begin(), parts_.end(), [](const Part& part) {
           return std::all_of(
               part.runs.begin(), part.runs.end(),
               [](const Run& run) { return run.entries.empty(); });
         });
}

}  // namespace pallet::gsi
