// SPDX-License-Identifier: Apache-2.0
//
// What tests need to use a store: writes made of lambdas, waiting for answers,
// row keys without a schema.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "storage/key_codec.h"
#include "storage/store.h"

namespace pallet::testing {

// A write whose decision and end are functions.
class FunctionWrite : public storage::RowWrite {
 public:
  using Decision = std::function<absl::Status(storage::WriteContext&)>;
  using End = std::function<void(const absl::Status&)>;

  FunctionWrite(storage::PartitionId partition, Decision decide, End done,
                size_t byte_size = 1024)
      : partition_(partition),
        decide_(std::move(decide)),
        done_(std::move(done)),
        byte_size_(byte_size) {}

  storage::PartitionId partition() const override { return partition_; }
  size_t byte_size() const override { return byte_size_; }
  absl::Status Decide(storage::WriteContext& context) override {
    return decide_(context);
  }
  void Done(const absl::Status& status) override { done_(status); }

 private:
  const storage::PartitionId partition_;
  const Decision decide_;
  const End done_;
  const size_t byte_size_;
};

// Submits and waits for the answer.
inline absl::Status WriteAndWait(storage::Store& store,
                                 storage::PartitionId partition,
                                 FunctionWrite::Decision decide,
                                 size_t byte_size = 1024) {
  absl::Notification done;
  absl::Status answer;
  const absl::Status accepted = store.Submit(std::make_unique<FunctionWrite>(
      partition, std::move(decide),
      [&](const absl::Status& status) {
        answer = status;
        done.Notify();
      },
      byte_size));
  if (!accepted.ok()) return accepted;
  done.WaitForNotification();
  return answer;
}

inline absl::Status PutAndWait(storage::Store& store,
                               storage::PartitionId partition,
                               const std::string& key,
                               const std::string& item) {
  return WriteAndWait(
      store, partition,
      [&](storage::WriteContext& context) {
        context.Put(key, item, item.size());
        return absl::OkStatus();
      },
      key.size() + item.size());
}

inline absl::Status DeleteAndWait(storage::Store& store,
                                  storage::PartitionId partition,
                                  const std::string& key) {
  return WriteAndWait(store, partition, [&](storage::WriteContext& context) {
    context.Delete(key);
    return absl::OkStatus();
  });
}

// The row key of `name` at `hash`; no schema needed.
inline std::string TestKey(storage::KeyspaceId keyspace, uint64_t hash,
                           const std::string& name) {
  return storage::HashPrefix(keyspace, hash) + name;
}

// The item as the store's readers see it, "none", or the error.
inline std::string ReadItem(storage::Store& store, const std::string& key) {
  std::string result = "none";
  const absl::Status status = store.Read([&](storage::ReadTransaction& read) {
    auto row = read.Get(key);
    if (!row.ok()) return row.status();
    if (row->has_value()) result = std::string((*row)->item);
    return absl::OkStatus();
  });
  return status.ok() ? result : status.ToString();
}

}  // namespace pallet::testing
