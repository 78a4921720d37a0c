// SPDX-License-Identifier: Apache-2.0
//
// ActiveTransactions: the attempts that this process is at. A record or a lock
// of any other attempt is what a crash has left. Thread-safe.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace pallet::service {

class ActiveTransactions {
 public:
  // False, and nothing happens, if it is active already.
  bool Add(const std::string& transaction_id) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return ids_.insert(transaction_id).second;
  }
  void Remove(absl::string_view transaction_id) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    ids_.erase(transaction_id);
  }
  bool Has(absl::string_view transaction_id) const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return ids_.contains(transaction_id);
  }

  // Whoever uses what transactions share is counted while he may.
  void Enter() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    ++inside_;
  }
  void Leave() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    --inside_;
  }
  void AwaitNobody() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &ActiveTransactions::IsEmpty));
  }

 private:
  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return inside_ == 0;
  }

  mutable absl::Mutex mutex_;
  absl::flat_hash_set<std::string> ids_ ABSL_GUARDED_BY(mutex_);
  size_t inside_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pallet::service
