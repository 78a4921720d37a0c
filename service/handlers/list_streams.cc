// SPDX-License-Identifier: Apache-2.0
//
// ListStreams: those that are open and those that were closed not so long ago,
// also of tables that are gone, in the order of their ARNs.
#include "absl/strings/match.h"
#include "pallet/v1/change_service.pb.h"
#include "service/handlers/handler.h"
#include "service/handlers/handlers.h"
#include "service/streams/stream_names.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

constexpr int kMaxStreams = 100;
constexpr size_t kMinArnBytes = 37;
constexpr size_t kMaxArnBytes = 1024;

absl::Status Validate(const v1::ListStreamsRequest& request) {
  model::Constraints constraints;
  if (request.has_table_name() &&
      !absl::StartsWith(request.table_name(), "arn:")) {
    CheckName(request.table_name(), "tableName", &constraints);
  }
  if (request.has_limit()) {
    CheckRange(request.limit(), 1, kMaxStreams, "limit", &constraints);
  }
  if (request.has_exclusive_start_stream_arn()) {
    constraints.CheckLength(request.exclusive_start_stream_arn(),
                            "exclusiveStartStreamArn", kMinArnBytes,
                            kMaxArnBytes);
  }
  return constraints.ToStatus();
}

absl::StatusOr<std::string> ListStreams(const HandlerOptions& options,
                                        const v1::ListStreamsRequest& request) {
  RETURN_IF_ERROR(Validate(request));
  std::string table;
  if (request.has_table_name()) {
    ASSIGN_OR_RETURN(table,
                     TableOfTableRequest(PALLET_OPTIONAL(request, table_name)));
  }
  const int limit = request.has_limit() ? request.limit() : kMaxStreams;
  const auto map = options.host->map();
  const std::vector<TableStreamRef> streams =
      KeptStreams(*map, table, options.clock->Now(), options.stream_retention);
  auto stream = streams.begin();
  if (request.has_exclusive_start_stream_arn()) {
    // It may be gone by now: then the page begins where it was.
    const std::string& start = request.exclusive_start_stream_arn();
    while (stream != streams.end() && stream->arn() <= start) ++stream;
  }
  v1::ListStreamsResponse response;
  for (; stream != streams.end() && response.streams_size() < limit; ++stream) {
    v1::Stream* out = response.add_streams();
    out->set_stream_arn(stream->arn());
    out->set_table_name(stream->table->name);
    out->set_stream_label(stream->record->label());
  }
  if (stream != streams.end()) {
    response.set_last_evaluated_stream_arn(
        response.streams(response.streams_size() - 1).stream_arn());
  }
  return response.SerializeAsString();
}

}  // namespace

void RegisterListStreams(const HandlerOptions& options,
                         OperationRegistry* registry) {
  registry->Add(
      "ListStreams",
      Inline<v1::ListStreamsRequest>(
          [options](const v1::ListStreamsRequest& request, const CallContext&) {
            return ListStreams(options, request);
          }));
}

}  // namespace pallet::service
