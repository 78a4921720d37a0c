// SPDX-License-Identifier: Apache-2.0
//
// ItemWrite: every write of items is one of these. It reads what its items are,
// checks, computes what they become, and writes that: one or several items of
// one partition, all of them or none.
//
// Made on the caller's thread, decided on the store's writer, finished there
// once its batch is durable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_host.h"
#include "cluster/partition_map.h"
#include "service/handlers/index_rows.h"
#include "service/handlers/item_decision.h"
#include "service/operation.h"
#include "storage/store.h"

namespace pallet::service {

// What it was. Sizes by DynamoDB's rule; 0 for an item that is not there.
struct ItemOutcome {
  std::optional<std::string> returned;  // if asked for and not nothing
  uint64_t old_size = 0;
  uint64_t new_size = 0;
  // The change that the write made, or that came last before it.
  storage::ChangeSeq change_seq;
  UnitsByArm units;  // that the write took
};

class ItemWrite final : public storage::RowWrite {
 public:
  using Changes = absl::InlinedVector<ItemChange, 1>;
  using Outcomes = absl::InlinedVector<ItemOutcome, 1>;
  // Called once. `outcomes` are in the order of the changes, if the status is
  // OK. On the store's thread: it must not block.
  using Finished = absl::AnyInvocable<void(
      const absl::Status& status, Outcomes outcomes, const Changes& changes)>;

  // Does nothing if the call's deadline has passed or it was cancelled before
  // it is decided. `host` outlives the write.
  ItemWrite(const cluster::PartitionHost* host, cluster::TablePtr table,
            storage::PartitionId partition, Changes changes,
            CallContext context, Finished finished);

  storage::PartitionId partition() const override { return partition_; }
  size_t byte_size() const override;
  absl::Status Decide(storage::WriteContext& context) override;
  void Done(const absl::Status& status) override;

 private:
  const cluster::PartitionHost* const host_;
  // Shared because the table may go before the write is decided.
  cluster::TablePtr table_;
  const storage::PartitionId partition_;
  const Changes changes_;
  const CallContext context_;
  Finished finished_;
  Outcomes outcomes_;
};

}  // namespace pallet::service
