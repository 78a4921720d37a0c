// SPDX-License-Identifier: Apache-2.0
#include "service/streams/stream_names.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/errors.h"
#include "service/handlers/table_description.h"

namespace pallet::service {
namespace {

std::string LabelOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3S", time, absl::UTCTimeZone());
}

bool HasLabel(const cluster::Table& table, absl::string_view label) {
  for (const storage::v1::StreamRecord& stream : table.record->streams()) {
    if (stream.label() == label) return true;
  }
  return false;
}

void AddKept(const cluster::TablePtr& table, absl::Time now,
             absl::Duration retention, std::vector<TableStreamRef>* kept) {
  for (const storage::v1::StreamRecord& stream : table->record->streams()) {
    if (IsKept(stream, now, retention)) kept->push_back({table, &stream});
  }
}

}  // namespace

std::string TableStreamRef::arn() const {
  return StreamArn(table->name, record->label());
}

std::string StreamArn(absl::string_view table, absl::string_view label) {
  return absl::StrCat(TableArn(table), "/stream/", label);
}

std::string NewStreamLabel(const cluster::PartitionMap& map,
                           absl::string_view table, absl::Time now) {
  const cluster::TablePtr present = map.Find(table);
  while (true) {
    std::string label = LabelOf(now);
    bool is_taken = present != nullptr && HasLabel(*present, label);
    for (const cluster::TablePtr& gone : map.gone()) {
      is_taken = is_taken || (gone->name == table && HasLabel(*gone, label));
    }
    if (!is_taken) return label;
    now += absl::Milliseconds(1);
  }
}

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

bool IsKept(const storage::v1::StreamRecord& stream, absl::Time now,
            absl::Duration retention) {
  return !stream.has_closed() || now < TimeOf(stream.closed()) + retention;
}

std::vector<TableStreamRef> KeptStreams(const cluster::PartitionMap& map,
                                        absl::string_view table, absl::Time now,
                                        absl::Duration retention) {
  std::vector<TableStreamRef> kept;
  for (const cluster::TablePtr& each : map.tables()) {
    if (table.empty() || each->name == table) {
      AddKept(each, now, retention, &kept);
    }
  }
  for (const cluster::TablePtr& each : map.gone()) {
    if (table.empty() || each->name == table) {
      AddKept(each, now, retention, &kept);
    }
  }
  std::sort(kept.begin(), kept.end(),
            [](const TableStreamRef& a, const TableStreamRef& b) {
              return a.arn() < b.arn();
            });
  return kept;
}

absl::StatusOr<TableStreamRef> FindStream(const cluster::PartitionMap& map,
                                          absl::string_view arn, absl::Time now,
                                          absl::Duration retention) {
  constexpr absl::string_view kStream = "/stream/";
  const size_t at = arn.rfind(kStream);
  if (at == arn.npos) return StreamNotFound(arn);
  const absl::string_view table_arn = arn.substr(0, at);
  const absl::string_view name =
      table_arn.substr(std::min(table_arn.size(), TableArn("").size()));
  if (name.empty() || TableArn(name) != table_arn) return StreamNotFound(arn);
  const absl::string_view label = arn.substr(at + kStream.size());
  for (TableStreamRef& each : KeptStreams(map, name, now, retention)) {
    if (each.record->label() == label) return std::move(each);
  }
  return StreamNotFound(arn);
}

absl::Status StreamNotFound(absl::string_view arn) {
  return model::MakeError(model::Reason::kResourceNotFound,
                          absl::StrCat("Requested resource not found: Stream: ",
                                       arn, " not found"));
}

std::string ShardIdOf(storage::PartitionId lineage, uint64_t stream) {
  return absl::StrFormat("shardId-%020d-%08x", lineage.value(), stream);
}

const cluster::TablePartition* FindShard(const TableStreamRef& stream,
                                         absl::string_view shard_id) {
  for (const cluster::TablePartition& each : stream.table->partitions) {
    if (ShardIdOf(each.id, stream.id()) == shard_id) return &each;
  }
  return nullptr;
}

std::string SequenceNumberOf(storage::ChangeSeq seq) {
  return absl::StrFormat("%021d", seq.value());
}

absl::StatusOr<storage::ChangeSeq> ParseSequenceNumber(absl::string_view text) {
  uint64_t seq = 0;
  const bool is_number = std::all_of(
      text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_number && absl::SimpleAtoi(text, &seq) && seq < UINT64_MAX) {
    return storage::ChangeSeq(seq);
  }
  return model::ValidationError(absl::StrCat("Invalid SequenceNumber: ", text));
}

}  // namespace pallet::service
