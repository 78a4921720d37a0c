// SPDX-License-Identifier: Apache-2.0
//
// Overlay: what the batches on their way have decided about rows that readers do
// not see yet. A write that is evaluated reads its rows here first, then as any
// reader does, and so sees every earlier write.
//
// Each batch owns the PendingRows it made; the overlay looks at those of the
// batches that are not published yet, newest first. Keys and rows are borrowed
// from the batch (its arena), which outlives its stay here.
//
// Owned by the evaluate stage; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace pallet::storage {

// The future of one row: an encoded row (row.h), or its absence.
struct PendingRow {
  absl::string_view row;  // borrowed; empty if the row is deleted
  bool deleted() const { return row.empty(); }
};

// The rows one batch changes, each with its last state in that batch. A write
// whose decision fails is taken back: changes since the last Keep are undone.
class PendingRows {
 public:
  // Null if the batch did not touch the row.
  const PendingRow* Find(absl::string_view row_key) const;

  // `row_key` and `row` must outlive this, or the next Clear.
  void Set(absl::string_view row_key, PendingRow row);

  // The changes made so far are final.
  void Keep() { undo_.clear(); }
  // Takes back what was set since the last Keep.
  void TakeBack();

  void Clear();
  bool empty() const { return rows_.empty(); }

 private:
  struct Undo {
    absl::string_view row_key;
    absl::optional<PendingRow> before;  // none: the row was not here
  };

  absl::flat_hash_map<absl::string_view, PendingRow> rows_;
  std::vector<Undo> undo_;
};

class Overlay {
 public:
  // Rows of batch `number`, from now on the newest. Borrowed until Forget.
  // REQUIRES: `number` is greater than all before.
  void Add(uint64_t number, const PendingRows* rows);

  // Batches up to `number` are in what the evaluator reads.
  void Forget(uint64_t number);

  // Null if no batch on its way touches the row.
  const PendingRow* Find(absl::string_view row_key) const;

 private:
  struct Pending {
    uint64_t number;
    const PendingRows* rows;
  };
  std::vector<Pending> pending_;  // ascending, a handful
};

}  // namespace pallet::storage
