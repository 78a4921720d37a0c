// SPDX-License-Identifier: Apache-2.0
//
// BatchWriteItem: up to 25 puts and deletes of different items. Those of one
// partition travel as one write; a partition whose queue is full leaves its
// share unprocessed.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "model/item_codec.h"
#include "pallet/wire/v1/batch.pb.h"
#include "service/capacity.h"
#include "service/handlers/batch.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/item_write.h"
#include "service/item_collections.h"
#include "service/position.h"
#include "service/router.h"
#include "service/throttling.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

constexpr int kMaxWrites = 25;

struct TableWrites {
  std::string request_name;
  std::string name;
  const wire::WriteRequestList* request = nullptr;
  std::vector<model::CanonicalItem> items;  // or keys, of deletes
  cluster::TablePtr table;
};

// The share of one partition.
struct PartitionWrites {
  const cluster::TablePartition* partition = nullptr;
  ItemWrite::Changes changes;
  std::vector<const wire::WriteRequest*> requests;   // of the changes
  std::vector<wire::ItemCollectionMetrics> metrics;  // if asked for
  std::vector<std::string> deleted;                  // keys, of the deletes
  std::string table_name;                            // as the request has it
  cluster::TablePtr table;
};

absl::Status CheckCounts(const wire::BatchWriteItemRequest& request) {
  if (request.request_items().empty()) {
    return model::ValidationError(
        "The requestItems parameter is required for BatchWriteItem");
  }
  int total = 0;
  for (const auto& [name, writes] : request.request_items()) {
    const int count = writes.requests_size();
    if (count == 0) {
      return model::ValidationError(
          "The batch write request list for a table cannot be null or empty");
    }
    if (count > kMaxWrites) {
      return model::ValidationError(absl::StrCat(
          "1 validation error detected: Value at 'RequestItems.", name,
          ".member' failed to satisfy constraint: Member must have length less "
          "than or equal to ",
          kMaxWrites));
    }
    total += count;
  }
  if (total > kMaxWrites) {
    return model::ValidationError(
        "Too many items requested for the BatchWriteItem call");
  }
  return absl::OkStatus();
}

absl::StatusOr<model::CanonicalItem> ItemOf(const wire::WriteRequest& write) {
  if (write.has_put_request() == write.has_delete_request()) {
    return model::ValidationError(
        "Supplied write request must contain exactly one of PutRequest and "
        "DeleteRequest");
  }
  if (write.has_delete_request()) {
    return model::CanonicalizeItem(write.delete_request().key());
  }
  ASSIGN_OR_RETURN(model::CanonicalItem item,
                   model::CanonicalizeItem(write.put_request().item()));
  RETURN_IF_ERROR(CheckItemSize(item.size));
  return item;
}

// Everything before the tables are looked up.
absl::StatusOr<std::vector<TableWrites>> Parse(
    const wire::BatchWriteItemRequest& request) {
  std::vector<TableWrites> tables;
  for (const auto& [name, writes] : request.request_items()) {
    TableWrites& table = tables.emplace_back();
    table.request_name = name;
    table.request = &writes;
    ASSIGN_OR_RETURN(table.name, TableOfItemRequest(&name));
  }
  RETURN_IF_ERROR(CheckCounts(request));
  RETURN_IF_ERROR(CheckBatchEnums(request));
  for (TableWrites& table : tables) {
    for (const wire::WriteRequest& write : table.request->requests()) {
      ASSIGN_OR_RETURN(table.items.emplace_back(), ItemOf(write));
    }
  }
  return tables;
}

using Shares = std::map<storage::PartitionId, PartitionWrites>;

