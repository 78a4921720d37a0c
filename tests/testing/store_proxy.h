// SPDX-License-Identifier: Apache-2.0
//
// StoreProxy: a store in front of another one. A StoreControl, which all proxies of
// a test share, can refuse writes, answer them otherwise than they ended, or do
// something before a read.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/store.h"

namespace pallet::testing {

// Thread-safe. Each function is called without a lock, and may be empty.
class StoreControl {
 public:
  // Called with how many writes came before. An error: the write is refused.
  using Refusal = std::function<absl::Status(int write)>;

  void SetRefusal(Refusal refusal) {
    absl::MutexLock lock(&mutex_);
    refusal_ = std::move(refusal);
    writes_ = 0;
  }
  // Called before each read, with how many came before.
  void SetBeforeRead(std::function<void(int read)> hook) {
    absl::MutexLock lock(&mutex_);
    before_read_ = std::move(hook);
    reads_ = 0;
  }

  absl::Status OnSubmit() {
    Refusal refusal;
    int number;
    {
      absl::MutexLock lock(&mutex_);
      refusal = refusal_;
      number = writes_++;
    }
    return refusal ? refusal(number) : absl::OkStatus();
  }
  void OnRead() {
    std::function<void(int)> hook;
    int number;
    {
      absl::MutexLock lock(&mutex_);
      hook = before_read_;
      number = reads_++;
    }
    if (hook) hook(number);
  }

 private:
  absl::Mutex mutex_;
  Refusal refusal_ ABSL_GUARDED_BY(mutex_);
  std::function<void(int)> before_read_ ABSL_GUARDED_BY(mutex_);
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

class StoreProxy final : public storage::Store {
 public:
  // `control` outlives this.
  StoreProxy(std::unique_ptr<storage::Store> store, StoreControl* control)
      : store_(std::move(store)), control_(control) {}

  absl::Status Submit(std::unique_ptr<storage::RowWrite> write) override {
    absl::Status refused = control_->OnSubmit();
    if (!refused.ok()) return refused;
    return store_->Submit(std::move(write));
  }
  absl::Status Read(absl::FunctionRef<absl::Status(storage::ReadTransaction&)>
                        body) override {
    control_->OnRead();
    return store_->Read(body);
  }
  absl::Status CreatePartition(storage::PartitionId id,
                               storage::KeyspaceId keyspace,
                               storage::HashRange range,
                               uint32_t index_count) override {
    return store_->CreatePartition(id, keyspace, range, index_count);
  }
  absl::Status DropPartition(storage::PartitionId id) override {
    return store_->DropPartition(id);
  }
  std::vector<storage::PartitionInfo> Partitions() override {
    return store_->Partitions();
  }
  absl::StatusOr<storage::PartitionInfo> Partition(
      storage::PartitionId id) override {
    return store_->Partition(id);
  }
  void SetChangeListener(storage::ChangeListener* listener) override {
    store_->SetChangeListener(listener);
  }
  void SetStreamListener(storage::StreamListener* listener) override {
    store_->SetStreamListener(listener);
  }
  absl::Status Checkpoint() override { return store_->Checkpoint(); }
  absl::Status Verify() override { return store_->Verify(); }
  absl::Status Health() override { return store_->Health(); }
  storage::StoreMetrics Metrics() override { return store_->Metrics(); }

 private:
  const std::unique_ptr<storage::Store> store_;
  StoreControl* const control_;
};

}  // namespace pallet::testing
