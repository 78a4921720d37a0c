// SPDX-License-Identifier: Apache-2.0
//
// Global secondary indexes: another key for the items of a table, of one to
// four partition and up to four sort attributes. An item that has all of them,
// each in its type and size, has an entry in the index: the attributes that are
// projected, as a canonical item of their own. Entries of equal index keys are
// told apart by the item's own key.
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
#include "model/local_index.h"

namespace pallet::model {

class GlobalIndex {
 public:
  GlobalIndex(std::string name, IndexKeySchema key, KeySchema table_key,
              Projection projection);

  const std::string& name() const { return name_; }
  const IndexKeySchema& key() const { return key_; }
  const KeySchema& table_key() const { return table_key_; }
  const Projection& projection() const { return projection_; }

  // Whether entries have this top-level attribute if their items do.
  bool Projects(absl::string_view attribute) const;

  // Names of all attributes of the index's key, sorted.
  const std::vector<std::string>& key_attributes() const {
    return key_attributes_;
  }

  // The index key of a canonical item, or of that part of it which has the key
  // attributes; nullopt if the item has no entry: an attribute is not there, or
  // not of the type and size that a key may have.
  std::optional<IndexKey> KeyOf(ItemView item) const;

  // The entry of a canonical item that has one, by KeyOf. `bytes` borrows: for
  // kAll the item's own bytes, otherwise `storage`.
  struct Entry {
    absl::string_view bytes;
    size_t size = 0;  // by DynamoDB's rule
  };
  Entry EntryOf(absl::string_view item, size_t item_size,
                std::string* storage) const;

 private:
  std::string name_;
  IndexKeySchema key_;
  KeySchema table_key_;
  Projection projection_;
  std::vector<std::string> key_attributes_;
  std::vector<std::string> kept_;  // sorted names; empty for kAll
};

// Why an item that has a value for the index's key has no entry: OK if all are
// of their types, not empty and within the limits of keys (attributes that are
// absent do not matter). A write of such an item is refused with this.
absl::Status CheckIndexKey(const GlobalIndex& index, ItemView item,
                           IndexKeyUse use);

}  // namespace pallet::model
