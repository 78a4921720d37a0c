// SPDX-License-Identifier: Apache-2.0
//
// GetRecords: the next records of a shard, at most 1,000 and not much more than
// 1 MB. Only what is durable is told. A page may be empty; the end of a closed
// shard has no next iterator.
#include "pallet/v1/change_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/streams/record_message.h"
#include "service/streams/shard_iterator.h"
#include "service/streams/shards.h"
#include "service/streams/stream_names.h"
#include "service/validation.h"
#include "service/wire.h"

namespace pallet::service {
namespace {

constexpr int kMaxRecords = 1000;
constexpr size_t kMaxPageBytes = size_t{1} << 20;

absl::Status Validate(const v1::GetRecordsRequest& request) {
  model::Constraints constraints;
  CheckPresent(request.has_shard_iterator(), "shardIterator", &constraints);
  if (request.has_shard_iterator()) {
    constraints.CheckLength(request.shard_iterator(), "shardIterator", 1, 2048);
  }
  if (request.has_limit()) {
    CheckRange(request.limit(), 1, kMaxRecords, "limit", &constraints);
  }
  return constraints.ToStatus();
}

// The stream that the iterator is a place in.
absl::StatusOr<TableStreamRef> StreamOf(const HandlerOptions& options,
                                        const ShardIterator& iterator,
                                        absl::Time now) {
  const auto map = options.host->map();
  for (TableStreamRef& each :
       KeptStreams(*map, iterator.table_name, now, options.stream_retention)) {
    if (each.table->id == iterator.table && each.id() == iterator.stream) {
      return std::move(each);
    }
  }
  return model::MakeError(
      model::Reason::kResourceNotFound,
      "Requested resource not found: the stream of the shard iterator");
}

absl::StatusOr<std::string> GetRecords(const HandlerOptions& options,
                                       const v1::GetRecordsRequest& request) {
  RETURN_IF_ERROR(Validate(request));
  const absl::Time now = options.clock->Now();
  ASSIGN_OR_RETURN(ShardIterator iterator,
                   DecodeShardIterator(request.shard_iterator(),
                                       options.host->incarnation(), now));
  ASSIGN_OR_RETURN(const TableStreamRef stream,
                   StreamOf(options, iterator, now));
  const cluster::TablePartition* partition =
      FindShard(stream, ShardIdOf(iterator.lineage, iterator.stream));
  if (partition == nullptr) return StreamNotFound(stream.arn());
  int left = request.has_limit() ? request.limit() : kMaxRecords;
  std::string response;
  ASSIGN_OR_RETURN(
      const ShardPage page,
      ReadStreamRecords(
          *options.host, *partition, stream.id(), iterator.after,
          [&](storage::ChangeSeq seq,
              const StreamRecordView& record) -> absl::StatusOr<bool> {
            ASSIGN_OR_RETURN(
                const std::string message,
                EncodeRecordMessage(stream.table->key, stream.record->view(),
                                    {partition->id, seq}, record));
            AppendField(v1::GetRecordsResponse::kRecordsFieldNumber, message,
                        &response);
            return --left > 0 && response.size() < kMaxPageBytes;
          }));
  if (page.is_drained) return response;
  iterator.after = page.through;
  iterator.issued = now;
  AppendField(v1::GetRecordsResponse::kNextShardIteratorFieldNumber,
              EncodeShardIterator(iterator, options.host->incarnation()),
              &response);
  return response;
}

}  // namespace

void RegisterGetRecords(const HandlerOptions& options,
                        OperationRegistry* registry) {
  registry->Add(
      "GetRecords",
      Pooled<v1::GetRecordsRequest>(
          options.read_pool,
          [options](const v1::GetRecordsRequest& request, const CallContext&) {
            return GetRecords(options, request);
          }));
}

}  // namespace pallet::service
