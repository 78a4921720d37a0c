// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/stream_request.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/handlers/table_description.h"
#include "service/validation.h"

namespace pallet::service {
namespace {

using storage::v1::StreamRecord;
using storage::v1::TableRecord;

absl::Status Invalid(absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

// The one that is open, or null.
StreamRecord* OpenStreamOf(TableRecord* record) {
  if (record->streams().empty()) return nullptr;
  StreamRecord* last = record->mutable_streams(record->streams_size() - 1);
  return last->has_closed() ? nullptr : last;
}

absl::Status CheckViewType(SettingOf setting,
                           const v1::StreamSpecification& wanted) {
  const bool has_view =
      wanted.stream_view_type() != v1::STREAM_VIEW_TYPE_UNSPECIFIED;
  if (has_view == wanted.stream_enabled()) return absl::OkStatus();
  const absl::string_view verb =
      setting == SettingOf::kNewTable ? "created" : "updated";
  return Invalid(
      has_view
          ? absl::StrCat("Table is being ", verb,
                         " with a stream disabled, UpdateViewType should not "
                         "be specified")
          : absl::StrCat("Table is being ", verb,
                         " with a stream enabled, UpdateViewType should be "
                         "specified"));
}

}  // namespace

void CheckStream(bool is_given, const v1::StreamSpecification& wanted,
                 model::Constraints* constraints) {
  if (!is_given) return;
  CheckPresent(wanted.has_stream_enabled(), "streamSpecification.streamEnabled",
               constraints);
  CheckEnum(EnumRule::kStreamViewType, wanted.stream_view_type(),
            "streamSpecification.streamViewType", constraints);
}

absl::Status SetStream(SettingOf setting, const v1::StreamSpecification& wanted,
                       const std::string& label, absl::Time now,
                       TableRecord* record) {
  RETURN_IF_ERROR(CheckViewType(setting, wanted));
  StreamRecord* const open = OpenStreamOf(record);
  if (wanted.stream_enabled()) {
    if (open != nullptr) {
      return model::ValidationError(absl::StrCat(
          "Table already has an enabled stream: TableName: ", record->name()));
    }
    if (record->streams_size() >= kMaxClosedStreams) {
      return model::MakeError(
          model::Reason::kLimitExceeded,
          absl::StrCat("Too many disabled streams are kept: TableName: ",
                       record->name()));
    }
    StreamRecord* stream = record->add_streams();
    stream->set_label(label);
    stream->set_view(
        static_cast<storage::v1::StreamView>(wanted.stream_view_type()));
    *stream->mutable_created() = ToProto(now);
    return absl::OkStatus();
  }
  if (open != nullptr) {
    *open->mutable_closed() = ToProto(now);
    return absl::OkStatus();
  }
  if (setting == SettingOf::kNewTable) return absl::OkStatus();
  return model::ValidationError(absl::StrCat(
      "Table already has a disabled stream: TableName: ", record->name()));
}

}  // namespace pallet::service
