// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <utility>

#include "base/check.h"

namespace pallet {

Executor::Executor(const ExecutorOptions& options)
    : queue_limit_(options.queue_limit) {
  CHECK_GT(options.threads, 0u);
  threads_.reserve(options.threads);
  for (size_t i = 0; i < options.threads; ++i) {
    threads_.emplace_back(options.name, [this] { Work(); });
  }
}

Executor::~Executor() { Shutdown(); }

bool Executor::TrySubmit(Task task) {
  absl::MutexLock lock(&mutex_);
  // A task an idle thread is about to take does not count as waiting.
  if (stopping_ || queue_.size() >= queue_limit_ + idle_) return false;
  queue_.push_back(std::move(task));
  return true;
}

void Executor::Shutdown() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (Thread& thread : threads_) thread.Join();
}

size_t Executor::queued() const {
  absl::MutexLock lock(&mutex_);
  return queue_.size();
}

void Executor::Work() {
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&mutex_);
      ++idle_;
      mutex_.Await(absl::Condition(this, &Executor::HasWork));
      --idle_;
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace pallet
