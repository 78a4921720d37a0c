// SPDX-License-Identifier: Apache-2.0
//
// DescribeStream: a stream's state, and its shards in the order of their ids:
// one for each partition of the table. Partitions are not split yet, so no shard
// has a parent or children.
#include <algorithm>

#include "pallet/v1/change_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/handlers/table_description.h"
#include "service/streams/shards.h"
#include "service/streams/stream_names.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

constexpr int kMaxShards = 100;

absl::Status Validate(const v1::DescribeStreamRequest& request) {
  model::Constraints constraints;
  CheckPresent(request.has_stream_arn(), "streamArn", &constraints);
  if (request.has_stream_arn()) {
    constraints.CheckLength(request.stream_arn(), "streamArn", 37, 1024);
  }
  if (request.has_limit()) {
    CheckRange(request.limit(), 1, kMaxShards, "limit", &constraints);
  }
  if (request.has_exclusive_start_shard_id()) {
    constraints.CheckLength(request.exclusive_start_shard_id(),
                            "exclusiveStartShardId", 28, 65);
  }
  CheckEnum(EnumRule::kShardFilterType, request.shard_filter().type(),
            "shardFilter.type", &constraints);
  if (request.shard_filter().has_shard_id()) {
    constraints.CheckLength(request.shard_filter().shard_id(),
                            "shardFilter.shardId", 28, 65);
  }
  RETURN_IF_ERROR(constraints.ToStatus());
  if (!request.has_shard_filter()) return absl::OkStatus();
  const v1::ShardFilter& filter = request.shard_filter();
  if (filter.type() != v1::SHARD_FILTER_TYPE_UNSPECIFIED &&
      filter.has_shard_id()) {
    return absl::OkStatus();
  }
  return model::ValidationError("ShardFilter must have both Type and ShardId");
}

void Describe(const TableStreamRef& stream, v1::StreamDescription* out) {
  out->set_stream_arn(stream.arn());
  out->set_stream_label(stream.record->label());
  out->set_stream_view_type(
      static_cast<v1::StreamViewType>(stream.record->view()));
  *out->mutable_creation_request_date_time() = stream.record->created();
  out->set_table_name(stream.table->name);
  for (const auto& each : stream.table->record->key_schema()) {
    v1::KeySchemaElement* element = out->add_key_schema();
    element->set_attribute_name(each.name());
    element->set_key_type(static_cast<v1::KeyType>(each.role()));
  }
}

void Describe(const TableStreamRef& stream,
              const cluster::TablePartition& partition, const Shard& shard,
              v1::Shard* out) {
  out->set_shard_id(ShardIdOf(partition.id, stream.id()));
  v1::SequenceNumberRange* range = out->mutable_sequence_number_range();
  const storage::ChangeSeq first(shard.start.value() + 1);
  range->set_starting_sequence_number(SequenceNumberOf(first));
  if (!shard.end.has_value()) return;
  range->set_ending_sequence_number(
      SequenceNumberOf(std::max(first, *shard.end)));
}

absl::Status DescribeShards(const HandlerOptions& options,
                            const v1::DescribeStreamRequest& request,
                            const TableStreamRef& stream,
                            v1::StreamDescription* out) {
  const bool is_closed = stream.record->has_closed();
  const int limit = request.has_limit() ? request.limit() : kMaxShards;
  bool all_settled = true;
  std::vector<const cluster::TablePartition*> partitions;
  for (const auto& each : stream.table->partitions) partitions.push_back(&each);
  std::sort(partitions.begin(), partitions.end(),
            [](const auto* a, const auto* b) { return a->id < b->id; });
  for (const cluster::TablePartition* partition : partitions) {
    ASSIGN_OR_RETURN(const std::optional<Shard> shard,
                     ReadShard(*options.host, *partition, stream.id()));
    all_settled =
        all_settled && shard.has_value() && shard->end.has_value() == is_closed;
    if (!shard.has_value() || request.has_shard_filter()) continue;
    const std::string id = ShardIdOf(partition->id, stream.id());
    if (request.has_exclusive_start_shard_id() &&
        id <= request.exclusive_start_shard_id()) {
      continue;
    }
    if (out->shards_size() < limit) {
      Describe(stream, *partition, *shard, out->add_shards());
    } else {
      out->set_last_evaluated_shard_id(out->shards(limit - 1).shard_id());
    }
  }
  if (is_closed) {
    out->set_stream_status(all_settled ? v1::STREAM_STATUS_DISABLED
                                       : v1::STREAM_STATUS_DISABLING);
  } else {
    out->set_stream_status(all_settled ? v1::STREAM_STATUS_ENABLED
                                       : v1::STREAM_STATUS_ENABLING);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> DescribeStream(
    const HandlerOptions& options, const v1::DescribeStreamRequest& request) {
  RETURN_IF_ERROR(Validate(request));
  const auto map = options.host->map();
  ASSIGN_OR_RETURN(const TableStreamRef stream,
                   FindStream(*map, request.stream_arn(), options.clock->Now(),
                              options.stream_retention));
  v1::DescribeStreamResponse response;
  v1::StreamDescription* description = response.mutable_stream_description();
  Describe(stream, description);
  RETURN_IF_ERROR(DescribeShards(options, request, stream, description));
  return response.SerializeAsString();
}

}  // namespace

void RegisterDescribeStream(const HandlerOptions& options,
                            OperationRegistry* registry) {
  registry->Add(
      "DescribeStream",
      Pooled<v1::DescribeStreamRequest>(
          options.read_pool, [options](const v1::DescribeStreamRequest& request,
                                       const CallContext&) {
            return DescribeStream(options, request);
          }));
}

}  // namespace pallet::service
