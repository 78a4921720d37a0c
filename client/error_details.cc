// SPDX-License-Identifier: Apache-2.0
#include "client/error_details.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/wire_fields.h"
#include "model/errors.h"

namespace pallet {
namespace {

using internal::WireFields;

constexpr absl::string_view kErrorInfo =
    "type.googleapis.com/google.rpc.ErrorInfo";
constexpr absl::string_view kConditionalCheckFailure =
    "type.googleapis.com/pallet.v1.ConditionalCheckFailure";

// google.protobuf.Any
struct Detail {
  absl::string_view type_url;
  absl::string_view value;
};

Detail ReadDetail(absl::string_view encoded) {
  Detail detail;
  for (WireFields fields(encoded); fields.Next();) {
    if (fields.number() == 1) detail.type_url = fields.bytes();
    if (fields.number() == 2) detail.value = fields.bytes();
  }
  return detail;
}

absl::string_view ReasonName(absl::string_view error_info) {
  for (WireFields fields(error_info); fields.Next();) {
    if (fields.number() == 1) return fields.bytes();
  }
  return "";
}

// A reason this version knows, with the reason attached; else the code alone.
absl::Status MakeStatus(absl::StatusCode code, absl::string_view message,
                        absl::string_view reason_name) {
  for (const model::ReasonInfo& info : model::AllReasons()) {
    if (info.name == reason_name && info.code == code) {
      return model::MakeError(info.reason, message);
    }
    if (info.name == reason_name &&
        info.reason == model::Reason::kTransactionCanceled &&
        code == absl::StatusCode::kAborted) {
      return model::WithCode(model::MakeError(info.reason, message), code);
    }
  }
  return TransportError(code, message);
}

}  // namespace

absl::Status DecodeErrorDetails(absl::string_view encoded) {
  auto code = absl::StatusCode::kInternal;
  absl::string_view message, reason_name;
  std::vector<Detail> details;
  WireFields fields(encoded);
  while (fields.Next()) {
    if (fields.number() == 1) {
      code = static_cast<absl::StatusCode>(fields.varint());
    } else if (fields.number() == 2) {
      message = fields.bytes();
    } else if (fields.number() == 3) {
      details.push_back(ReadDetail(fields.bytes()));
      if (details.back().type_url == kErrorInfo) {
        reason_name = ReasonName(details.back().value);
      }
    }
  }
  if (!fields.ok() || code == absl::StatusCode::kOk) {
    return model::MakeError(model::Reason::kInternal,
                            "the service sent an error that cannot be read");
  }
  absl::Status status = MakeStatus(code, message, reason_name);
  for (const Detail& detail : details) {
    status.SetPayload(detail.type_url, absl::Cord(detail.value));
  }
  return status;
}

absl::Status TransportError(absl::StatusCode code, absl::string_view message) {
  switch (code) {
    case absl::StatusCode::kDeadlineExceeded:
      return model::MakeError(model::Reason::kDeadlineExceeded, message);
    case absl::StatusCode::kCancelled:
      return model::MakeError(model::Reason::kCancelled, message);
    default:
      return absl::Status(code, message);
  }
}

std::optional<Item> FailedItem(const absl::Status& status) {
  const absl::optional<absl::Cord> detail =
      status.GetPayload(kConditionalCheckFailure);
  if (!detail.has_value()) return std::nullopt;
  const std::string encoded(*detail);
  for (WireFields fields(encoded); fields.Next();) {
    if (fields.number() != 1) continue;
    absl::StatusOr<Item> item = Item::Decode(fields.bytes());
    if (item.ok()) return *std::move(item);
  }
  return std::nullopt;
}

}  // namespace pallet
