// SPDX-License-Identifier: Apache-2.0
#include "service/expiry/expiry_backlog.h"

#include <algorithm>

#include "base/status_macros.h"
#include "model/expiry.h"

namespace pallet::service {
namespace {

uint64_t SecondsOf(absl::Time time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixSeconds(time)));
}

absl::Status Count(cluster::PartitionHost& host,
                   const cluster::TablePartition& partition,
                   const storage::SideRange& due, absl::Time now,
                   ExpiryBacklog* backlog) {
  return host.Read(
      partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        const auto cursor = rows.Cursor(due.begin, due.end);
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(due.begin));
        if (cursor->Valid()) {
          const auto first = absl::FromUnixSeconds(
              static_cast<int64_t>(storage::SecondsOfExpiryKey(cursor->key())));
          backlog->oldest = std::max(backlog->oldest, now - first);
        }
        for (uint64_t i = 0; cursor->Valid() && i < kMostDueCounted; ++i) {
          ++backlog->due;
          RETURN_IF_ERROR(cursor->Next());
        }
        return absl::OkStatus();
      });
}

}  // namespace

storage::SideRange DueExpiries(storage::PartitionId partition,
                               uint64_t time_to_live, absl::Time now) {
  return storage::ExpiriesOf(
      partition, time_to_live,
      SecondsOf(now - absl::Seconds(model::kExpirySecondsKept)),
      SecondsOf(now) + 1);
}

std::vector<ExpiryBacklog> ExpiryBacklogs(cluster::PartitionHost& host,
                                          absl::Time now) {
  std::vector<ExpiryBacklog> backlogs;
  const auto map = host.map();
  for (const cluster::TablePtr& table : map->tables()) {
    if (!table->time_to_live.has_value()) continue;
    ExpiryBacklog& backlog = backlogs.emplace_back();
    backlog.table = table->name;
    for (const cluster::TablePartition& partition : table->partitions) {
      // Its store may refuse, or the table be gone meanwhile.
      (void)Count(host, partition,
                  DueExpiries(partition.id, table->time_to_live->id, now), now,
                  &backlog);
    }
  }
  return backlogs;
}

}  // namespace pallet::service