absl::Status RouteTable(const Router& router, TableWrites& writes,
                        wire::ReturnItemCollectionMetrics metrics,
                        absl::flat_hash_set<std::string>* seen,
                        Shares* shares) {
  for (size_t i = 0; i < writes.items.size(); ++i) {
    const wire::WriteRequest& request =
        writes.request->requests(static_cast<int>(i));
    const bool put = request.has_put_request();
    model::CanonicalItem& item = writes.items[i];
    ASSIGN_OR_RETURN(Row row, put ? router.RowOfItem(*writes.table, item.bytes)
                                  : router.RowOfKey(*writes.table, item.bytes));
    if (put) {
      RETURN_IF_ERROR(
          CheckIndexKeys(*writes.table, item.bytes, model::IndexKeyUse::kPut));
    }
    if (!seen->insert(row.key).second) return DuplicateKeys();
    PartitionWrites& share = (*shares)[row.partition->id];
    share.partition = row.partition;
    share.table_name = writes.request_name;
    share.table = writes.table;
    share.requests.push_back(&request);
    if (WantsMetrics(metrics, *writes.table)) {
      share.metrics.push_back(
          MetricsOf(router.host(), *writes.table, *row.partition, item.bytes));
    }
    ItemChange change;
    change.row_key = std::move(row.key);
    if (put) {
      change.item = std::move(item);
    } else {
      share.deleted.push_back(std::move(item.bytes));
    }
    share.changes.push_back(std::move(change));
  }
  return absl::OkStatus();
}

absl::StatusOr<Shares> Route(const Router& router,
                             wire::ReturnItemCollectionMetrics metrics,
                             std::vector<TableWrites>* tables) {
  Shares shares;
  absl::flat_hash_set<std::string> seen;
  for (TableWrites& writes : *tables) {
    ASSIGN_OR_RETURN(writes.table, router.Find(writes.name));
  }
  for (TableWrites& writes : *tables) {
    RETURN_IF_ERROR(RouteTable(router, writes, metrics, &seen, &shares));
  }
  return shares;
}

// The batch under way: gathers what becomes of the shares and answers when the
// last one is known. Shared by the shares' writes.
class BatchWrite : public std::enable_shared_from_this<BatchWrite> {
 public:
  BatchWrite(wire::ReturnConsumedCapacity capacity, size_t shares, Reply reply)
      : capacity_(capacity), open_(shares), reply_(std::move(reply)) {}

  void Submit(const Router& router, PartitionWrites share,
              const CallContext& context) {
    absl::Status admitted = Admit(*share.table, UnitKind::kWrite);
    if (admitted.ok()) {
      admitted = router.CheckRoom(*share.table, share.partition->id);
    }
    if (!admitted.ok()) return Refused(share, admitted);
    for (ItemChange& change : share.changes) {
      change.reports_units = WantsCapacity(capacity_);
    }
    auto write = std::make_unique<ItemWrite>(
        &router.host(), share.table, share.partition->id,
        std::move(share.changes), context,
        [self = shared_from_this(), table = share.table_name,
         table_id = share.table->id, lineage = share.partition->id,
         metrics = std::move(share.metrics),
         deleted = std::move(share.deleted)](
            const absl::Status& status, const ItemWrite::Outcomes& outcomes,
            const ItemWrite::Changes& changes) {
          if (status.ok()) {
            self->AddPosition({table_id, lineage, outcomes.back().change_seq});
          }
          if (!status.ok() &&
              model::ReasonOf(status) == model::Reason::kTransactionConflict) {
            return self->Conflicted(table, status, changes, deleted);
          }
          self->Written(table, status, outcomes, metrics);
        });
    const absl::Status status =
        router.host().Submit(*share.partition, std::move(write));
    if (!status.ok()) Refused(share, status);
  }

 private:
  void AddPosition(const Position& position) {
    absl::MutexLock lock(&mutex_);
    response_.add_positions(EncodePosition(position));
  }

  void Written(const std::string& table, const absl::Status& status,
               const ItemWrite::Outcomes& outcomes,
               const std::vector<wire::ItemCollectionMetrics>& metrics) {
    {
      absl::MutexLock lock(&mutex_);
      if (status.ok()) {
        written_ = true;
        AddMetrics(table, metrics);
        for (const ItemOutcome& outcome : outcomes) {
          units_[table].Add(outcome.units);
        }
      } else {
        status_.Update(status);
      }
    }
    OneKnown();
  }

