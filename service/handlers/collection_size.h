// SPDX-License-Identifier: Apache-2.0
//
// How large the item collections of tables with local indexes are: the items of
// a partition key value and their entries in all local indexes, by DynamoDB's
// rule of sizes. A side row of the partition (storage/side_rows.h) that moves
// with each write that changes it, in the same log record.
//
//   row := 0x01 | bytes u64, big endian
//
// Tables made before sizes were kept have none: cluster::Table says which do.
// On the store's thread, inside a decision, unless said otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_map.h"
#include "service/handlers/index_rows.h"
#include "storage/store.h"

namespace pallet::service {

inline constexpr uint64_t kMaxCollectionBytes = uint64_t{10} << 30;  // 10 GB

// OK, or kItemCollectionSizeLimitExceeded if the collection would grow beyond
// kMaxCollectionBytes. What makes it no larger is always allowed. A transaction
// may go beyond it by what it writes there itself.
absl::Status CheckCollectionRoom(const cluster::Table& table,
                                 storage::PartitionId partition,
                                 absl::string_view row_key,
                                 const std::optional<ItemImage>& before,
                                 const std::optional<ItemImage>& after,
                                 storage::RowReader& rows);

// Notes that the collection of that item has grown by so much.
absl::Status AddToCollection(const cluster::Table& table,
                             storage::PartitionId partition,
                             absl::string_view row_key, int64_t bytes,
                             storage::WriteContext& context);

// nullopt if the table keeps no sizes. Any thread, with rows of any kind.
absl::StatusOr<std::optional<uint64_t>> CollectionBytes(
    const cluster::Table& table, storage::PartitionId partition,
    absl::string_view row_key, storage::RowReader& rows);

}  // namespace pallet::service
