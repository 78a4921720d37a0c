// SPDX-License-Identifier: Apache-2.0
#include "service/expiry/expiry_keeper.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "model/errors.h"
#include "model/expiry.h"
#include "model/item_view.h"
#include "service/expiry/expiry_backlog.h"
#include "service/expiry/expiry_rows.h"
#include "service/handlers/item_decision.h"
#include "service/handlers/item_effects.h"
#include "service/partition_rows.h"
#include "service/streams/shards.h"
#include "storage/partition_state.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using storage::PartitionId;
using storage::RowView;

// A million an hour are 278 a second.
constexpr absl::Duration kBetweenRounds = absl::Milliseconds(500);
// An item is deleted with its entries in indexes and a record in the stream.
constexpr RowsAtOnce kAtOnce = {.rows = 250};
constexpr RowsAtOnce kReadAtOnce = {.rows = 250, .bytes = size_t{4} << 20};

absl::StatusOr<std::optional<ExpiryPass>> PassIn(storage::RowReader& rows,
                                                 PartitionId partition,
                                                 uint64_t time_to_live) {
  ASSIGN_OR_RETURN(const std::optional<RowView> row,
                   rows.Get(storage::ExpiryPassKey(partition, time_to_live)));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(ExpiryPass pass, DecodeExpiryPass(row->item));
  return pass;
}

absl::StatusOr<std::optional<ExpiryPass>> ReadPass(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    uint64_t time_to_live) {
  std::optional<ExpiryPass> pass;
  RETURN_IF_ERROR(
      host.Read(partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        ASSIGN_OR_RETURN(pass, PassIn(rows, partition.id, time_to_live));
        return absl::OkStatus();
      }));
  return pass;
}

absl::Status SettlePartition(cluster::PartitionHost& host,
                             const cluster::Table& table,
                             const cluster::TablePartition& partition) {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   host.store(partition.store).Partition(partition.id));
  const uint64_t id =
      table.time_to_live.has_value() ? table.time_to_live->id : 0;
  if (info.schema_version >= table.schema_version) {
    if (id == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto pass, ReadPass(host, partition, id));
    if (pass.has_value()) return absl::OkStatus();
  }
  return WriteAndWait(
      host, partition, 64, [&](storage::WriteContext& context) -> absl::Status {
        RETURN_IF_ERROR(CheckIndexesAttached(table, context));
        ASSIGN_OR_RETURN(const auto pass, PassIn(context, partition.id, id));
        // Put again even if it is what it was: a new version wants a row. That
        // of no time to live at all is cleaned away.
        context.PutSideRow(storage::ExpiryPassKey(partition.id, id),
                           EncodeExpiryPass(pass.value_or(ExpiryPass())));
        if (table.schema_version > context.schema_version()) {
          context.SetSchemaVersion(table.schema_version);
        }
        return absl::OkStatus();
      });
}

// By one write.
struct Deleted {
  uint64_t items = 0;
  absl::Duration late = {};  // of all of them together
};

// Deletes the item if it has expired by now. `key` is that of its expiry.
absl::Status Expire(cluster::PartitionHost& host, const cluster::Table& table,
                    PartitionId partition, const std::string& key,
                    absl::Time now, storage::WriteContext& context,
                    Deleted* deleted) {
  const absl::string_view row_key = storage::RowOfExpiryKey(key);
  ASSIGN_OR_RETURN(const std::optional<RowView> row, context.Get(row_key));
  const std::optional<int64_t> expiry =
      row.has_value() ? model::ExpiryOf(model::ItemView(row->item),
                                        table.time_to_live->attribute)
                      : std::nullopt;
  const auto seconds = static_cast<int64_t>(storage::SecondsOfExpiryKey(key));
  if (!expiry.has_value() || *expiry != seconds) {
    context.DeleteSideRow(key);  // it has another one, or none
    return absl::OkStatus();
  }
  const bool is_locked = !CheckUnlocked(host, partition, row_key, context).ok();
  if (is_locked || !model::HasExpired(seconds, now)) return absl::OkStatus();
  ItemTransition transition = {.row_key = row_key, .by_service = true};
  transition.before = {row->item, row->item_size};
  RETURN_IF_ERROR(
      WriteItem(table, partition, transition, host.clock(), context).status());
  ++deleted->items;
  deleted->late += now - absl::FromUnixSeconds(seconds);
  return absl::OkStatus();
}

}  // namespace

