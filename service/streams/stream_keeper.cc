// SPDX-License-Identifier: Apache-2.0
#include "service/streams/stream_keeper.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/partition_rows.h"
#include "service/streams/shards.h"
#include "service/streams/stream_names.h"
#include "storage/partition_state.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using storage::ChangeSeq;
using storage::PartitionId;
using storage::v1::StreamRecord;
using storage::v1::TableRecord;

constexpr RowsAtOnce kAtOnce = {};
// Of the retention: so long after it a record may still be there.
constexpr int kRounds = 200;
constexpr absl::Duration kMostBetween = absl::Minutes(1);
constexpr absl::Duration kLeastBetween = absl::Milliseconds(100);

}  // namespace

StreamKeeper::StreamKeeper(const StreamKeeperOptions& options)
    : options_(options) {}

StreamKeeper::~StreamKeeper() { Stop(); }

void StreamKeeper::Start() {
  thread_ = Thread("streams", [this] { Work(); });
}

void StreamKeeper::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    wake_.SignalAll();
  }
  thread_.Join();
}

bool StreamKeeper::IsStopped() {
  absl::MutexLock lock(&mutex_);
  return stopped_;
}

void StreamKeeper::Work() {
  const absl::Duration between =
      std::clamp(options_.retention / kRounds, kLeastBetween, kMostBetween);
  while (!IsStopped()) {
    RunOnce();
    absl::MutexLock lock(&mutex_);
    if (!stopped_) wake_.WaitWithTimeout(&mutex_, between);
  }
}

void StreamKeeper::RunOnce() {
  const absl::Time now = options_.clock->Now();
  const auto map = options_.host->map();
  const auto note = [&](const cluster::Table& table,
                        const absl::Status& status) {
    // It was deleted meanwhile, or is told to stop.
    if (status.ok() || IsStopped() ||
        model::ReasonOf(status) == model::Reason::kResourceNotFound) {
      return;
    }
    options_.logger->Warning("stream.keeping_failed",
                             {{"table", table.name}, {"error", status}});
  };
  for (const cluster::TablePtr& table : map->tables()) {
    if (IsStopped()) return;
    if (!table->streams.empty()) note(*table, Keep(*table, now));
  }
  for (const cluster::TablePtr& table : map->gone()) {
    if (IsStopped()) return;
    note(*table, KeepGone(*table, now));
  }
}

absl::Status StreamKeeper::Keep(const cluster::Table& table, absl::Time now) {
  RETURN_IF_ERROR(SettleStreams(*options_.host, table));
  std::set<uint64_t> forgotten;
  for (const StreamRecord& stream : table.record->streams()) {
    if (!IsKept(stream, now, options_.retention)) {
      RETURN_IF_ERROR(Forget(table, stream.id()));
      forgotten.insert(stream.id());
      continue;
    }
    for (const cluster::TablePartition& partition : table.partitions) {
      RETURN_IF_ERROR(Trim(partition, stream.id(), now - options_.retention));
    }
  }
  if (forgotten.empty()) return absl::OkStatus();
  return options_.host
      ->UpdateTable(
          table.name,
          [&](TableRecord& record) {
            if (record.id() != table.id.value()) return absl::OkStatus();
            auto& streams = *record.mutable_streams();
            streams.erase(
                std::remove_if(streams.begin(), streams.end(),
                               [&](const StreamRecord& stream) {
                                 return forgotten.contains(stream.id());
                               }),
                streams.end());
            return absl::OkStatus();
          })
      .status();
}

absl::Status StreamKeeper::KeepGone(const cluster::Table& table,
                                    absl::Time now) {
  bool is_kept = false;
  for (const StreamRecord& stream : table.record->streams()) {
    is_kept = is_kept || IsKept(stream, now, options_.retention);
  }
  if (!is_kept) return options_.host->ForgetTable(table.id);
  RETURN_IF_ERROR(SettleStreams(*options_.host, table));
  for (const cluster::TablePartition& partition : table.partitions) {
    RETURN_IF_ERROR(DeleteItems(partition));
    for (const StreamRecord& stream : table.record->streams()) {
      RETURN_IF_ERROR(Trim(partition, stream.id(), now - options_.retention));
    }
  }
  return absl::OkStatus();
}

absl::Status StreamKeeper::Trim(const cluster::TablePartition& partition,
                                uint64_t stream, absl::Time until) {
  const storage::SideRange range =
      storage::StreamRecordsOf(partition.id, stream);
  while (!IsStopped()) {
    ASSIGN_OR_RETURN(
        const std::vector<std::string> keys,
        FirstKeys(*options_.host, partition, range, kAtOnce,
                  [&](const storage::RowView& row) -> absl::StatusOr<bool> {
                    ASSIGN_OR_RETURN(const StreamRecordView record,
                                     DecodeStreamRecord(row.item));
                    return record.time < until;
                  }));
    if (keys.empty()) return absl::OkStatus();
    const ChangeSeq last = storage::SeqOfStreamRecordKey(keys.back());
    RETURN_IF_ERROR(WriteAndWait(
        *options_.host, partition, BytesOf(keys),
        [&](storage::WriteContext& context) -> absl::Status {
          const std::string shard_key = storage::ShardKey(partition.id, stream);
          ASSIGN_OR_RETURN(const std::optional<storage::RowView> row,
                           context.Get(shard_key));
          if (!row.has_value()) return absl::OkStatus();
          ASSIGN_OR_RETURN(Shard shard, DecodeShard(row->item));
          shard.trimmed = std::max(shard.trimmed, last);
          for (const std::string& key : keys) context.DeleteSideRow(key);
          context.PutSideRow(shard_key, EncodeShard(shard));
          return absl::OkStatus();
        }));
    trimmed_.fetch_add(keys.size(), std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

absl::Status StreamKeeper::Forget(const cluster::Table& table,
                                  uint64_t stream) {
  for (const cluster::TablePartition& partition : table.partitions) {
    RETURN_IF_ERROR(Trim(partition, stream, absl::InfiniteFuture()));
    if (IsStopped()) return absl::CancelledError("told to stop");
    RETURN_IF_ERROR(WriteAndWait(
        *options_.host, partition, 64, [&](storage::WriteContext& context) {
          context.DeleteSideRow(storage::ShardKey(partition.id, stream));
          return absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

absl::Status StreamKeeper::DeleteItems(
    const cluster::TablePartition& partition) {
  ASSIGN_OR_RETURN(
      const storage::PartitionInfo info,
      options_.host->store(partition.store).Partition(partition.id));
  for (uint32_t ordinal = 0; ordinal <= info.index_count; ++ordinal) {
    const storage::SideRange range = {storage::FirstRowKey(info, ordinal),
                                      storage::EndRowKey(info, ordinal)};
    while (!IsStopped()) {
      ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                       FirstKeys(*options_.host, partition, range, kAtOnce));
      if (keys.empty()) break;
      RETURN_IF_ERROR(WriteAndWait(*options_.host, partition, BytesOf(keys),
                                   [&](storage::WriteContext& context) {
                                     for (const std::string& key : keys) {
                                       context.Delete(key);
                                     }
                                     return absl::OkStatus();
                                   }));
    }
  }
  return absl::OkStatus();
}

}  // namespace pallet::service
