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
#include "model/expression/ast.h"
#include "model/expression/update.h"
#include "model/item_codec.h"
#include "service/handlers/index_rows.h"
#include "service/operation.h"
#include "storage/store.h"

namespace pallet::service {

// What an item must meet before it is changed.
struct ItemCondition {
  model::expression::Expression expression;
  bool return_item = false;  // as a detail of the error, if it fails
};

// How an item is made out of what it was.
struct ItemUpdate {
  // nullopt: nothing changes but that the item is there.
  std::optional<model::expression::Expression> expression;
  model::expression::UpdateLanguage language =
      model::expression::UpdateLanguage::kExpression;
  std::string key_item;  // canonical; of a new item
};

// What an answer has of the item.
enum class ReturnedItem { kNone, kOld, kNew, kUpdatedOld, kUpdatedNew };

// What becomes of one item.
struct ItemChange {
  std::string row_key;
  std::optional<model::CanonicalItem> item;  // nullopt: updated or deleted
  ReturnedItem returned = ReturnedItem::kNone;
  std::unique_ptr<const ItemCondition> condition = {};  // null: none
  std::unique_ptr<const ItemUpdate> update = {};        // null: put or deleted
  bool reports_units = false;                           // of global indexes too
};

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
  using Finished =
      absl::AnyInvocable<void(const absl::Status& status, Outcomes outcomes)>;

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
  // The table as the partition has it by now: its indexes may have changed
  // since the write was made.
  void LookAgain(const storage::WriteContext& context);

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
