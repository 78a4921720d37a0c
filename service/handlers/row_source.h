// SPDX-License-Identifier: Apache-2.0
//
// RowSource: what the rows of a Query or Scan lie in: a table, one of its local
// indexes or one of its global ones; and what each of them refuses.
//
// Values that borrow the table; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cluster/partition_map.h"
#include "model/index_place.h"
#include "model/key.h"
#include "pallet/wire/v1/query.pb.h"
#include "service/handlers/item_language.h"
#include "service/router.h"
#include "storage/ids.h"

namespace pallet::service {

struct RowSource {
  const cluster::Table* table = nullptr;
  // At most one of them.
  const model::LocalIndex* local = nullptr;
  const cluster::GlobalIndex* global = nullptr;
  storage::KeyspaceId keyspace;

  model::KeyAttributes key() const;
  // Nullopt for the table itself.
  std::optional<model::IndexKeys> index_keys() const;

  const std::vector<cluster::TablePartition>& partitions() const;
  const cluster::TablePartition& PartitionOf(uint64_t hash) const;
};

// `index_name` null: the table. kValidation if there is no such index.
absl::StatusOr<RowSource> SourceOf(const cluster::Table& table,
                                   const std::string* index_name);

// What a global index does not give: strong reads, attributes it does not have,
// anything while it is being filled. OK for other sources.
absl::Status CheckGlobalRead(const RowSource& source, bool consistent_read,
                             wire::v1::Select select,
                             const ItemLanguage& language);

// Whether items have to be read for what the request wants of their entries in
// a local index.
bool WantsMoreThanEntries(const RowSource& source, wire::v1::Select select,
                          const ItemLanguage& language);

// The row key of a place in the source, which is an index.
std::string EntryKey(const Router& router, const RowSource& source,
                     const model::IndexPlace& place);

// As Router's, and for a global index whether that is still there.
absl::Status CheckStillThere(const Router& router, const RowSource& source);

}  // namespace pallet::service
