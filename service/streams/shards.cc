// SPDX-License-Identifier: Apache-2.0
#include "service/streams/shards.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/partition_rows.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using storage::ChangeSeq;
using storage::PartitionId;

bool IsGone(const cluster::Table& table) {
  return table.record->state() == storage::v1::TABLE_STATE_GONE;
}

uint64_t VersionOf(const cluster::Table& table) {
  return IsGone(table) ? cluster::kGoneSchemaVersion : table.schema_version;
}

bool IsClosed(const cluster::TableStream& stream) {
  return stream.closed_version != UINT64_MAX;
}

absl::StatusOr<std::optional<Shard>> ShardIn(storage::RowReader& rows,
                                             PartitionId lineage,
                                             uint64_t stream) {
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> row,
                   rows.Get(storage::ShardKey(lineage, stream)));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const Shard shard, DecodeShard(row->item));
  return shard;
}

// Whether the shard is as the stream says.
bool IsSettled(const cluster::TableStream& stream,
               const std::optional<Shard>& shard) {
  return shard.has_value() && shard->end.has_value() == IsClosed(stream);
}

absl::StatusOr<bool> IsSettled(cluster::PartitionHost& host,
                               const cluster::Table& table,
                               const cluster::TablePartition& partition) {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   host.store(partition.store).Partition(partition.id));
  if (IsGone(table) && info.schema_version != cluster::kGoneSchemaVersion) {
    return false;
  }
  bool settled = true;
  RETURN_IF_ERROR(
      host.Read(partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        for (const cluster::TableStream& stream : table.streams) {
          ASSIGN_OR_RETURN(const std::optional<Shard> shard,
                           ShardIn(rows, partition.id, stream.id));
          settled = settled && IsSettled(stream, shard);
        }
        return absl::OkStatus();
      }));
  return settled;
}

// In the decision of a write of the partition.
absl::Status Settle(const cluster::Table& table, PartitionId partition,
                    storage::WriteContext& context) {
  RETURN_IF_ERROR(CheckIndexesAttached(table, context));
  const ChangeSeq head(context.change_seq().value() - 1);
  for (const cluster::TableStream& stream : table.streams) {
    ASSIGN_OR_RETURN(std::optional<Shard> shard,
                     ShardIn(context, partition, stream.id));
    if (!shard.has_value()) shard = Shard{head};
    if (IsClosed(stream) && !shard->end.has_value()) shard->end = head;
    // Put again even if it is what it was: a new version wants a row.
    context.PutSideRow(storage::ShardKey(partition, stream.id),
                       EncodeShard(*shard));
  }
  const uint64_t version = VersionOf(table);
  if (version > context.schema_version()) context.SetSchemaVersion(version);
  return absl::OkStatus();
}

absl::Status SettlePartition(cluster::PartitionHost& host,
                             const cluster::Table& table,
                             const cluster::TablePartition& partition) {
  ASSIGN_OR_RETURN(const bool settled, IsSettled(host, table, partition));
  if (settled) return absl::OkStatus();
  return WriteAndWait(host, partition, 256,
                      [&](storage::WriteContext& context) {
                        return Settle(table, partition.id, context);
                      });
}

}  // namespace

absl::Status CheckIndexesAttached(const cluster::Table& table,
                                  const storage::WriteContext& context) {
  for (const cluster::GlobalIndex& index : table.global_indexes) {
    if (context.schema_version() >= index.schema_version) continue;
    return model::MakeError(
        model::Reason::kResourceInUse,
        absl::StrCat("an index of table ", table.name, " is not attached yet"));
  }
  return absl::OkStatus();
}

absl::Status SettleStreams(cluster::PartitionHost& host,
                           const cluster::Table& table) {
  if (table.streams.empty()) return absl::OkStatus();
  absl::Status result;
  for (const cluster::TablePartition& partition : table.partitions) {
    result.Update(SettlePartition(host, table, partition));
  }
  return result;
}

absl::StatusOr<std::optional<Shard>> ReadShard(storage::ReadTransaction& rows,
                                               PartitionId lineage,
                                               uint64_t stream) {
  return ShardIn(rows, lineage, stream);
}

absl::StatusOr<std::optional<Shard>> ReadShard(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    uint64_t stream) {
  std::optional<Shard> shard;
  RETURN_IF_ERROR(
      host.Read(partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        ASSIGN_OR_RETURN(shard, ShardIn(rows, partition.id, stream));
        return absl::OkStatus();
      }));
  return shard;
}

absl::StatusOr<ChangeSeq> HeadOf(cluster::PartitionHost& host,
                                 const cluster::TablePartition& partition) {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   host.store(partition.store).Partition(partition.id));
  return info.change_seq;
}

absl::StatusOr<ShardPage> ReadStreamRecords(
    cluster::PartitionHost& host, const cluster::TablePartition& partition,
    uint64_t stream, ChangeSeq after,
    absl::FunctionRef<absl::StatusOr<bool>(ChangeSeq, const StreamRecordView&)>
        visit) {
  // Before the transaction: it sees all up to the head, and maybe more.
  ASSIGN_OR_RETURN(const ChangeSeq head, HeadOf(host, partition));
  ShardPage page;
  page.through = after;
  const auto read = [&](storage::ReadTransaction& rows) -> absl::Status {
    ASSIGN_OR_RETURN(const std::optional<Shard> shard,
                     ShardIn(rows, partition.id, stream));
    if (!shard.has_value()) return absl::OkStatus();
    if (after > ChangeSeq(0) && after < shard->trimmed) {
      return TrimmedDataAccess();
    }
    const ChangeSeq from = std::max(after, shard->trimmed);
    page.through = from;
    const std::string begin = storage::StreamRecordKey(
        partition.id, stream, ChangeSeq(from.value() + 1));
    const std::string end =
        shard->end.has_value()
            ? storage::StreamRecordKey(partition.id, stream,
                                       ChangeSeq(shard->end->value() + 1))
            : storage::StreamRecordsOf(partition.id, stream).end;
    bool goes_on = true;
    if (begin < end) {
      const auto cursor = rows.Cursor(begin, end);
      RETURN_IF_ERROR(cursor->SeekAtOrAfter(begin));
      while (cursor->Valid() && goes_on) {
        ASSIGN_OR_RETURN(const StreamRecordView record,
                         DecodeStreamRecord(cursor->row().item));
        page.through = storage::SeqOfStreamRecordKey(cursor->key());
        ASSIGN_OR_RETURN(goes_on, visit(page.through, record));
        RETURN_IF_ERROR(cursor->Next());
      }
      page.more = cursor->Valid();
    }
    if (page.more) return absl::OkStatus();
    page.is_drained = shard->end.has_value();
    page.through = std::max(page.through, shard->end.value_or(head));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(host.Read(partition, read));
  return page;
}

absl::Status TrimmedDataAccess() {
  return model::MakeError(
      model::Reason::kTrimmedDataAccess,
      "The operation attempted to read past the oldest stream record in a "
      "shard: it has been trimmed");
}

}  // namespace pallet::service
