// SPDX-License-Identifier: Apache-2.0
//
// Places between the entries of an index, local or global: the index's key and
// the key of the item. In requests and answers (ExclusiveStartKey,
// LastEvaluatedKey) one is an item with the attributes of both, each once.
//
// Values and pure functions; thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "model/expression/key_condition.h"
#include "model/global_index.h"
#include "model/item_view.h"
#include "model/key.h"
#include "model/local_index.h"

namespace pallet::model {

// What the entries of an index are sorted by. Borrows the index.
struct IndexKeys {
  KeyAttributes index;
  const KeySchema* table;

  explicit IndexKeys(const LocalIndex& local)
      : index(local.key()), table(&local.table_key()) {}
  explicit IndexKeys(const GlobalIndex& global)
      : index(global.key()), table(&global.table_key()) {}
};

struct IndexPlace {
  IndexKey key;
  Key table_key;

  friend bool operator==(const IndexPlace&, const IndexPlace&) = default;
};

// REQUIRES: the item has an entry, or is one.
IndexPlace PlaceOfItem(const IndexKeys& keys, ItemView item);
std::string EncodePlace(const IndexKeys& keys, const IndexPlace& place);

// An ExclusiveStartKey: exactly the attributes of both keys.
absl::StatusOr<IndexPlace> PlaceOfStartKey(const IndexKeys& keys,
                                           ItemView start_key);

// The ExclusiveStartKey of a Query: a place that the condition could have
// returned.
absl::StatusOr<IndexPlace> QueryStartPlace(const IndexKeys& keys,
                                           const KeyCondition& condition,
                                           ItemView start_key);

}  // namespace pallet::model
