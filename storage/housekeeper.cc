// SPDX-License-Identifier: Apache-2.0
#include "storage/housekeeper.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

// So long without a new batch is idle.
constexpr absl::Duration kIdleAfter = absl::Milliseconds(100);
// After something failed, for want of room most often.
constexpr absl::Duration kRetryAfter = absl::Seconds(1);

}  // namespace

void Housekeeper::Start(const Parts& parts, FrameNumber checkpoint_frame) {
  parts_ = parts;
  {
    absl::MutexLock lock(&mutex_);
    checkpoint_frame_ = checkpoint_frame;
  }
  thread_ = Thread("store-keeper", [this] { Work(); });
}

void Housekeeper::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
  }
  thread_.Join();
}

void Housekeeper::Work() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      while (!stopping_) {
        const absl::Duration now = parts_.clock->Monotonic();
        const absl::Duration wait = NextLook(now) - now;
        if (wait <= absl::ZeroDuration()) break;
        wake_.WaitWithTimeout(&mutex_, wait);
      }
      if (stopping_) break;
    }
    RunCheckpoint();
    MarkIfIdle();
    ReclaimNext();
  }
  // Whoever waits for a checkpoint is told that there will be none.
  absl::MutexLock lock(&mutex_);
  if (finished_ < asked_) {
    last_checkpoint_ = model::MakeError(model::Reason::kShuttingDown,
                                        "the store is being closed");
    begun_ = finished_ = asked_;
    checkpointed_.SignalAll();
  }
}

absl::Duration Housekeeper::NextLook(absl::Duration now) const {
  if (begun_ < asked_) return now;
  absl::Duration next = absl::InfiniteDuration();
  if (checkpoint_due_) next = std::min(next, checkpoint_not_before_);
  if (logged_ != logged_marked_) {
    next = std::min(next, quiet_since_ + kIdleAfter);
  }
  if (may_reclaim_ && !reclaiming_) {
    next = std::min(next, reclaim_not_before_);
  }
  return next;
}

absl::Status Housekeeper::Checkpoint() {
  absl::MutexLock lock(&mutex_);
  const uint64_t mine = ++asked_;
  wake_.Signal();
  if (stopping_) {
    return model::MakeError(model::Reason::kShuttingDown,
                            "the store is being closed");
  }
  while (finished_ < mine) checkpointed_.Wait(&mutex_);
  return last_checkpoint_;
}

absl::Status Housekeeper::CheckpointIfChanged() { return MakeCheckpoint(); }

void Housekeeper::RunCheckpoint() {
  uint64_t up_to;
  {
    absl::MutexLock lock(&mutex_);
    const bool due =
        checkpoint_due_ && checkpoint_not_before_ <= parts_.clock->Monotonic();
    if (!due && begun_ == asked_) return;
    up_to = begun_ = asked_;
    checkpoint_due_ = false;
  }
  const absl::Status made = MakeCheckpoint();
  absl::MutexLock lock(&mutex_);
  if (!made.ok()) {
    parts_.logger->Warning("store.checkpoint_failed", {{"error", made}});
    checkpoint_not_before_ = parts_.clock->Monotonic() + kRetryAfter;
  }
  last_checkpoint_ = made;
  finished_ = up_to;
  checkpointed_.SignalAll();
}

absl::Status Housekeeper::MakeCheckpoint() {
  FrameNumber last;
  {
    absl::MutexLock lock(&mutex_);
    last = checkpoint_frame_;
  }
  RETURN_IF_ERROR(parts_.applier->Flush());
  CheckpointContents contents;
  bool changed = false;
  absl::Status begun;
  parts_.applier->AtCommitBoundary([&](FrameNumber applied) {
    changed = applied != last;
    if (!changed) return;
    contents.log_frame = applied.value();
    parts_.store->AddTo(&contents);
    begun = parts_.checkpoints->Begin(contents);
  });
  if (!changed) return absl::OkStatus();
  RETURN_IF_ERROR(begun);
  // Nothing is applied before its frame was synced: the log needs no sync here.
  const absl::Status finished =
      parts_.checkpoints->Finish([] { return absl::OkStatus(); });
  if (!finished.ok()) {
    // The kernel has forgotten pages of the image: no later checkpoint could
    // be trusted, and without one the log would grow for ever.
    if (parts_.checkpoints->failed()) parts_.store->Fence(finished);
    return finished;
  }
  {
    absl::MutexLock lock(&mutex_);
    checkpoint_frame_ = FrameNumber(contents.log_frame);
  }
  return parts_.log->TruncateBefore(FrameNumber(contents.log_frame + 1));
}

void Housekeeper::OnLogged() {
  absl::MutexLock lock(&mutex_);
  // The first after a pause starts the watch; later ones are seen by it.
  if (logged_++ == logged_marked_) wake_.Signal();
}

void Housekeeper::OnCheckpointDue() {
  absl::MutexLock lock(&mutex_);
  if (checkpoint_due_) return;
  checkpoint_due_ = true;
  wake_.Signal();
}

void Housekeeper::MarkIfIdle() {
  {
    absl::MutexLock lock(&mutex_);
    if (logged_ == logged_marked_) return;
    const absl::Duration now = parts_.clock->Monotonic();
    if (logged_ != logged_seen_) {
      logged_seen_ = logged_;
      quiet_since_ = now;
      return;
    }
    if (now < quiet_since_ + kIdleAfter) return;
    logged_marked_ = logged_;
  }
  ControlOperation marker;
  marker.kind = ControlOperation::Kind::kMarker;
  // A store that refuses needs no marker either.
  (void)parts_.store->Submit(std::move(marker));
  // A failure has fenced the store by now.
  (void)parts_.applier->Flush();
}

void Housekeeper::OnDropped() {
  absl::MutexLock lock(&mutex_);
  may_reclaim_ = true;
  wake_.Signal();
}

void Housekeeper::ReclaimNext() {
  {
    absl::MutexLock lock(&mutex_);
    if (!may_reclaim_ || reclaiming_ ||
        parts_.clock->Monotonic() < reclaim_not_before_) {
      return;
    }
    may_reclaim_ = false;
    reclaiming_ = true;
  }
  ControlOperation chunk;
  chunk.kind = ControlOperation::Kind::kReclaimChunk;
  bool found = false;
  for (const PartitionState& state : parts_.partitions->List()) {
    if (state.phase != PartitionPhase::kDropped) continue;
    chunk.partition = state.info.id;
    found = true;
    break;
  }
  if (!found) {
    absl::MutexLock lock(&mutex_);
    reclaiming_ = false;
    return;
  }
  chunk.done = [this](absl::Status status) { OnReclaimed(status); };
  const absl::Status accepted = parts_.store->Submit(std::move(chunk));
  if (!accepted.ok()) OnReclaimed(accepted);
}

void Housekeeper::OnReclaimed(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  reclaiming_ = false;
  may_reclaim_ = true;
  if (!status.ok()) {
    parts_.logger->Warning("store.reclaim_failed", {{"error", status}});
    reclaim_not_before_ = parts_.clock->Monotonic() + kRetryAfter;
  }
  wake_.Signal();
}

}  // namespace pallet::storage
