// SPDX-License-Identifier: Apache-2.0
#include "service/router.h"

#include "base/status_macros.h"
#include "model/errors.h"
#include "model/item_view.h"
#include "storage/key_codec.h"

namespace pallet::service {

absl::StatusOr<cluster::TablePtr> Router::Find(absl::string_view name) const {
  cluster::TablePtr table = host_->FindTable(name);
  if (table == nullptr) {
    return model::MakeError(model::Reason::kResourceNotFound,
                            "Requested resource not found");
  }
  return table;
}

absl::StatusOr<Row> Router::RowOfKey(const cluster::Table& table,
                                     absl::string_view key_item) const {
  ASSIGN_OR_RETURN(const model::Key key,
                   model::KeyOfKeyItem(table.key, model::ItemView(key_item)));
  return RowOf(table, key);
}

absl::StatusOr<Row> Router::RowOfItem(const cluster::Table& table,
                                      absl::string_view item) const {
  ASSIGN_OR_RETURN(const model::Key key,
                   model::KeyOfItem(table.key, model::ItemView(item)));
  return RowOf(table, key);
}

Row Router::RowOf(const cluster::Table& table, const model::Key& key) const {
  Row row;
  row.key = storage::RowKey(table.keyspace, key, hash_seed());
  row.partition = &table.PartitionOf(storage::HashOfRowKey(row.key));
  return row;
}

}  // namespace pallet::service
