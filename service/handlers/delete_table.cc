// SPDX-License-Identifier: Apache-2.0
//
// DeleteTable: the name is free when it answers; rows go in the background, and
// what its streams have goes when it is too old.
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/table_description.h"
#include "service/streams/shards.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

absl::Status CheckUnprotected(const storage::v1::TableRecord& record) {
  if (!record.deletion_protection()) return absl::OkStatus();
  return model::ValidationError(
      "Resource cannot be deleted as it is currently protected against "
      "deletion. Disable deletion protection first.");
}

absl::StatusOr<std::string> DeleteTable(const HandlerOptions& options,
                                        const v1::DeleteTableRequest& request) {
  cluster::PartitionHost& host = *options.host;
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfTableRequest(PALLET_OPTIONAL(request, table_name)));
  const cluster::TablePtr found = host.FindTable(name);
  if (found == nullptr) return DescribedTableNotFound(name);
  RETURN_IF_ERROR(CheckUnprotected(*found->record));
  ASSIGN_OR_RETURN(const cluster::TableCounts counts, host.CountsOf(*found));
  // Somebody may have changed it in between: it is asked again inside.
  ASSIGN_OR_RETURN(const cluster::TablePtr table,
                   host.DeleteTable(name, CheckUnprotected));
  if (options.index_keeper != nullptr && table->schema_version > 0) {
    options.index_keeper->TableGone(*table);
  }
  const auto map = host.map();
  for (const cluster::TablePtr& gone : map->gone()) {
    // What it leaves undone, the keeper of streams does later.
    if (gone->id == table->id) (void)SettleStreams(host, *gone);
  }
  v1::DeleteTableResponse response;
  *response.mutable_table_description() = Describe(*table, counts);
  response.mutable_table_description()->set_table_status(
      v1::TABLE_STATUS_DELETING);
  return response.SerializeAsString();
}

}  // namespace

void RegisterDeleteTable(const HandlerOptions& options,
                         OperationRegistry* registry) {
  registry->Add(
      "DeleteTable",
      Pooled<v1::DeleteTableRequest>(
          options.control,
          [options](const v1::DeleteTableRequest& request, const CallContext&) {
            return DeleteTable(options, request);
          }));
}

}  // namespace pallet::service
