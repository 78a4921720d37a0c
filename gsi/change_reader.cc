// SPDX-License-Identifier: Apache-2.0
#include "gsi/change_reader.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "base/status_macros.h"
#include "gsi/records.h"
#include "storage/side_rows.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;

// Calls `take` with each change behind `after`, until it says that it is enough.
absl::Status ForEachChange(
    storage::ReadTransaction& read, const Source& source, ChangeSeq after,
    absl::FunctionRef<absl::StatusOr<bool>(ChangeSeq, const ChangeView&)>
        take) {
  const std::string begin =
      storage::ChangeKey(source.id, ChangeSeq(after.value() + 1));
  const std::unique_ptr<storage::RowCursor> cursor =
      read.Cursor(begin, storage::ChangesOf(source.id).end);
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
  while (cursor->Valid()) {
    ASSIGN_OR_RETURN(const ChangeView change, DecodeChange(cursor->row().item));
    ASSIGN_OR_RETURN(const bool go_on,
                     take(storage::SeqOfChangeKey(cursor->key()), change));
    if (!go_on) break;
    RETURN_IF_ERROR(cursor->Next());
  }
  return absl::OkStatus();
}

// Gathers changes by their rows.
class Gatherer {
 public:
  Gatherer(storage::ReadTransaction& read, const ReadLimits& limits,
           Changes* changes)
      : read_(read), limits_(limits), changes_(changes) {}

  absl::StatusOr<bool> Take(ChangeSeq seq, const ChangeView& change) {
    if (change.time > limits_.not_after) {
      changes_->next_time = change.time;
      return false;
    }
    if (count_ >= limits_.changes || bytes_ >= limits_.bytes) {
      changes_->more = true;
      return false;
    }
    ++count_;
    ASSIGN_OR_RETURN(ChangedRow * row, RowOf(change.row_key));
    row->changes.push_back({seq, std::string(change.old_keys)});
    bytes_ += change.old_keys.size();
    changes_->through = seq;
    return true;
  }

 private:
  absl::StatusOr<ChangedRow*> RowOf(absl::string_view row_key) {
    const auto [at, is_new] =
        place_of_.emplace(std::string(row_key), changes_->rows.size());
    if (!is_new) return &changes_->rows[at->second];
    ChangedRow& row = changes_->rows.emplace_back();
    row.row_key = std::string(row_key);
    ASSIGN_OR_RETURN(const std::optional<storage::RowView> now,
                     read_.Get(row_key));
    if (now.has_value()) {
      row.now = RowNow{now->change_seq, std::string(now->item), now->item_size};
      bytes_ += now->item.size();
    }
    return &row;
  }

  storage::ReadTransaction& read_;
  const ReadLimits& limits_;
  Changes* const changes_;
  absl::flat_hash_map<std::string, size_t> place_of_;
  uint64_t count_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<Changes> ReadChanges(const Source& source, ChangeSeq after,
                                    const ReadLimits& limits) {
  // Before the transaction: it sees all up to the head, and maybe more.
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source.store->Partition(source.id));
  Changes changes;
  changes.through = after;
  RETURN_IF_ERROR(
      source.store->Read([&](storage::ReadTransaction& read) -> absl::Status {
        Gatherer gatherer(read, limits, &changes);
        return ForEachChange(read, source, after,
                             [&](ChangeSeq seq, const ChangeView& change) {
                               return gatherer.Take(seq, change);
                             });
      }));
  changes.newest = info.change_seq;
  for (const ChangedRow& row : changes.rows) {
    if (row.now.has_value()) {
      changes.newest = std::max(changes.newest, row.now->seq);
    }
  }
  // Not each change of the partition leaves a record.
  if (!changes.more && changes.next_time == absl::InfiniteFuture()) {
    changes.through = std::max(changes.through, info.change_seq);
  }
  return changes;
}

absl::StatusOr<std::optional<absl::Time>> TimeOfNextChange(const Source& source,
                                                           ChangeSeq after) {
  std::optional<absl::Time> time;
  RETURN_IF_ERROR(
      source.store->Read([&](storage::ReadTransaction& read) -> absl::Status {
        return ForEachChange(
            read, source, after,
            [&](ChangeSeq, const ChangeView& change) -> absl::StatusOr<bool> {
              time = change.time;
              return false;
            });
      }));
  return time;
}

}  // namespace pallet::gsi
