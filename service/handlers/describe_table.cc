// SPDX-License-Identifier: Apache-2.0
//
// DescribeTable: what the catalog and the partitions say now.
#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/table_description.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

absl::StatusOr<std::string> DescribeTable(
    cluster::PartitionHost& host, IndexKeeper* indexes,
    const v1::DescribeTableRequest& request) {
  ASSIGN_OR_RETURN(const std::string name,
                   TableOfTableRequest(PALLET_OPTIONAL(request, table_name)));
  const cluster::TablePtr table = host.FindTable(name);
  if (table == nullptr) return DescribedTableNotFound(name);
  ASSIGN_OR_RETURN(const cluster::TableCounts counts, host.CountsOf(*table));
  v1::DescribeTableResponse response;
  *response.mutable_table() = Describe(*table, counts);
  RETURN_IF_ERROR(AddProgress(*table, indexes, response.mutable_table()));
  return response.SerializeAsString();
}

}  // namespace

void RegisterDescribeTable(const HandlerOptions& options,
                           OperationRegistry* registry) {
  registry->Add(
      "DescribeTable",
      Pooled<v1::DescribeTableRequest>(
          options.read_pool,
          [host = options.host, indexes = options.index_keeper](
              const v1::DescribeTableRequest& request, const CallContext&) {
            return DescribeTable(*host, indexes, request);
          }));
}

}  // namespace pallet::service
