// SPDX-License-Identifier: Apache-2.0
#include "storage/write_pipeline.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/batch_records.h"

namespace pallet::storage {
namespace {

using model::Reason;

absl::Status OutcomeUnknown(const absl::Status& cause) {
  return model::MakeError(Reason::kOutcomeUnknown,
                          absl::StrCat("the write may or may not survive: ",
                                       std::string(cause.message())));
}

absl::Status NoRoom(absl::string_view where) {
  return model::MakeError(Reason::kStorageFull,
                          absl::StrCat("no room in ", where));
}

}  // namespace

WritePipeline::WritePipeline(const Parts& parts, const Options& options)
    : parts_(parts), options_(options), inbox_(options.inbox) {
  evaluator_.Load(parts_.partitions->List());
}

void WritePipeline::Start() {
  for (Batch& batch : batches_of_workers_) {
    workers_.emplace_back("store-writer", [this, &batch] { Work(batch); });
  }
}

void WritePipeline::Stop() {
  inbox_.Close();
  workers_.clear();  // joins
}

absl::Status WritePipeline::Submit(std::unique_ptr<RowWrite> write) {
  if (fenced_.load(std::memory_order_acquire)) return Health();
  if (!parts_.partitions->IsServing(write->partition())) {
    return model::MakeError(
        Reason::kResourceNotFound,
        absl::StrCat("partition ", write->partition().value(),
                     " is not in this store"));
  }
  return inbox_.Add(std::move(write));
}

absl::Status WritePipeline::Submit(ControlOperation operation) {
  if (fenced_.load(std::memory_order_acquire)) return Health();
  return inbox_.Add(std::move(operation));
}

void WritePipeline::Work(Batch& batch) {
  while (inbox_.Take(&batch.writes, &batch.control)) {
    Evaluate(batch);

    sync_.Lock();
    inbox_.LeaveEvaluation(batch.writes.size());
    Sync(batch);
    inbox_.LeaveSync();

    publish_.Lock();
    sync_.Unlock();
    Publish(batch);

    answer_.Lock();
    publish_.Unlock();
    Answer(batch);
    answer_.Unlock();

    ForgetIfIdle(batch);
  }
}

void WritePipeline::Evaluate(Batch& batch) {
  const uint64_t epoch = epoch_.load(std::memory_order_acquire);
  if (epoch != evaluated_epoch_) {
    StartAfresh();
    evaluated_epoch_ = epoch;
  }
  // The worker's last batch is published, or its epoch is over: nobody looks at
  // its memory once the overlay has forgotten it.
  evaluator_.Forget(parts_.applier->published());
  batch.Reset(next_number_++);
  batch.epoch = epoch;
  batch.outcome = Health();
  if (batch.outcome.ok()) Decide(batch);
}

// Batches evaluated so far were refused. Waits for those before them to be
// published, and begins with what readers see.
void WritePipeline::StartAfresh() {
  { absl::MutexLock wait_for_sync(&sync_); }
  { absl::MutexLock wait_for_publish(&publish_); }
  evaluator_.Load(parts_.partitions->List());
}

void WritePipeline::Decide(Batch& batch) {
  const Room room = RoomFor(batch);
  if (!Fits(batch, room)) {
    batch.outcome = NoRoom("the map or on the disk");
    return;
  }
  // The number first: what is read then shows at least those batches.
  const uint64_t published = parts_.applier->published();
  const Evaluator::Limits limits = {options_.inbox.batch_bytes,
                                    room == Room::kDeletesOnly};
  batch.outcome = parts_.applier->Read([&](ReadTransaction& rows) {
    const size_t decided = evaluator_.Evaluate(batch, published, limits, rows);
    if (decided < batch.writes.size()) {
      inbox_.PutBack(&batch.writes, decided);
    }
    return absl::OkStatus();
  });
  if (!batch.outcome.ok()) return;
  // Asked again: what writes come to may be more than what they brought.
  if (!Fits(batch, RoomFor(batch))) {
    batch.outcome = NoRoom("the map or on the disk");
    return;
  }
  evaluator_.Adopt(batch);
}

Room WritePipeline::RoomFor(const Batch& batch) {
  uint64_t bytes = batch.arena.used_bytes();
  if (bytes == 0) {
    for (const BatchWrite& write : batch.writes) {
      bytes += write.write->byte_size();
    }
  }
  const uint64_t rows = batch.writes.size() + batch.row_count();
  const Applier::Backlog backlog = parts_.applier->backlog();
  const Room room =
      parts_.admission->Check(rows + backlog.versions, bytes + backlog.bytes);
  if (room == Room::kPlenty) return room;
  parts_.observer->OnCheckpointDue();
  // What waits to be applied is counted at its worst: see what it comes to.
  if (backlog.versions == 0 || !parts_.applier->Flush().ok()) return room;
  return parts_.admission->Check(rows, bytes);
}

bool WritePipeline::Fits(const Batch& batch, Room room) {
  if (batch.control == nullptr) return room <= Room::kDeletesOnly;
  return room <= Room::kControlOnly;
}

void WritePipeline::Sync(Batch& batch) {
  if (!batch.outcome.ok()) return;
  if (fenced_.load(std::memory_order_acquire)) {
    batch.outcome = Health();
    return;
  }
  if (batch.epoch != epoch_.load(std::memory_order_acquire)) {
    batch.outcome = NoRoom("the log");
    return;
  }
  if (batch.control != nullptr &&
      batch.control->kind == ControlOperation::Kind::kMarker) {
    batch.outcome = parts_.log->AppendMarker();
    if (!batch.outcome.ok() && !parts_.log->Health().ok()) {
      Fence(batch.outcome);
    }
    return;
  }
  if (!batch.has_effects()) return;
  batch.outcome = Append(batch);
}

absl::Status WritePipeline::Append(Batch& batch) {
  AddRecords(batch, &entry_, &frame_);
  const absl::StatusOr<FrameNumber> number = parts_.log->Append(&frame_);
  if (!number.ok() && parts_.log->Health().ok()) {
    // Refused, and nothing changed: what was evaluated upon it is void.
    frame_.Clear();
    epoch_.fetch_add(1, std::memory_order_release);
    parts_.logger->Warning("store.log_full", {{"error", number.status()}});
    return NoRoom("the log");
  }
  const absl::Status synced =
      number.ok() ? parts_.log->Sync() : number.status();
  if (!synced.ok()) {
    Fence(synced);
    return OutcomeUnknown(synced);
  }
  batch.frame = *number;
  if (batch.arena.used_bytes() > ByteArena::kKeptBytes) {
    // An idle store holds no more than a little of what a large batch took.
    entry_ = EntryBuilder();
    frame_ = FrameBuilder();
  }
  return absl::OkStatus();
}

void WritePipeline::Publish(Batch& batch) {
  if (!batch.outcome.ok()) return;
  if (batch.control != nullptr && batch.has_effects()) {
    const absl::Status applied = parts_.applier->ApplyNow(batch);
    if (!applied.ok()) {
      // It is in the log, and no checkpoint will pass it: the next start will
      // apply it.
      Fence(applied);
      batch.outcome = OutcomeUnknown(applied);
      return;
    }
  } else {
    parts_.applier->Publish(batch);
  }
  if (!batch.has_effects()) return;
  parts_.partitions->Update(batch);
  TellOfChanges(batch);
}

void WritePipeline::TellOfChanges(Batch& batch) {
  for (const PartitionBatch& partition : batch.partitions()) {
    const PartitionId id = partition.after.info.id;
    if (partition.has_changes && listener_ != nullptr) {
      listener_->OnChanges(id);
    }
    if (partition.has_stream_records && stream_listener_ != nullptr) {
      stream_listener_->OnStreamRecords(id);
    }
  }
}

void WritePipeline::SetChangeListener(ChangeListener* listener) {
  absl::MutexLock lock(&publish_);
  listener_ = listener;
}

void WritePipeline::SetStreamListener(StreamListener* listener) {
  absl::MutexLock lock(&publish_);
  stream_listener_ = listener;
}

void WritePipeline::Answer(Batch& batch) {
  const bool unknown = !batch.outcome.ok() && model::ReasonOf(batch.outcome) ==
                                                  Reason::kOutcomeUnknown;
  for (BatchWrite& write : batch.writes) {
    if (batch.outcome.ok()) {
      write.write->Done(write.answer);
    } else {
      // A write without effects has no fate to wonder about.
      write.write->Done(unknown && !write.has_effects ? Health()
                                                      : batch.outcome);
    }
  }
  if (batch.control != nullptr && batch.control->done != nullptr) {
    batch.control->done(batch.outcome.ok() ? batch.control_answer
                                           : batch.outcome);
  }
  batches_.fetch_add(1, std::memory_order_relaxed);
  writes_.fetch_add(batch.writes.size(), std::memory_order_relaxed);
  if (batch.outcome.ok() && batch.has_effects()) parts_.observer->OnLogged();
  batch.writes.clear();
  batch.control.reset();
}

// Gives back the memory of the last batch when nothing follows it.
void WritePipeline::ForgetIfIdle(Batch& batch) {
  if (!inbox_.EnterEvaluationIfIdle()) return;
  const uint64_t published = parts_.applier->published();
  evaluator_.Forget(published);
  if (batch.number <= published) batch.Reset(batch.number);
  inbox_.LeaveIdle();
}

void WritePipeline::Fence(const absl::Status& cause) {
  absl::MutexLock lock(&mutex_);
  if (!fence_.ok()) return;
  fence_ = model::MakeError(
      Reason::kStoreFenced,
      absl::StrCat("the store refuses writes until a new start: ",
                   std::string(cause.message())));
  fenced_.store(true, std::memory_order_release);
  parts_.logger->Error("store.fenced", {{"cause", cause}});
}

absl::Status WritePipeline::Health() const {
  if (!fenced_.load(std::memory_order_acquire)) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  return fence_;
}

WritePipeline::Counters WritePipeline::counters() const {
  Counters counters;
  counters.batches = batches_.load(std::memory_order_relaxed);
  counters.writes = writes_.load(std::memory_order_relaxed);
  counters.inbox_writes = inbox_.writes();
  counters.inbox_bytes = inbox_.bytes();
  return counters;
}

}  // namespace pallet::storage
