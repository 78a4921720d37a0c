// SPDX-License-Identifier: Apache-2.0
#include "service/partition_rows.h"

#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/status_macros.h"

namespace pallet::service {

absl::Status WriteAndWait(cluster::PartitionHost& host,
                          const cluster::TablePartition& partition,
                          size_t bytes, FunctionWrite::Decision decide) {
  absl::Notification done;
  absl::Status result;
  RETURN_IF_ERROR(host.Submit(
      partition,
      std::make_unique<FunctionWrite>(partition.id, bytes, std::move(decide),
                                      [&](const absl::Status& status) {
                                        result = status;
                                        done.Notify();
                                      })));
  done.WaitForNotification();
  return result;
}

absl::StatusOr<std::vector<std::string>> FirstKeys(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    const storage::SideRange& range, const RowsAtOnce& most,
    absl::FunctionRef<absl::StatusOr<bool>(const storage::RowView&)> take) {
  std::vector<std::string> keys;
  size_t bytes = 0;
  RETURN_IF_ERROR(
      host.Read(partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        const auto cursor = rows.Cursor(range.begin, range.end);
        RETURN_IF_ERROR(cursor->SeekAtOrAfter(range.begin));
        while (cursor->Valid() && keys.size() < most.rows &&
               bytes < most.bytes) {
          ASSIGN_OR_RETURN(const bool taken, take(cursor->row()));
          if (!taken) break;
          keys.emplace_back(cursor->key());
          bytes += cursor->row().item.size();
          RETURN_IF_ERROR(cursor->Next());
        }
        return absl::OkStatus();
      }));
  return keys;
}

size_t BytesOf(const std::vector<std::string>& keys) {
  size_t bytes = 0;
  for (const std::string& key : keys) bytes += key.size();
  return bytes;
}

}  // namespace pallet::service
