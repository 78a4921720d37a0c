// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/handlers.h"

#include "base/status_macros.h"
#include "service/streams/shards.h"

namespace pallet::service {

void RegisterHandlers(const HandlerOptions& options,
                      OperationRegistry* registry) {
  RegisterBatchGetItem(options, registry);
  RegisterBatchWriteItem(options, registry);
  RegisterCreateTable(options, registry);
  RegisterDeleteItem(options, registry);
  RegisterDeleteTable(options, registry);
  RegisterDescribeEndpoints(options, registry);
  RegisterDescribeLimits(options, registry);
  RegisterDescribeStream(options, registry);
  RegisterDescribeTable(options, registry);
  RegisterDescribeTimeToLive(options, registry);
  RegisterGetItem(options, registry);
  RegisterGetRecords(options, registry);
  RegisterGetShardIterator(options, registry);
  RegisterListStreams(options, registry);
  RegisterListTables(options, registry);
  RegisterPutItem(options, registry);
  RegisterQuery(options, registry);
  RegisterScan(options, registry);
  RegisterTags(options, registry);
  if (options.transactions != nullptr) {
    RegisterTransactGetItems(options, registry);
    RegisterTransactWriteItems(options, registry);
  }
  RegisterUpdateIndexPropagation(options, registry);
  RegisterUpdateItem(options, registry);
  RegisterUpdateTable(options, registry);
  RegisterUpdateTimeToLive(options, registry);
  if (options.watches != nullptr) RegisterWatch(options, registry);
  RegisterBatchExecuteStatement(options, registry);
  RegisterExecuteStatement(options, registry);
  if (options.transactions != nullptr) {
    RegisterExecuteTransaction(options, registry);
  }
}

absl::StatusOr<cluster::TablePtr> KeepIndexes(const HandlerOptions& options,
                                              cluster::TablePtr table) {
  if (options.index_keeper == nullptr || table->schema_version == 0) {
    return table;
  }
  RETURN_IF_ERROR(options.index_keeper->TableChanged(table));
  cluster::TablePtr now = options.host->FindTable(table->name);
  return now != nullptr ? now : table;
}

absl::Status KeepStreams(const HandlerOptions& options,
                         const cluster::Table& table) {
  return SettleStreams(*options.host, table);
}

}  // namespace pallet::service
