// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/index_rows.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
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

int64_t Growth(const std::optional<Entry>& before,
               const std::optional<Entry>& after) {
  return static_cast<int64_t>(after.has_value() ? after->size : 0) -
         static_cast<int64_t>(before.has_value() ? before->size : 0);
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

// Those attributes of an item that are in the key of any global index, sorted:
// found in one pass, because a table with many indexes asks for many.
using KeyAttributesOfItem = absl::InlinedVector<model::AttributeView, 32>;

KeyAttributesOfItem PresentIn(model::ItemView item,
                              const cluster::Table& table) {
  KeyAttributesOfItem present;
  auto name = table.index_key_attributes.begin();
  const auto end = table.index_key_attributes.end();
  for (auto at = item.begin(); at != item.end() && name != end; ++at) {
    const model::AttributeView attribute = *at;
    while (name != end && *name < attribute.name) ++name;
    if (name != end && *name == attribute.name) present.push_back(attribute);
  }
  return present;
}

bool HasKind(model::ValueKind kind, model::ScalarType type) {
  switch (type) {
    case model::ScalarType::kString:
      return kind == model::ValueKind::kString;
    case model::ScalarType::kNumber:
      return kind == model::ValueKind::kNumber;
    case model::ScalarType::kBinary:
      return kind == model::ValueKind::kBinary;
  }
  return false;
}

// Whether the values of those attributes may be in any key. If not, why not is
// for model::CheckIndexKey to say.
bool CertainlyFit(const std::vector<model::KeyAttribute>& attributes,
                  const KeyAttributesOfItem& present) {
  return std::all_of(
      attributes.begin(), attributes.end(),
      [&present](const model::KeyAttribute& attribute) {
        const auto at = std::lower_bound(
            present.begin(), present.end(), attribute.name,
            [](const model::AttributeView& each, const std::string& name) {
              return each.name < name;
            });
        if (at == present.end() || at->name != attribute.name) return true;
        if (!HasKind(at->value.kind(), attribute.type)) return false;
        const size_t size = at->value.scalar().size();
        return size > 0 && size <= model::kMaxSortKeyBytes;
      });
}

bool CertainlyFits(const model::IndexKeySchema& key,
                   const KeyAttributesOfItem& present) {
  return CertainlyFit(key.partition, present) &&
         CertainlyFit(key.sort, present);
}

}  // namespace

absl::Status CheckIndexKeys(const cluster::Table& table, absl::string_view item,
                            model::IndexKeyUse use) {
  const model::ItemView view(item);
  for (const model::LocalIndex& index : table.local_indexes) {
    RETURN_IF_ERROR(model::CheckIndexKey(index, view, use));
  }
  if (table.global_indexes.empty()) return absl::OkStatus();
  const KeyAttributesOfItem present = PresentIn(view, table);
  for (const cluster::GlobalIndex& index : table.global_indexes) {
    if (CertainlyFits(index.schema->key(), present)) continue;
    RETURN_IF_ERROR(model::CheckIndexKey(*index.schema, view, use));
  }
  return absl::OkStatus();
}

void WriteIndexRows(const cluster::Table& table, absl::string_view row_key,
                    const std::optional<ItemImage>& before,
                    const std::optional<ItemImage>& after,
                    storage::WriteContext& context, UnitsByArm* units,
                    int64_t* growth) {
  if (table.local_indexes.empty()) return;
  if (!before.has_value() && !after.has_value()) return;
  const model::KeyValue sort =
      SortOf(table, before.has_value() ? *before : *after);
  std::string old_buffer, new_buffer;
  for (size_t i = 0; i < table.local_indexes.size(); ++i) {
    const model::LocalIndex& index = table.local_indexes[i];
    IndexWriter writer(table.KeyspaceOfLocalIndex(i), row_key, sort, context);
    const std::optional<Entry> old_entry = EntryOf(index, before, &old_buffer);
    const std::optional<Entry> new_entry = EntryOf(index, after, &new_buffer);
    const double taken = writer.Write(old_entry, new_entry);
    if (taken > 0) units->local_indexes[index.name()] += taken;
    *growth += Growth(old_entry, new_entry);
  }
}

int64_t CollectionGrowth(const cluster::Table& table,
                         const std::optional<ItemImage>& before,
                         const std::optional<ItemImage>& after) {
  int64_t growth = static_cast<int64_t>(after.has_value() ? after->size : 0) -
                   static_cast<int64_t>(before.has_value() ? before->size : 0);
  std::string old_buffer, new_buffer;
  for (const model::LocalIndex& index : table.local_indexes) {
    growth += Growth(EntryOf(index, before, &old_buffer),
                     EntryOf(index, after, &new_buffer));
  }
  return growth;
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
