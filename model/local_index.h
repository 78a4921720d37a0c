// SPDX-License-Identifier: Apache-2.0
//
// Local secondary indexes: a second order of the items of each partition key,
// by another attribute. An item that has the index's sort key has an entry in
// it: the attributes that are projected, as a canonical item of their own.
//
// Values and pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/item_view.h"
#include "model/key.h"

namespace pallet::model {

enum class ProjectionKind { kAll, kKeysOnly, kInclude };

struct Projection {
  ProjectionKind kind = ProjectionKind::kAll;
  std::vector<std::string> attributes =
      {};  // kInclude only, as they were given
};

// Appends the attributes of `item` that are in `names` (both sorted) to `out`:
// a canonical item too. Returns their size by DynamoDB's rule.
size_t KeepAttributes(ItemView item, const std::vector<std::string>& names,
                      std::string* out);

class LocalIndex {
 public:
  // REQUIRES: both schemas have a sort key, and the same partition key.
  LocalIndex(std::string name, KeySchema key, KeySchema table_key,
             Projection projection);

  const std::string& name() const { return name_; }
  // The table's partition key and the index's own sort key.
  const KeySchema& key() const { return key_; }
  const KeySchema& table_key() const { return table_key_; }
  const Projection& projection() const { return projection_; }

  // Whether entries have this top-level attribute if their items do.
  bool Projects(absl::string_view attribute) const;

  // The entry of a canonical item; nullopt if it has none. `bytes` and `item`
  // borrow: for kAll the item's own bytes, otherwise `storage`.
  // REQUIRES: CheckIndexKey has taken the item.
  struct Entry {
    KeyValue sort;
    absl::string_view bytes;
    size_t size = 0;  // by DynamoDB's rule
  };
  std::optional<Entry> EntryOf(absl::string_view item, size_t item_size,
                               std::string* storage) const;

 private:
  std::string name_;
  KeySchema key_;
  KeySchema table_key_;
  Projection projection_;
  std::vector<std::string> kept_;  // sorted names; empty for kAll
};

// Which words a refusal has.
enum class IndexKeyUse { kPut, kUpdate };

// An item's value of the index's sort key: absent, or of the right type, not
// empty and within the limit of sort keys.
absl::Status CheckIndexKey(const LocalIndex& index, ItemView item,
                           IndexKeyUse use);

}  // namespace pallet::model
