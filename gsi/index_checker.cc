// SPDX-License-Identifier: Apache-2.0
#include "gsi/index_checker.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/item_view.h"
#include "storage/key_codec.h"
#include "storage/partition_state.h"

namespace pallet::gsi {
namespace {

constexpr size_t kMaxExamples = 10;

// Calls `take` with each row of the partition.
absl::Status ForEachRow(
    storage::Store& store, storage::PartitionId partition,
    absl::FunctionRef<absl::Status(absl::string_view, const storage::RowView&)>
        take) {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   store.Partition(partition));
  const std::string begin = storage::FirstRowKey(info, 0);
  return store.Read([&](storage::ReadTransaction& read) -> absl::Status {
    const auto cursor = read.Cursor(begin, storage::EndRowKey(info, 0));
    RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
    while (cursor->Valid()) {
      RETURN_IF_ERROR(take(cursor->key(), cursor->row()));
      RETURN_IF_ERROR(cursor->Next());
    }
    return absl::OkStatus();
  });
}

class Checker {
 public:
  explicit Checker(const TableTopology& table) : table_(table) {}

  absl::StatusOr<IndexCheck> Run() {
    for (const Source& source : table_.sources) {
      RETURN_IF_ERROR(ForEachRow(
          *source.store, source.id,
          [this](absl::string_view key, const storage::RowView& row) {
            ++check_.items;
            return ExpectEntries(key, row);
          }));
    }
    for (const IndexTopology& index : table_.indexes) {
      for (const Target& target : index.targets) {
        RETURN_IF_ERROR(CheckTarget(index, target));
      }
    }
    return std::move(check_);
  }

 private:
  void Differ(const IndexTopology& index, absl::string_view what,
              absl::string_view key) {
    ++check_.differences;
    if (check_.examples.size() >= kMaxExamples) return;
    check_.examples.push_back(absl::StrCat(index.schema->name(), ": ", what,
                                           " ", absl::CHexEscape(key)));
  }

  absl::Status ExpectEntries(absl::string_view row_key,
                             const storage::RowView& row) {
    for (const IndexTopology& index : table_.indexes) {
      const auto key = index.schema->KeyOf(model::ItemView(row.item));
      if (!key.has_value()) continue;
      const std::string entry_key = storage::GlobalEntryKey(
          index.keyspace, *key, row_key, table_.hash_seed);
      const Target& target =
          index.targets[index.TargetOf(storage::HashOfRowKey(entry_key))];
      expected_.insert(entry_key);
      std::string buffer;
      const auto entry =
          index.schema->EntryOf(row.item, row.item_size, &buffer);
      RETURN_IF_ERROR(target.store->Read(
          [&](storage::ReadTransaction& read) -> absl::Status {
            ASSIGN_OR_RETURN(const auto found, read.Get(entry_key));
            if (!found.has_value()) {
              Differ(index, "lacks the entry of item", row_key);
            } else if (found->item != entry.bytes ||
                       found->item_size != entry.size) {
              Differ(index, "has another entry of item", row_key);
            }
            return absl::OkStatus();
          }));
    }
    return absl::OkStatus();
  }

  absl::Status CheckTarget(const IndexTopology& index, const Target& target) {
    storage::RowCounts counts;
    RETURN_IF_ERROR(
        ForEachRow(*target.store, target.id,
                   [&](absl::string_view key, const storage::RowView& row) {
                     ++check_.entries;
                     ++counts.rows;
                     counts.bytes += row.item_size;
                     if (!expected_.contains(std::string(key))) {
                       Differ(index, "has an entry of no item:", key);
                     }
                     return absl::OkStatus();
                   }));
    ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                     target.store->Partition(target.id));
    if (info.item_count != counts.rows || info.item_bytes != counts.bytes) {
      Differ(index, "counts wrongly in partition",
             absl::StrCat(target.id.value()));
    }
    return absl::OkStatus();
  }

  const TableTopology& table_;
  IndexCheck check_;
  std::set<std::string> expected_;
};

}  // namespace

absl::StatusOr<IndexCheck> CheckIndexes(const TableTopology& table) {
  return Checker(table).Run();
}

}  // namespace pallet::gsi
