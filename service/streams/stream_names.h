// SPDX-License-Identifier: Apache-2.0
//
// How streams and their shards are named, and which there are. A stream's ARN is
// that of its table with "/stream/<label>" behind it, and the label the time of
// its creation. A shard id names partition and stream:
//
//   shardId-<partition, 20 digits>-<stream, 8 hex digits>
//
// Pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cluster/partition_map.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "storage/ids.h"

namespace pallet::service {

// A stream and the table it belongs to, which may be gone.
struct TableStreamRef {
  cluster::TablePtr table;
  const storage::v1::StreamRecord* record = nullptr;  // in the table

  uint64_t id() const { return record->id(); }
  std::string arn() const;
};

// arn:aws:dynamodb:<region>:<account>:table/<name>/stream/<label>
std::string StreamArn(absl::string_view table, absl::string_view label);

// The label of a stream that is opened now: another one than those of all
// streams of tables of that name.
std::string NewStreamLabel(const cluster::PartitionMap& map,
                           absl::string_view table, absl::Time now);

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp);

// Whether it can be read still: it is open, or was closed not so long ago.
bool IsKept(const storage::v1::StreamRecord& stream, absl::Time now,
            absl::Duration retention);

// All that are kept, sorted by ARN. An empty name: those of all tables.
std::vector<TableStreamRef> KeptStreams(const cluster::PartitionMap& map,
                                        absl::string_view table, absl::Time now,
                                        absl::Duration retention);

// kResourceNotFound if there is none that is kept.
absl::StatusOr<TableStreamRef> FindStream(const cluster::PartitionMap& map,
                                          absl::string_view arn, absl::Time now,
                                          absl::Duration retention);
absl::Status StreamNotFound(absl::string_view arn);

std::string ShardIdOf(storage::PartitionId lineage, uint64_t stream);
// Null if the stream has no such shard.
const cluster::TablePartition* FindShard(const TableStreamRef& stream,
                                         absl::string_view shard_id);

// A change seq as 21 digits.
std::string SequenceNumberOf(storage::ChangeSeq seq);
// kValidation if it is none that a record has had. REQUIRES: 21..40 characters.
absl::StatusOr<storage::ChangeSeq> ParseSequenceNumber(absl::string_view text);

}  // namespace pallet::service
