// SPDX-License-Identifier: Apache-2.0
#include "storage/inbox.h"

#include <utility>

#include "base/check.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

absl::Status ClosedError() {
  return model::MakeError(model::Reason::kShuttingDown,
                          "the store is being closed");
}

}  // namespace

absl::Status Inbox::Add(std::unique_ptr<RowWrite> write) {
  const size_t bytes = write->byte_size();
  absl::MutexLock lock(&mutex_);
  if (closed_) return ClosedError();
  // One that is larger than the whole inbox may still pass alone.
  if (writes_ >= bounds_.writes ||
      (writes_ > 0 && bytes_ + bytes > bounds_.bytes)) {
    return model::MakeError(model::Reason::kThrottling,
                            "too many writes wait for the store");
  }
  items_.push_back({std::move(write), nullptr, bytes});
  bytes_ += bytes;
  ++writes_;
  WakeOne();
  return absl::OkStatus();
}

absl::Status Inbox::Add(ControlOperation operation) {
  auto control = std::make_unique<ControlOperation>(std::move(operation));
  absl::MutexLock lock(&mutex_);
  if (closed_) return ClosedError();
  items_.push_back({nullptr, std::move(control), 0});
  WakeOne();
  return absl::OkStatus();
}

void Inbox::WakeOne() {
  if (sleepers_ == 0 || waking_ || !CanStart()) return;
  waking_ = true;
  wake_.Signal();
}

bool Inbox::Take(std::vector<BatchWrite>* writes,
                 std::unique_ptr<ControlOperation>* control) {
  absl::MutexLock lock(&mutex_);
  while (!CanStart()) {
    if (closed_ && items_.empty()) return false;
    ++sleepers_;
    wake_.Wait(&mutex_);
    --sleepers_;
    waking_ = false;
  }
  evaluating_ = true;
  if (items_.front().control != nullptr) {
    *control = std::move(items_.front().control);
    items_.pop_front();
    return true;
  }
  size_t batch_bytes = 0;
  while (!items_.empty() && items_.front().write != nullptr &&
         writes->size() < bounds_.batch_writes) {
    Item& item = items_.front();
    if (!writes->empty() && batch_bytes + item.bytes > bounds_.batch_bytes) {
      break;
    }
    batch_bytes += item.bytes;
    writes->push_back({std::move(item.write), absl::OkStatus(), false});
    items_.pop_front();
  }
  bytes_ -= batch_bytes;
  writes_ -= writes->size();
  return true;
}

void Inbox::LeaveEvaluation(size_t writes) {
  absl::MutexLock lock(&mutex_);
  syncing_ = writes;
  Leave();
}

void Inbox::LeaveIdle() {
  absl::MutexLock lock(&mutex_);
  Leave();
}

void Inbox::Leave() {
  CHECK(evaluating_);
  evaluating_ = false;
  WakeOne();
  // Those that wait for the end see it when the last batch has left.
  if (closed_ && items_.empty()) wake_.SignalAll();
}

void Inbox::LeaveSync() {
  absl::MutexLock lock(&mutex_);
  syncing_ = 0;
  WakeOne();
}

void Inbox::PutBack(std::vector<BatchWrite>* writes, size_t first) {
  absl::MutexLock lock(&mutex_);
  CHECK(evaluating_);
  for (size_t i = writes->size(); i > first; --i) {
    std::unique_ptr<RowWrite>& write = (*writes)[i - 1].write;
    const size_t bytes = write->byte_size();
    items_.push_front({std::move(write), nullptr, bytes});
    bytes_ += bytes;
    ++writes_;
  }
  writes->resize(first);
}

bool Inbox::EnterEvaluationIfIdle() {
  absl::MutexLock lock(&mutex_);
  if (evaluating_ || !items_.empty()) return false;
  evaluating_ = true;
  return true;
}

void Inbox::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  wake_.SignalAll();
}

size_t Inbox::writes() const {
  absl::MutexLock lock(&mutex_);
  return writes_;
}

size_t Inbox::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace pallet::storage
