// SPDX-License-Identifier: Apache-2.0
#include "client/codec.h"
#include "pallet/v1/change_service.pb.h"

namespace pallet::internal {

template <>
const Method& MethodOf<ListStreamsRequest>() {
  static constexpr Method kMethod = {"/pallet.v1.ChangeService/ListStreams",
                                     Repeat::kSafe, 0};
  return kMethod;
}

std::string Encode(const ListStreamsRequest& request) {
  v1::ListStreamsRequest message;
  if (!request.table.empty()) message.set_table_name(request.table);
  if (request.limit.has_value()) message.set_limit(*request.limit);
  if (!request.start_stream_arn.empty()) {
    message.set_exclusive_start_stream_arn(request.start_stream_arn);
  }
  return message.SerializeAsString();
}

template <>
absl::StatusOr<ListStreamsResponse> Decode<ListStreamsRequest>(
    absl::string_view encoded) {
  v1::ListStreamsResponse message;
  if (!message.ParseFromArray(encoded.data(),
                              static_cast<int>(encoded.size()))) {
    return UnreadableAnswer();
  }
  ListStreamsResponse response;
  for (const v1::Stream& stream : message.streams()) {
    response.streams.push_back(
        {stream.stream_arn(), stream.table_name(), stream.stream_label()});
  }
  response.last_stream_arn = message.last_evaluated_stream_arn();
  return response;
}

}  // namespace pallet::internal
