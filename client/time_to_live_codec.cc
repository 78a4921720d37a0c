// SPDX-License-Identifier: Apache-2.0
#include "client/codec.h"
#include "pallet/v1/table_service.pb.h"

namespace pallet {
namespace {

TimeToLiveState StateOf(v1::TimeToLiveStatus status) {
  switch (status) {
    case v1::TIME_TO_LIVE_STATUS_ENABLING:
      return TimeToLiveState::kEnabling;
    case v1::TIME_TO_LIVE_STATUS_DISABLING:
      return TimeToLiveState::kDisabling;
    case v1::TIME_TO_LIVE_STATUS_ENABLED:
      return TimeToLiveState::kEnabled;
    case v1::TIME_TO_LIVE_STATUS_DISABLED:
      return TimeToLiveState::kDisabled;
    default:
      return TimeToLiveState::kUnknown;
  }
}

}  // namespace

absl::string_view NameOf(TimeToLiveState state) {
  switch (state) {
    case TimeToLiveState::kEnabling:
      return "ENABLING";
    case TimeToLiveState::kDisabling:
      return "DISABLING";
    case TimeToLiveState::kEnabled:
      return "ENABLED";
    case TimeToLiveState::kDisabled:
      return "DISABLED";
    case TimeToLiveState::kUnknown:
      break;
  }
  return "UNKNOWN";
}

namespace internal {

std::string Encode(const UpdateTimeToLiveRequest& request) {
  v1::UpdateTimeToLiveRequest message;
  message.set_table_name(request.table);
  v1::TimeToLiveSpecification* wanted =
      message.mutable_time_to_live_specification();
  wanted->set_enabled(request.enabled);
  wanted->set_attribute_name(request.attribute);
  if (request.hide_expired_items.has_value()) {
    wanted->set_hide_expired_items(*request.hide_expired_items);
  }
  return message.SerializeAsString();
}

std::string Encode(const DescribeTimeToLiveRequest& request) {
  v1::DescribeTimeToLiveRequest message;
  message.set_table_name(request.table);
  return message.SerializeAsString();
}

template <>
absl::StatusOr<UpdateTimeToLiveResponse> Decode<UpdateTimeToLiveRequest>(
    absl::string_view) {
  return UpdateTimeToLiveResponse{};
}

template <>
absl::StatusOr<TimeToLiveDescription> Decode<DescribeTimeToLiveRequest>(
    absl::string_view encoded) {
  v1::DescribeTimeToLiveResponse message;
  if (!message.ParseFromArray(encoded.data(),
                              static_cast<int>(encoded.size()))) {
    return UnreadableAnswer();
  }
  const v1::TimeToLiveDescription& found = message.time_to_live_description();
  return TimeToLiveDescription{StateOf(found.time_to_live_status()),
                               found.attribute_name(),
                               found.hide_expired_items()};
}

}  // namespace internal

}  // namespace pallet