absl::Status SettleTimeToLive(cluster::PartitionHost& host,
                              const cluster::Table& table) {
  // The version below makes them open: first what else comes with it.
  RETURN_IF_ERROR(SettleStreams(host, table));
  absl::Status result;
  for (const cluster::TablePartition& partition : table.partitions) {
    result.Update(SettlePartition(host, table, partition));
  }
  return result;
}

absl::StatusOr<std::optional<bool>> IsTimeToLiveComplete(
    cluster::PartitionHost& host, const cluster::Table& table) {
  if (!table.time_to_live.has_value()) return std::nullopt;
  for (const cluster::TablePartition& partition : table.partitions) {
    ASSIGN_OR_RETURN(const auto pass,
                     ReadPass(host, partition, table.time_to_live->id));
    if (!pass.has_value() || !pass->done) return std::optional<bool>(false);
  }
  return std::optional<bool>(true);
}

ExpiryKeeper::ExpiryKeeper(const ExpiryKeeperOptions& options)
    : options_(options), clock_guard_(options.clock) {}

ExpiryKeeper::~ExpiryKeeper() { Stop(); }

void ExpiryKeeper::Start() {
  thread_ = Thread("expiry", [this] { Work(); });
}

void ExpiryKeeper::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    wake_.SignalAll();
  }
  thread_.Join();
}

bool ExpiryKeeper::IsStopped() const {
  absl::MutexLock lock(&mutex_);
  return stopped_;
}

ExpiryKeeper::Metrics ExpiryKeeper::metrics() const {
  absl::MutexLock lock(&mutex_);
  return metrics_;
}

void ExpiryKeeper::Work() {
  while (!IsStopped()) {
    RunOnce();
    absl::MutexLock lock(&mutex_);
    if (!stopped_) wake_.WaitWithTimeout(&mutex_, kBetweenRounds);
  }
}

void ExpiryKeeper::RunOnce() {
  const std::optional<absl::Time> now = clock_guard_.Now();
  bool was_in_doubt = false;
  {
    absl::MutexLock lock(&mutex_);
    was_in_doubt = metrics_.clock_in_doubt;
    metrics_.clock_in_doubt = !now.has_value();
  }
  if (!now.has_value() && !was_in_doubt) {
    options_.logger->Warning(
        "expiry.clock_was_set",
        {{"time", absl::FormatTime(options_.clock->Now())},
         {"why", "nothing expires until it has kept its time for a while"}});
  }
  const auto map = options_.host->map();
  for (const cluster::TablePtr& table : map->tables()) {
    if (IsStopped()) return;
    if (table->schema_version == 0) continue;  // never had a time to live
    const absl::Status status = Keep(*table, now);
    // It was deleted meanwhile, or is told to stop.
    if (status.ok() || IsStopped() ||
        model::ReasonOf(status) == model::Reason::kResourceNotFound) {
      continue;
    }
    options_.logger->Warning("expiry.failed",
                             {{"table", table->name}, {"error", status}});
  }
}

absl::Status ExpiryKeeper::Keep(const cluster::Table& table,
                                std::optional<absl::Time> now) {
  if (table.time_to_live.has_value()) {
    RETURN_IF_ERROR(SettleTimeToLive(*options_.host, table));
  }
  const uint64_t kept =
      table.time_to_live.has_value() ? table.time_to_live->id : 0;
  for (const cluster::TablePartition& partition : table.partitions) {
    RETURN_IF_ERROR(Clean(partition, kept));
    if (kept == 0) continue;
    if (now.has_value()) RETURN_IF_ERROR(Sweep(table, partition, *now));
    RETURN_IF_ERROR(RunPass(table, partition));
  }
  return absl::OkStatus();
}

