// SPDX-License-Identifier: Apache-2.0
//
// GetShardIterator: a place in a shard of a stream.
#include "absl/strings/str_cat.h"
#include "pallet/v1/change_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/streams/shard_iterator.h"
#include "service/streams/shards.h"
#include "service/streams/stream_names.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::ChangeSeq;

bool IsByNumber(v1::ShardIteratorType type) {
  return type == v1::SHARD_ITERATOR_TYPE_AT_SEQUENCE_NUMBER ||
         type == v1::SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER;
}

absl::Status Validate(const v1::GetShardIteratorRequest& request) {
  model::Constraints constraints;
  CheckPresent(request.has_stream_arn(), "streamArn", &constraints);
  if (request.has_stream_arn()) {
    constraints.CheckLength(request.stream_arn(), "streamArn", 37, 1024);
  }
  CheckPresent(request.has_shard_id(), "shardId", &constraints);
  if (request.has_shard_id()) {
    constraints.CheckLength(request.shard_id(), "shardId", 28, 65);
  }
  CheckRequiredEnum(EnumRule::kShardIteratorType, request.shard_iterator_type(),
                    "shardIteratorType", &constraints);
  if (request.has_sequence_number()) {
    constraints.CheckLength(request.sequence_number(), "sequenceNumber", 21,
                            40);
  }
  RETURN_IF_ERROR(constraints.ToStatus());
  if (IsByNumber(request.shard_iterator_type()) ==
      request.has_sequence_number()) {
    return absl::OkStatus();
  }
  return model::ValidationError(
      request.has_sequence_number()
          ? "SequenceNumber must not be given with TRIM_HORIZON or LATEST"
          : "SequenceNumber is required with AT_SEQUENCE_NUMBER and "
            "AFTER_SEQUENCE_NUMBER");
}

// Behind which record it goes on.
absl::StatusOr<ChangeSeq> PlaceOf(const HandlerOptions& options,
                                  const v1::GetShardIteratorRequest& request,
                                  const cluster::TablePartition& partition,
                                  uint64_t stream) {
  if (request.shard_iterator_type() == v1::SHARD_ITERATOR_TYPE_TRIM_HORIZON) {
    return ChangeSeq(0);
  }
  ASSIGN_OR_RETURN(const std::optional<Shard> shard,
                   ReadShard(*options.host, partition, stream));
  if (!shard.has_value()) return ChangeSeq(0);  // it is being opened
  if (request.shard_iterator_type() == v1::SHARD_ITERATOR_TYPE_LATEST) {
    if (shard->end.has_value()) return *shard->end;
    return HeadOf(*options.host, partition);
  }
  ASSIGN_OR_RETURN(const ChangeSeq seq,
                   ParseSequenceNumber(request.sequence_number()));
  if (request.shard_iterator_type() ==
      v1::SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER) {
    if (seq < shard->trimmed) return TrimmedDataAccess();
    return seq;
  }
  if (seq <= shard->trimmed) return TrimmedDataAccess();
  return ChangeSeq(seq.value() - 1);
}

absl::StatusOr<std::string> GetShardIterator(
    const HandlerOptions& options, const v1::GetShardIteratorRequest& request) {
  RETURN_IF_ERROR(Validate(request));
  const absl::Time now = options.clock->Now();
  const auto map = options.host->map();
  ASSIGN_OR_RETURN(
      const TableStreamRef stream,
      FindStream(*map, request.stream_arn(), now, options.stream_retention));
  const cluster::TablePartition* partition =
      FindShard(stream, request.shard_id());
  if (partition == nullptr) {
    return model::MakeError(
        model::Reason::kResourceNotFound,
        absl::StrCat(
            "Requested resource not found: Shard: ", request.shard_id(),
            " of Stream: ", request.stream_arn(), " not found"));
  }
  ASSIGN_OR_RETURN(const ChangeSeq after,
                   PlaceOf(options, request, *partition, stream.id()));
  v1::GetShardIteratorResponse response;
  response.set_shard_iterator(
      EncodeShardIterator({stream.table->id, stream.id(), partition->id, after,
                           now, stream.table->name},
                          options.host->incarnation()));
  return response.SerializeAsString();
}

}  // namespace

void RegisterGetShardIterator(const HandlerOptions& options,
                              OperationRegistry* registry) {
  registry->Add("GetShardIterator",
                Inline<v1::GetShardIteratorRequest>(
                    [options](const v1::GetShardIteratorRequest& request,
                              const CallContext&) {
                      return GetShardIterator(options, request);
                    }));
}

}  // namespace pallet::service
