// SPDX-License-Identifier: Apache-2.0
//
// The operations, one file each, and what they need.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "cluster/partition_host.h"
#include "model/schema.h"
#include "service/expression_cache.h"
#include "service/index_keeper.h"
#include "service/operation.h"

namespace pallet::service {

class Transactions;
class WatchHub;

// All outlive the registry and every call.
struct HandlerOptions {
  Clock* clock = Clock::Real();
  cluster::PartitionHost* host = nullptr;
  Executor* read_pool = nullptr;  // queries, scans, batches of reads
  Executor* control = nullptr;    // changes of tables
  // Null: global indexes stay CREATING.
  IndexKeeper* index_keeper = nullptr;
  // Null: there are no transactions, and no writes with tokens.
  Transactions* transactions = nullptr;
  size_t max_global_indexes = model::kMaxGlobalIndexes;  // of a table
  // Null: there is no Watch.
  WatchHub* watches = nullptr;
  // How long streams are kept when they are closed.
  absl::Duration stream_retention = absl::Hours(24);
  // Shared by the handlers, which keep it.
  std::shared_ptr<ExpressionCache> expressions =
      std::make_shared<ExpressionCache>();
  // Where clients connect: "host:port". Null: DescribeEndpoints tells the
  // address a client came by, or none.
  std::function<std::string()> endpoint = {};
};

// Adds every operation this version has.
void RegisterHandlers(const HandlerOptions& options,
                      OperationRegistry* registry);

// Tells the index keeper of a table that was made or changed. Returns it as it is
// then.
absl::StatusOr<cluster::TablePtr> KeepIndexes(const HandlerOptions& options,
                                              cluster::TablePtr table);

// Opens and closes shards of a table that was made or changed.
absl::Status KeepStreams(const HandlerOptions& options,
                         const cluster::Table& table);

void RegisterBatchGetItem(const HandlerOptions&, OperationRegistry*);
void RegisterBatchWriteItem(const HandlerOptions&, OperationRegistry*);
void RegisterCreateTable(const HandlerOptions&, OperationRegistry*);
void RegisterDeleteItem(const HandlerOptions&, OperationRegistry*);
void RegisterDeleteTable(const HandlerOptions&, OperationRegistry*);
void RegisterDescribeEndpoints(const HandlerOptions&, OperationRegistry*);
void RegisterDescribeLimits(const HandlerOptions&, OperationRegistry*);
void RegisterDescribeStream(const HandlerOptions&, OperationRegistry*);
void RegisterDescribeTable(const HandlerOptions&, OperationRegistry*);
// They run the operations that are registered already.
void RegisterBatchExecuteStatement(const HandlerOptions&, OperationRegistry*);
void RegisterExecuteStatement(const HandlerOptions&, OperationRegistry*);
void RegisterExecuteTransaction(const HandlerOptions&, OperationRegistry*);
void RegisterDescribeTimeToLive(const HandlerOptions&, OperationRegistry*);
void RegisterGetItem(const HandlerOptions&, OperationRegistry*);
void RegisterGetRecords(const HandlerOptions&, OperationRegistry*);
void RegisterGetShardIterator(const HandlerOptions&, OperationRegistry*);
void RegisterListStreams(const HandlerOptions&, OperationRegistry*);
void RegisterListTables(const HandlerOptions&, OperationRegistry*);
void RegisterPutItem(const HandlerOptions&, OperationRegistry*);
void RegisterQuery(const HandlerOptions&,
                   OperationRegistry*);                        // and its stream
void RegisterScan(const HandlerOptions&, OperationRegistry*);  // and its stream
// TagResource, UntagResource and ListTagsOfResource.
void RegisterTags(const HandlerOptions&, OperationRegistry*);
void RegisterTransactGetItems(const HandlerOptions&, OperationRegistry*);
void RegisterTransactWriteItems(const HandlerOptions&, OperationRegistry*);
void RegisterUpdateIndexPropagation(const HandlerOptions&, OperationRegistry*);
void RegisterUpdateItem(const HandlerOptions&, OperationRegistry*);
void RegisterUpdateTable(const HandlerOptions&, OperationRegistry*);
void RegisterUpdateTimeToLive(const HandlerOptions&, OperationRegistry*);

void RegisterWatch(const HandlerOptions&, OperationRegistry*);

}  // namespace pallet::service
