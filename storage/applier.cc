// SPDX-License-Identifier: Apache-2.0
#include "storage/applier.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/merged_read.h"

namespace pallet::storage {

Applier::Applier(Image* image, Options options)
    : image_(image),
      options_(std::move(options)),
      applied_frame_(options_.applied_frame),
      view_(std::make_shared<View>(View{std::make_shared<Table>(), nullptr})) {}

void Applier::Start() {
  thread_ = Thread("store-applier", [this] { Work(); });
}

void Applier::Stop() {
  if (!thread_.joinable()) return;
  (void)Flush();  // a failure was told when it happened
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.Join();
}

std::shared_ptr<const Applier::View> Applier::CurrentView() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

bool Applier::IsFull(const Table& table) const {
  return table.rows.versions() > 0 &&
         (table.rows.bytes() >= options_.memtable_bytes ||
          table.rows.versions() >= options_.memtable_versions);
}

// --- Publishing ---

void Applier::Publish(Batch& batch) {
  absl::MutexLock lock(&publish_);
  if (batch.has_effects()) {
    if (IsFull(*CurrentView()->active)) Rotate();
    Table& table = *CurrentView()->active;
    for (const PartitionBatch& partition : batch.partitions()) {
      CHECK(partition.kind == PartitionBatch::Kind::kRows);
      for (const RowEffect& effect : partition.effects) {
        table.rows.Add(batch.number, effect.row_key, effect.row);
      }
      table.after[partition.after.info.id] = partition.after;
    }
    table.last_frame = batch.frame;
  }
  published_.store(batch.number, std::memory_order_release);
}

void Applier::Rotate() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &Applier::CanRotate));
  if (!failure_.ok()) return;
  view_ =
      std::make_shared<View>(View{std::make_shared<Table>(), view_->active});
}

absl::Status Applier::Flush() {
  std::shared_ptr<Table> last;
  {
    // Waits here, not inside: the active table has room meanwhile.
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Applier::CanRotate));
  }
  {
    absl::MutexLock lock(&publish_);
    // A state without rows counts too: replicas have entries without effects,
    // and the frame they stand in is not needed any more once they are applied.
    if (!CurrentView()->active->after.empty()) Rotate();
    last = CurrentView()->full;
  }
  absl::MutexLock lock(&mutex_);
  const auto is_over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return last == nullptr || last->applied || !failure_.ok();
  };
  mutex_.Await(absl::Condition(&is_over));
  return failure_;
}

absl::Status Applier::ApplyNow(Batch& batch) {
  RETURN_IF_ERROR(Flush());
  const absl::Status applied = ApplyToImage(batch);
  if (!applied.ok()) {
    // Nothing after it may be applied: a checkpoint would pass over its frame.
    Fail(applied);
    return applied;
  }
  published_.store(batch.number, std::memory_order_release);
  options_.on_applied();
  return absl::OkStatus();
}

absl::Status Applier::ApplyToImage(Batch& batch) {
  absl::MutexLock lock(&image_mutex_);
  ASSIGN_OR_RETURN(ImageWrite write, image_->Write());
  RETURN_IF_ERROR(ApplyBatch(batch, write));
  RETURN_IF_ERROR(write.Commit());
  applied_frame_ = batch.frame;
  return absl::OkStatus();
}

// --- Applying ---

void Applier::Work() {
  while (true) {
    std::shared_ptr<const View> view;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Applier::HasWork));
      if (view_->full == nullptr || !failure_.ok()) return;  // stopping
      view = view_;
    }
    const absl::Status applied = Apply(*view->full);
    if (!applied.ok()) {
      Fail(applied);
      continue;
    }
    {
      absl::MutexLock lock(&mutex_);
      view->full->applied = true;
      view_ = std::make_shared<View>(View{view_->active, nullptr});
    }
    options_.on_applied();
  }
}

absl::Status Applier::Apply(Table& table) {
  absl::MutexLock lock(&image_mutex_);
  ASSIGN_OR_RETURN(ImageWrite write, image_->Write());
  table.commit.store(write.commit_id(), std::memory_order_release);
  Memtable::Cursor rows(&table.rows, UINT64_MAX);
  for (rows.SeekFirst(); rows.valid(); rows.Next()) {
    RETURN_IF_ERROR(
        rows.row().empty()
            ? write.Delete(DatabaseId::kItems, rows.key())
            : write.Put(DatabaseId::kItems, rows.key(), rows.row()));
  }
  for (const auto& [id, state] : table.after) {
    RETURN_IF_ERROR(PutState(state, write));
  }
  RETURN_IF_ERROR(write.Commit());
  // Replicas may need a frame for long (cluster/replica/replica_log.h).
  CHECK(applied_frame_ <= table.last_frame);
  applied_frame_ = table.last_frame;
  return absl::OkStatus();
}

void Applier::Fail(const absl::Status& error) {
  // First: whoever hears of it from here finds the store fenced.
  options_.on_failed(error);
  absl::MutexLock lock(&mutex_);
  failure_ = error;
}

void Applier::AtCommitBoundary(absl::FunctionRef<void(FrameNumber)> body) {
  absl::MutexLock lock(&image_mutex_);
  body(applied_frame_);
}

// --- Reading ---

bool Applier::IsIn(const Table& table, const ImageRead& image) {
  const uint64_t commit = table.commit.load(std::memory_order_acquire);
  return commit != 0 && image.commit_id() >= commit;
}

absl::Status Applier::Read(
    absl::FunctionRef<absl::Status(ReadTransaction&)> body) {
  while (true) {
    // The view first: what it does not hold is in every later image.
    const std::shared_ptr<const View> view = CurrentView();
    const Table& active = *view->active;
    std::vector<const Memtable*> memtables;
    const bool has_active = active.rows.versions() > 0;
    const uint64_t up_to = published();
    ASSIGN_OR_RETURN(ImageRead image, image_->Read());
    const uint64_t commit = active.commit.load(std::memory_order_acquire);
    // The view is old: its active table is in the image, and that may have
    // newer versions than the table.
    if (commit != 0 && image.commit_id() > commit) continue;
    if (has_active && !IsIn(active, image)) memtables.push_back(&active.rows);
    if (view->full != nullptr && !IsIn(*view->full, image)) {
      memtables.push_back(&view->full->rows);
    }
    if (memtables.empty()) return body(image);
    MergedRead merged(std::move(memtables), up_to, &image);
    return body(merged);
  }
}

Applier::Backlog Applier::backlog() const {
  const std::shared_ptr<const View> view = CurrentView();
  Backlog backlog = {view->active->rows.versions(), view->active->rows.bytes()};
  if (view->full != nullptr) {
    backlog.versions += view->full->rows.versions();
    backlog.bytes += view->full->rows.bytes();
  }
  return backlog;
}

}  // namespace pallet::storage
