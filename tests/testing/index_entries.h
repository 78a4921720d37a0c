// SPDX-License-Identifier: Apache-2.0
//
// Entries of global indexes, put by hand where a test wants to read an index
// without what brings changes to it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "cluster/partition_host.h"
#include "model/global_index.h"
#include "model/item_codec.h"
#include "storage/key_codec.h"

namespace pallet::testing {

class EntryWrite final : public storage::RowWrite {
 public:
  EntryWrite(storage::PartitionId partition, std::string key,
             model::CanonicalItem entry, absl::Notification* done)
      : partition_(partition),
        key_(std::move(key)),
        entry_(std::move(entry)),
        done_(done) {}

  storage::PartitionId partition() const override { return partition_; }
  size_t byte_size() const override { return entry_.bytes.size(); }
  absl::Status Decide(storage::WriteContext& context) override {
    context.Put(key_, entry_.bytes, static_cast<uint32_t>(entry_.size));
    return absl::OkStatus();
  }
  void Done(const absl::Status& status) override {
    CHECK_OK(status);
    done_->Notify();
  }

 private:
  const storage::PartitionId partition_;
  const std::string key_;
  const model::CanonicalItem entry_;
  absl::Notification* const done_;
};

// Puts the entry of `item`, an encoded Item of the table, if it has one.
// Returns whether it has.
inline bool PutIndexEntry(cluster::PartitionHost& host,
                          const std::string& table_name,
                          const std::string& index_name,
                          const std::string& item) {
  const cluster::TablePtr table = host.FindTable(table_name);
  const cluster::GlobalIndex& index = *table->FindGlobalIndex(index_name);
  const model::CanonicalItem canonical = model::CanonicalizeItem(item).value();
  const model::ItemView view(canonical.bytes);
  const std::optional<model::IndexKey> key = index.schema->KeyOf(view);
  if (!key.has_value()) return false;
  const std::string row_key = storage::RowKey(
      table->keyspace, model::KeyOfItem(table->key, view).value(),
      host.hash_seed());
  std::string entry_key =
      storage::GlobalEntryKey(index.keyspace, *key, row_key, host.hash_seed());
  std::string storage;
  const auto projected =
      index.schema->EntryOf(canonical.bytes, canonical.size, &storage);
  model::CanonicalItem entry;
  entry.bytes = std::string(projected.bytes);
  entry.size = projected.size;
  const cluster::TablePartition& partition =
      index.PartitionOf(storage::HashOfRowKey(entry_key));
  absl::Notification done;
  CHECK_OK(host.Submit(partition, std::make_unique<EntryWrite>(
                                      partition.id, std::move(entry_key),
                                      std::move(entry), &done)));
  done.WaitForNotification();
  return true;
}

}  // namespace pallet::testing
