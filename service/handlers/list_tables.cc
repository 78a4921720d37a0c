// SPDX-License-Identifier: Apache-2.0
//
// ListTables: names in the order of their bytes, from one snapshot of the map
// per page.
#include <algorithm>

#include "pallet/v1/table_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

constexpr int kMaxNames = 100;

absl::Status Validate(const v1::ListTablesRequest& request) {
  model::Constraints constraints;
  if (request.has_exclusive_start_table_name()) {
    CheckName(request.exclusive_start_table_name(), "exclusiveStartTableName",
              &constraints);
  }
  if (request.has_limit()) {
    CheckRange(request.limit(), 1, kMaxNames, "limit", &constraints);
  }
  return constraints.ToStatus();
}

absl::StatusOr<std::string> ListTables(const cluster::PartitionHost& host,
                                       const v1::ListTablesRequest& request) {
  RETURN_IF_ERROR(Validate(request));
  const std::shared_ptr<const cluster::PartitionMap> map = host.map();
  const auto& tables = map->tables();
  const int limit = request.has_limit() ? request.limit() : kMaxNames;
  // The service's own come last.
  const auto end = std::partition_point(
      tables.begin(), tables.end(), [](const cluster::TablePtr& each) {
        return !cluster::IsSystemTable(each->name);
      });
  auto table = tables.begin();
  if (request.has_exclusive_start_table_name()) {
    table = std::upper_bound(
        tables.begin(), end, request.exclusive_start_table_name(),
        [](const std::string& name, const cluster::TablePtr& each) {
          return name < each->name;
        });
  }
  v1::ListTablesResponse response;
  for (; table != end && response.table_names_size() < limit; ++table) {
    response.add_table_names((*table)->name);
  }
  if (table != end) {
    response.set_last_evaluated_table_name(
        response.table_names(response.table_names_size() - 1));
  }
  return response.SerializeAsString();
}

}  // namespace

void RegisterListTables(const HandlerOptions& options,
                        OperationRegistry* registry) {
  registry->Add("ListTables",
                Inline<v1::ListTablesRequest>(
                    [host = options.host](const v1::ListTablesRequest& request,
                                          const CallContext&) {
                      return ListTables(*host, request);
                    }));
}

}  // namespace pallet::service