  // One of the items is part of a transaction; a repeat will not take long.
  void Conflicted(const std::string& table, const absl::Status& status,
                  const ItemWrite::Changes& changes,
                  const std::vector<std::string>& deleted) {
    {
      absl::MutexLock lock(&mutex_);
      throttled_ = status;
      auto& left = (*response_.mutable_unprocessed_items())[table];
      size_t deletes = 0;
      for (const ItemChange& change : changes) {
        wire::WriteRequest* const request = left.add_requests();
        if (change.item.has_value()) {
          request->mutable_put_request()->set_item(change.item->bytes);
        } else {
          request->mutable_delete_request()->set_key(deleted[deletes++]);
        }
      }
    }
    OneKnown();
  }

  void Refused(const PartitionWrites& share, const absl::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      if (IsThrottling(status)) {
        throttled_ = status;
        auto& left = (*response_.mutable_unprocessed_items())[share.table_name];
        for (const wire::WriteRequest* request : share.requests) {
          *left.add_requests() = *request;
        }
      } else {
        status_.Update(status);
      }
    }
    OneKnown();
  }

  void OneKnown() {
    absl::ReleasableMutexLock lock(&mutex_);
    if (--open_ > 0) return;
    if (status_.ok() && !written_) status_ = throttled_;
    if (status_.ok()) FillCapacity();
    lock.Release();
    // Nobody else is left: what the lock guarded is this thread's.
    Answer();
  }

  // One of each collection.
  void AddMetrics(const std::string& table,
                  const std::vector<wire::ItemCollectionMetrics>& metrics)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const wire::ItemCollectionMetrics& each : metrics) {
      if (!collections_.insert({table, each.item_collection_key()}).second) {
        continue;
      }
      *(*response_.mutable_item_collection_metrics())[table].add_metrics() =
          each;
    }
  }

  void FillCapacity() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!WantsCapacity(capacity_)) return;
    for (const auto& [table, units] : units_) {
      FillConsumedCapacity(capacity_, table, units,
                           response_.add_consumed_capacity());
    }
  }

  void Answer() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!status_.ok()) return reply_(status_);
    reply_(response_.SerializeAsString());
  }

  const wire::ReturnConsumedCapacity capacity_;
  absl::Mutex mutex_;
  size_t open_ ABSL_GUARDED_BY(mutex_);  // shares whose fate is not known
  bool written_ ABSL_GUARDED_BY(mutex_) = false;  // at least one share was
  absl::Status status_ ABSL_GUARDED_BY(mutex_);   // the first failure
  absl::Status throttled_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, UnitsByArm> units_ ABSL_GUARDED_BY(mutex_);  // by table
  // Of which there are metrics: table and key.
  std::set<std::pair<std::string, std::string>> collections_
      ABSL_GUARDED_BY(mutex_);
  wire::BatchWriteItemResponse response_ ABSL_GUARDED_BY(mutex_);
  Reply reply_;
};

absl::Status BatchWriteItem(const Router& router,
                            const wire::BatchWriteItemRequest& request,
                            const CallContext& context, Reply* reply) {
  ASSIGN_OR_RETURN(std::vector<TableWrites> tables, Parse(request));
  ASSIGN_OR_RETURN(
      Shares shares,
      Route(router, request.return_item_collection_metrics(), &tables));
  const auto batch = std::make_shared<BatchWrite>(
      request.return_consumed_capacity(), shares.size(), std::move(*reply));
  for (auto& [id, share] : shares) {
    batch->Submit(router, std::move(share), context);
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterBatchWriteItem(const HandlerOptions& options,
                            OperationRegistry* registry) {
  registry->Add("BatchWriteItem",
                Submitted<wire::BatchWriteItemRequest>(
                    [router = Router(options.host, options.index_keeper)](
                        const wire::BatchWriteItemRequest& request,
                        const CallContext& context, Reply reply) {
                      const absl::Status status =
                          BatchWriteItem(router, request, context, &reply);
                      if (!status.ok()) reply(status);
                    }));
}

}  // namespace pallet::service
