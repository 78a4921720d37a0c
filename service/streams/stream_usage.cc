// SPDX-License-Identifier: Apache-2.0
#include "service/streams/stream_usage.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/status_macros.h"
#include "service/streams/shards.h"
#include "service/streams/stream_record.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using storage::ChangeSeq;

absl::Status AddShard(cluster::PartitionHost& host,
                      const cluster::TablePartition& partition, uint64_t stream,
                      absl::Time now, StreamUsage* usage) {
  ASSIGN_OR_RETURN(const ChangeSeq head, HeadOf(host, partition));
  return host.Read(
      partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        ASSIGN_OR_RETURN(const std::optional<Shard> shard,
                         ReadShard(rows, partition.id, stream));
        if (!shard.has_value()) return absl::OkStatus();
        const ChangeSeq from = std::max(shard->start, shard->trimmed);
        const ChangeSeq to = shard->end.value_or(head);
        if (from < to) usage->records += to.value() - from.value();
        const storage::SideRange range =
            storage::StreamRecordsOf(partition.id, stream);
        const auto cursor = rows.Cursor(range.begin, range.end);
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(range.begin));
        if (!cursor->Valid()) return absl::OkStatus();
        ASSIGN_OR_RETURN(const StreamRecordView oldest,
                         DecodeStreamRecord(cursor->row().item));
        usage->oldest = std::max(usage->oldest, now - oldest.time);
        return absl::OkStatus();
      });
}

}  // namespace

std::vector<StreamUsage> StreamUsages(cluster::PartitionHost& host,
                                      absl::Time now) {
  std::map<std::string, StreamUsage> by_table;
  const auto map = host.map();
  for (const auto* tables : {&map->tables(), &map->gone()}) {
    for (const cluster::TablePtr& table : *tables) {
      if (table->streams.empty()) continue;
      StreamUsage& usage = by_table[table->name];
      usage.table = table->name;
      for (const cluster::TableStream& stream : table->streams) {
        for (const cluster::TablePartition& partition : table->partitions) {
          // Its store may refuse, or the table be gone meanwhile.
          (void)AddShard(host, partition, stream.id, now, &usage);
        }
      }
    }
  }
  std::vector<StreamUsage> usages;
  for (auto& [name, usage] : by_table) usages.push_back(std::move(usage));
  return usages;
}

}  // namespace pallet::service
