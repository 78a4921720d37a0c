// SPDX-License-Identifier: Apache-2.0
//
// Executor: a fixed number of threads and a bounded queue of tasks, first in,
// first out.
//
// Invariants:
//   1. A task that was taken runs exactly once; one that was refused, never.
//   2. A full queue refuses; it never blocks and never drops an older task.
//   3. Shutdown (and the destructor) takes no new tasks, runs all that were
//      taken, then joins: a task may hold a reply that somebody waits for.
//
// Thread-safe. A task may submit others; it must not shut down its executor.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "base/thread.h"

namespace pallet {

struct ExecutorOptions {
  std::string name;  // of its threads
  size_t threads = 1;
  size_t queue_limit = 1024;  // tasks that wait, beyond those that run
};

class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;

  explicit Executor(const ExecutorOptions& options);
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  ~Executor();

  // False if the queue is full or Shutdown was called; `task` is then destroyed
  // without having run.
  [[nodiscard]] bool TrySubmit(Task task);

  void Shutdown();

  // Tasks that wait now.
  size_t queued() const;

 private:
  void Work();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !queue_.empty();
  }

  const size_t queue_limit_;
  mutable absl::Mutex mutex_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that wait for a task
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Thread> threads_;
};

}  // namespace pallet
