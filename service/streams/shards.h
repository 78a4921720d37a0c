// SPDX-License-Identifier: Apache-2.0
//
// The shards of streams in their partitions: how they are opened and closed, and
// how they are read.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cluster/partition_host.h"
#include "cluster/partition_map.h"
#include "service/streams/stream_record.h"
#include "storage/store.h"

namespace pallet::service {

// Opens and closes the shards of the table as its streams say, durably, and
// brings its partitions to its schema version; those of a table that is gone to
// kGoneSchemaVersion. From then on each change is recorded in the stream that is
// open, and no change in one that is closed. Idempotent. An error leaves it
// undone in some of them. Waits for the stores.
absl::Status SettleStreams(cluster::PartitionHost& host,
                           const cluster::Table& table);

// An index is attached by a write of its own, which must come before any other
// that raises the schema version of a partition: kResourceInUse. In a decision.
absl::Status CheckIndexesAttached(const cluster::Table& table,
                                  const storage::WriteContext& context);

// nullopt: it is not opened yet.
absl::StatusOr<std::optional<Shard>> ReadShard(storage::ReadTransaction& rows,
                                               storage::PartitionId lineage,
                                               uint64_t stream);
absl::StatusOr<std::optional<Shard>> ReadShard(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    uint64_t stream);

// What is visible of a lineage: every change up to it.
absl::StatusOr<storage::ChangeSeq> HeadOf(
    cluster::PartitionHost& host, const cluster::TablePartition& partition);

struct ShardPage {
  // All records up to it have been read.
  storage::ChangeSeq through;
  bool more = false;  // behind `through` there are further ones
  // The shard is closed, and nothing is behind `through`.
  bool is_drained = false;
};

// Calls `visit` for the records behind `after` until it returns false: then that
// record is the last one. `after` 0 is the oldest one that is kept.
// kTrimmedDataAccess if records behind `after` are not kept any more.
absl::StatusOr<ShardPage> ReadStreamRecords(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    uint64_t stream, storage::ChangeSeq after,
    absl::FunctionRef<absl::StatusOr<bool>(storage::ChangeSeq,
                                           const StreamRecordView&)>
        visit);

absl::Status TrimmedDataAccess();

}  // namespace pallet::service