absl::Status ExpiryKeeper::RunPass(const cluster::Table& table,
                                   const cluster::TablePartition& partition) {
  cluster::PartitionHost& host = *options_.host;
  const uint64_t id = table.time_to_live->id;
  ASSIGN_OR_RETURN(auto pass, ReadPass(host, partition, id));
  if (!pass.has_value() || pass->done) return absl::OkStatus();
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   host.store(partition.store).Partition(partition.id));
  const std::string end = storage::EndRowKey(info, 0);
  while (!pass->done && !IsStopped()) {
    const std::string begin = pass->next_row_key.empty()
                                  ? storage::FirstRowKey(info, 0)
                                  : pass->next_row_key;
    std::vector<std::string> keys;  // of items that expire
    RETURN_IF_ERROR(host.Read(
        partition, [&](storage::ReadTransaction& rows) -> absl::Status {
          const auto cursor = rows.Cursor(begin, end);
          RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
          size_t bytes = 0;
          while (cursor->Valid() && keys.size() < kReadAtOnce.rows &&
                 bytes < kReadAtOnce.bytes) {
            const absl::string_view item = cursor->row().item;
            bytes += cursor->key().size() + item.size();
            if (model::ExpiryOf(model::ItemView(item),
                                table.time_to_live->attribute)
                    .has_value()) {
              keys.emplace_back(cursor->key());
            }
            RETURN_IF_ERROR(cursor->Next());
          }
          pass->done = !cursor->Valid();
          pass->next_row_key =
              pass->done ? std::string() : std::string(cursor->key());
          return absl::OkStatus();
        }));
    RETURN_IF_ERROR(WriteAndWait(
        host, partition, BytesOf(keys),
        [&](storage::WriteContext& context) -> absl::Status {
          for (const std::string& key : keys) {
            ASSIGN_OR_RETURN(const std::optional<RowView> row,
                             context.Get(key));
            if (!row.has_value()) continue;
            const auto expiry = model::ExpiryOf(model::ItemView(row->item),
                                                table.time_to_live->attribute);
            if (!expiry.has_value()) continue;
            context.PutSideRow(
                storage::ExpiryKey(partition.id, id,
                                   static_cast<uint64_t>(*expiry), key),
                EncodeExpiry());
          }
          context.PutSideRow(storage::ExpiryPassKey(partition.id, id),
                             EncodeExpiryPass(*pass));
          return absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

absl::Status ExpiryKeeper::Sweep(const cluster::Table& table,
                                 const cluster::TablePartition& partition,
                                 absl::Time now) {
  cluster::PartitionHost& host = *options_.host;
  storage::SideRange due =
      DueExpiries(partition.id, table.time_to_live->id, now);
  while (!IsStopped()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                     FirstKeys(host, partition, due, kAtOnce));
    if (keys.empty()) return absl::OkStatus();
    Deleted deleted;
    RETURN_IF_ERROR(WriteAndWait(
        host, partition, BytesOf(keys),
        [&](storage::WriteContext& context) -> absl::Status {
          deleted = {};
          // It may have another time to live by now, or none.
          const cluster::TablePtr table_now = host.FindTable(table.name);
          if (table_now == nullptr || table_now->id != table.id ||
              !table_now->time_to_live.has_value() ||
              table_now->time_to_live->id != table.time_to_live->id) {
            return absl::OkStatus();
          }
          for (const std::string& key : keys) {
            RETURN_IF_ERROR(Expire(host, *table_now, partition.id, key, now,
                                   context, &deleted));
          }
          return absl::OkStatus();
        }));
    {
      absl::MutexLock lock(&mutex_);
      metrics_.deleted += deleted.items;
      metrics_.late += deleted.late;
    }
    // What was left alone is looked at in the next round.
    due.begin = keys.back() + '\0';
  }
  return absl::OkStatus();
}

absl::Status ExpiryKeeper::Clean(const cluster::TablePartition& partition,
                                 uint64_t kept) {
  const storage::SideRange all = storage::AllExpiriesOf(partition.id);
  // Those before it and those behind it.
  const std::string begin = storage::ExpiryPassKey(partition.id, kept);
  const std::string end = storage::ExpiryPassKey(partition.id, kept + 1);
  std::vector<storage::SideRange> left_over = {{all.begin, begin},
                                               {end, all.end}};
  if (kept == 0) left_over = {all};
  for (const storage::SideRange& range : left_over) {
    while (!IsStopped()) {
      ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                       FirstKeys(*options_.host, partition, range, kAtOnce));
      if (keys.empty()) break;
      RETURN_IF_ERROR(WriteAndWait(*options_.host, partition, BytesOf(keys),
                                   [&](storage::WriteContext& context) {
                                     for (const std::string& key : keys) {
                                       context.DeleteSideRow(key);
                                     }
                                     return absl::OkStatus();
                                   }));
    }
  }
  return absl::OkStatus();
}

}  // namespace pallet::service
