// SPDX-License-Identifier: Apache-2.0
//
// IndexBatch: what one lineage has to say to one partition of an index, and the
// write that brings it in: entries and cursor in one log record, or nothing.
//
// Invariants (docs/adr/0018-global-indexes.md):
//   1. Changes are taken only behind the cursor they were cut for, so each is
//      taken once and in order, whatever was sent twice or by whom.
//   2. A backfill is taken only while the cursor is not beyond the head it was
//      read after.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace pallet::gsi {

struct Mutation {
  std::string row_key = {};  // of the entry
  std::string bytes = {};    // canonical; empty: delete
  uint32_t size = 0;         // by DynamoDB's rule

  bool is_delete() const { return bytes.empty(); }
};

struct IndexBatch {
  storage::PartitionId target;
  storage::PartitionId lineage;
  // Changes: the cursor that is expected, and what it becomes. A backfill: null,
  // and the head it was read after.
  std::optional<storage::ChangeSeq> expected;
  storage::ChangeSeq seq;
  std::vector<Mutation> mutations = {};
};

// The cursor of a target for a lineage; 0 if there is none yet.
absl::StatusOr<storage::ChangeSeq> ReadCursor(storage::RowReader& rows,
                                              storage::PartitionId target,
                                              storage::PartitionId lineage);

class IndexBatchWrite final : public storage::RowWrite {
 public:
  struct Outcome {
    // OK, kAborted if the cursor was another, or why it could not be written.
    absl::Status status;
    storage::ChangeSeq cursor = {};  // of the target now; with OK and kAborted
    uint64_t entries = 0;            // written or deleted
  };
  using Finished = absl::AnyInvocable<void(const Outcome&)>;

  // `finished` is called once, on the store's thread: it must not block.
  IndexBatchWrite(IndexBatch batch, Finished finished);

  storage::PartitionId partition() const override { return batch_.target; }
  size_t byte_size() const override { return byte_size_; }
  absl::Status Decide(storage::WriteContext& context) override;
  void Done(const absl::Status& status) override;

 private:
  absl::Status CheckCursor(storage::ChangeSeq cursor) const;
  absl::Status Apply(const Mutation& mutation, storage::WriteContext& context);

  const IndexBatch batch_;
  const size_t byte_size_;
  Finished finished_;
  Outcome outcome_;
};

}  // namespace pallet::gsi
