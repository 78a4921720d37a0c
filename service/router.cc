// SPDX-License-Identifier: Apache-2.0
#include "service/router.h"

#include "base/status_macros.h"
#include "google/rpc/error_details.pb.h"
#include "model/errors.h"
#include "model/item_view.h"
#include "service/operation.h"
#include "storage/key_codec.h"

namespace pallet::service {
namespace {

constexpr char kNotFound[] = "Requested resource not found";

}  // namespace

absl::Status TableNotFound(absl::string_view name, absl::string_view message) {
  absl::Status status =
      model::MakeError(model::Reason::kResourceNotFound, message);
  google::rpc::ResourceInfo detail;
  detail.set_resource_type("table");
  detail.set_resource_name(std::string(name));
  AddDetail(detail, &status);
  return status;
}

absl::StatusOr<cluster::TablePtr> Router::Find(absl::string_view name) const {
  cluster::TablePtr table = host_->FindTable(name);
  if (table == nullptr) return TableNotFound(name, kNotFound);
  return table;
}

absl::Status Router::CheckStillThere(const cluster::Table& table) const {
  const cluster::TablePtr now = host_->FindTable(table.name);
  if (now != nullptr && now->id == table.id) return absl::OkStatus();
  return TableNotFound(table.name, kNotFound);
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
