// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/index_rows.h"

#include <string>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "model/global_index.h"
#include "model/item_view.h"
#include "storage/key_codec.h"

namespace pallet::service {
namespace {

using Entry = model::LocalIndex::Entry;

std::optional<Entry> EntryOf(const model::LocalIndex& index,
                             const std::optional<ItemImage>& item,
                             std::string* buffer) {
  if (!item.has_value()) return std::nullopt;
  return index.EntryOf(item->bytes, item->size, buffer);
}

model::KeyValue SortOf(const cluster::Table& table, const ItemImage& item) {
  const auto value = model::ItemView(item.bytes).Find(table.key.sort->name);
  CHECK(value.has_value());
  return *model::ScalarOf(*value);
}

// Writes one index's share. Returns its units.
class IndexWriter {
 public:
  IndexWriter(storage::KeyspaceId keyspace, absl::string_view row_key,
              const model::KeyValue& sort, storage::WriteContext& context)
      : keyspace_(keyspace),
        row_key_(row_key),
        sort_(sort),
        context_(context) {}

  double Write(const std::optional<Entry>& before,
               const std::optional<Entry>& after) {
    if (!before.has_value() && !after.has_value()) return 0;
    if (before.has_value() && after.has_value() &&
        before->sort == after->sort) {
      return Replace(*before, *after);
    }
    double units = 0;
    if (before.has_value()) {
      context_.Delete(KeyOf(*before));
      units += WriteUnits(before->size, 0);
    }
    if (after.has_value()) {
      Put(*after);
      units += WriteUnits(0, after->size);
    }
    return units;
  }

 private:
  double Replace(const Entry& before, const Entry& after) {
    if (before.bytes == after.bytes) return 0;
    Put(after);
    return WriteUnits(before.size, after.size);
  }

  void Put(const Entry& entry) {
    context_.Put(KeyOf(entry), entry.bytes, static_cast<uint32_t>(entry.size));
  }

  std::string KeyOf(const Entry& entry) const {
    return storage::IndexRowKey(keyspace_, row_key_, sort_, entry.sort);
  }

  const storage::KeyspaceId keyspace_;
  const absl::string_view row_key_;
  const model::KeyValue& sort_;
  storage::WriteContext& context_;
};

// An item's entry in a global index.
struct GlobalEntry {
  model::IndexKey key;
  model::GlobalIndex::Entry entry;
};

std::optional<GlobalEntry> EntryOf(const model::GlobalIndex& index,
                                   const std::optional<ItemImage>& item,
                                   std::string* buffer) {
  if (!item.has_value()) return std::nullopt;
  auto key = index.KeyOf(model::ItemView(item->bytes));
  if (!key.has_value()) return std::nullopt;
  return GlobalEntry{*std::move(key),
                     index.EntryOf(item->bytes, item->size, buffer)};
}

// What an index will take to follow its item.
double UnitsOf(const std::optional<GlobalEntry>& before,
               const std::optional<GlobalEntry>& after) {
  if (before.has_value() && after.has_value() && before->key == after->key) {
    if (before->entry.bytes == after->entry.bytes) return 0;
    return WriteUnits(before->entry.size, after->entry.size);
  }
  double units = 0;
  if (before.has_value()) units += WriteUnits(before->entry.size, 0);
  if (after.has_value()) units += WriteUnits(0, after->entry.size);
  return units;
}

}  // namespace

absl::Status CheckIndexKeys(const cluster::Table& table, absl::string_view item,
                            model::IndexKeyUse use) {
  for (const model::LocalIndex& index : table.local_indexes) {
    RETURN_IF_ERROR(model::CheckIndexKey(index, model::ItemView(item), use));
  }
  for (const cluster::GlobalIndex& index : table.global_indexes) {
    RETURN_IF_ERROR(
        model::CheckIndexKey(*index.schema, model::ItemView(item), use));
  }
  return absl::OkStatus();
}

void WriteIndexRows(const cluster::Table& table, absl::string_view row_key,
                    const std::optional<ItemImage>& before,
                    const std::optional<ItemImage>& after,
                    storage::WriteContext& context, UnitsByArm* units) {
  if (table.local_indexes.empty()) return;
  if (!before.has_value() && !after.has_value()) return;
  const model::KeyValue sort =
      SortOf(table, before.has_value() ? *before : *after);
  std::string old_buffer, new_buffer;
  for (size_t i = 0; i < table.local_indexes.size(); ++i) {
    const model::LocalIndex& index = table.local_indexes[i];
    IndexWriter writer(table.KeyspaceOfLocalIndex(i), row_key, sort, context);
    const double taken = writer.Write(EntryOf(index, before, &old_buffer),
                                      EntryOf(index, after, &new_buffer));
    if (taken > 0) units->local_indexes[index.name()] += taken;
  }
}

void AddGlobalIndexUnits(const cluster::Table& table,
                         const std::optional<ItemImage>& before,
                         const std::optional<ItemImage>& after,
                         UnitsByArm* units) {
  std::string old_buffer, new_buffer;
  for (const cluster::GlobalIndex& index : table.global_indexes) {
    const double taken = UnitsOf(EntryOf(*index.schema, before, &old_buffer),
                                 EntryOf(*index.schema, after, &new_buffer));
    if (taken > 0) units->global_indexes[index.schema->name()] += taken;
  }
}

}  // namespace pallet::service
