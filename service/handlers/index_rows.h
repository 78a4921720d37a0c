// SPDX-License-Identifier: Apache-2.0
//
// What a write means to the indexes of its table. Keys of all are checked, and
// the entries of local indexes are kept in step with their items: written by the
// decision that writes the item, in the same partition, so that they are one
// with it (docs/adr/0016-local-secondary-indexes.md).
//
// Pure but for the writes; the store's thread or any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_map.h"
#include "model/local_index.h"
#include "service/capacity.h"
#include "storage/store.h"

namespace pallet::service {

// Step 7 of validation, behind the table's own key: the values of all indexes'
// keys in a whole item.
absl::Status CheckIndexKeys(const cluster::Table& table, absl::string_view item,
                            model::IndexKeyUse use);

// An item before or after a write: canonical bytes and their size by DynamoDB's
// rule.
struct ItemImage {
  absl::string_view bytes;
  size_t size = 0;
};

// Brings the entries from those of `before` to those of `after`; nullopt: there
// is no item. An entry that stays as it is is not written. Adds what it took to
// `units`, and by how much their sizes grew to `growth`. REQUIRES: `row_key` is the item's, CheckIndexKeys took `after`, and
// the item's own row has been written.
void WriteIndexRows(const cluster::Table& table, absl::string_view row_key,
                    const std::optional<ItemImage>& before,
                    const std::optional<ItemImage>& after,
                    storage::WriteContext& context, UnitsByArm* units,
                    int64_t* growth);

// By how much an item collection grows: by the item and its entries in local
// indexes.
int64_t CollectionGrowth(const cluster::Table& table,
                         const std::optional<ItemImage>& before,
                         const std::optional<ItemImage>& after);

// Adds what the entries of global indexes will take to follow. For reports: it
// looks at every index, which a write has no need to.
void AddGlobalIndexUnits(const cluster::Table& table,
                         const std::optional<ItemImage>& before,
                         const std::optional<ItemImage>& after,
                         UnitsByArm* units);

}  // namespace pallet::service
