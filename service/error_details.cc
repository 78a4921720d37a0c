// SPDX-License-Identifier: Apache-2.0
#include "service/error_details.h"

#include <google/protobuf/message_lite.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <set>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "model/errors.h"
#include "pallet/wire/v1/error_details.pb.h"
#include "service/operation.h"

namespace pallet::service {

const absl::string_view kErrorDomain = "pallet";

namespace {

using google::protobuf::MessageLite;
using model::Reason;

constexpr absl::Duration kShutdownDelay = absl::Seconds(1);

std::string Text(absl::string_view text) { return std::string(text); }

std::string TypeUrl(const MessageLite& message) {
  return absl::StrCat(kDetailPrefix, message.GetTypeName());
}

// Details in the making: a type that is there already is not added again.
class Details {
 public:
  explicit Details(google::rpc::Status* status) : status_(status) {}

  void Add(absl::string_view type_url, std::string bytes) {
    if (!types_.insert(Text(type_url)).second) return;
    google::protobuf::Any* any = status_->add_details();
    any->set_type_url(Text(type_url));
    any->set_value(std::move(bytes));
  }
  void Add(const MessageLite& detail) {
    Add(TypeUrl(detail), detail.SerializeAsString());
  }

 private:
  google::rpc::Status* const status_;
  std::set<std::string> types_;
};

google::rpc::ErrorInfo InfoDetail(const model::ReasonInfo& info) {
  google::rpc::ErrorInfo detail;
  detail.set_reason(Text(info.name));
  detail.set_domain(Text(kErrorDomain));
  (*detail.mutable_metadata())["dynamodb"] = Text(info.dynamodb_name);
  return detail;
}

google::rpc::RetryInfo RetryDetail(absl::Duration delay) {
  google::rpc::RetryInfo detail;
  auto* value = detail.mutable_retry_delay();
  value->set_seconds(absl::IDivDuration(delay, absl::Seconds(1), &delay));
  value->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  return detail;
}

void AddBadRequest(const std::string& message, Details* details) {
  google::rpc::BadRequest detail;
  detail.add_field_violations()->set_description(message);
  details->Add(detail);
}

void AddQuotaFailure(const std::string& message, Details* details) {
  google::rpc::QuotaFailure detail;
  detail.add_violations()->set_description(message);
  details->Add(detail);
}

void AddTableInfo(const std::string& message, Details* details) {
  google::rpc::ResourceInfo detail;
  detail.set_resource_type("table");
  detail.set_description(message);
  details->Add(detail);
}

void AddPreconditionFailure(const model::ReasonInfo& info,
                            const std::string& message, Details* details) {
  google::rpc::PreconditionFailure detail;
  auto* violation = detail.add_violations();
  violation->set_type(Text(info.name));
  violation->set_description(message);
  details->Add(detail);
}

// What the reason calls for, unless the error brought its own.
void AddDefaults(const model::ReasonInfo& info, const std::string& message,
                 Details* details) {
  switch (info.reason) {
    case Reason::kValidation:
      return AddBadRequest(message, details);
    case Reason::kConditionalCheckFailed:
      return AddPreconditionFailure(info, message, details);
    case Reason::kResourceNotFound:
    case Reason::kResourceInUse:
    case Reason::kTableAlreadyExists:
      return AddTableInfo(message, details);
    case Reason::kThrottling:
    case Reason::kProvisionedThroughputExceeded:
      AddQuotaFailure(message, details);
      return details->Add(RetryDetail(kThrottlingDelay));
    case Reason::kTransactionConflict:
    case Reason::kTransactionInProgress:
      return details->Add(RetryDetail(kThrottlingDelay));
    case Reason::kLimitExceeded:
    case Reason::kStorageFull:
      return AddQuotaFailure(message, details);
    case Reason::kShuttingDown:
      return details->Add(RetryDetail(kShutdownDelay));
    default:
      return;
  }
}

// What errors brought with them, and how much of it goes along.
enum class OwnDetails { kWhole, kWithoutItems, kCodesOnly, kNone };

constexpr char kCancellation[] = "pallet.v1.TransactionCancellation";

// A transaction's reasons are told as far as they fit: the codes always do.
// Others go whole or not at all. False: it does not go.
bool Shrink(absl::string_view url, OwnDetails own, std::string* bytes) {
  if (own == OwnDetails::kWhole) return true;
  wire::v1::TransactionCancellation cancellation;
  if (own == OwnDetails::kNone || !absl::EndsWith(url, kCancellation) ||
      !cancellation.ParseFromString(*bytes)) {
    return false;
  }
  for (auto& reason : *cancellation.mutable_cancellation_reasons()) {
    reason.clear_item();
    if (own == OwnDetails::kCodesOnly) reason.clear_message();
  }
  *bytes = cancellation.SerializeAsString();
  return true;
}

google::rpc::Status Convert(const absl::Status& status,
                            absl::string_view message, OwnDetails own) {
  CHECK(!status.ok());
  const model::ReasonInfo& info = model::InfoOf(model::ReasonOf(status));
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(Text(message));
  Details details(&result);
  details.Add(InfoDetail(info));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& value) {
    if (!absl::StartsWith(url, kDetailPrefix)) return;
    std::string bytes(value);
    if (Shrink(url, own, &bytes)) details.Add(url, std::move(bytes));
  });
  AddDefaults(info, result.message(), &details);
  return result;
}

}  // namespace

std::string EncodeError(const absl::Status& status) {
  return Convert(status, status.message(), OwnDetails::kWhole)
      .SerializeAsString();
}

absl::Status DecodeError(absl::string_view bytes) {
  google::rpc::Status encoded;
  if (!encoded.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      encoded.code() == 0) {
    return model::MakeError(Reason::kInternal,
                            "an error of another node is "
                            "malformed");
  }
  Reason reason = Reason::kInternal;
  google::rpc::ErrorInfo info;
  const std::string info_url = TypeUrl(info);
  for (const auto& any : encoded.details()) {
    if (any.type_url() != info_url || !info.ParseFromString(any.value())) {
      continue;
    }
    for (const model::ReasonInfo& known : model::AllReasons()) {
      if (known.name == info.reason()) reason = known.reason;
    }
  }
  absl::Status status =
      model::WithCode(model::MakeError(reason, encoded.message()),
                      static_cast<absl::StatusCode>(encoded.code()));
  for (const auto& any : encoded.details()) {
    if (any.type_url() == info_url) continue;
    status.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return status;
}

std::string EncodeErrorForTrailers(const absl::Status& status) {
  const absl::string_view message = TrailerMessage(status.message());
  std::string encoded;
  for (const OwnDetails own : {OwnDetails::kWhole, OwnDetails::kWithoutItems,
                               OwnDetails::kCodesOnly, OwnDetails::kNone}) {
    encoded = Convert(status, message, own).SerializeAsString();
    if (encoded.size() <= kMaxTrailerDetails) break;
  }
  return encoded;
}

absl::string_view TrailerMessage(absl::string_view message) {
  if (message.size() <= kMaxTrailerMessage) return message;
  size_t end = kMaxTrailerMessage;
  while (end > 0 && (message[end] & 0xC0) == 0x80) --end;
  return message.substr(0, end);
}

}  // namespace pallet::service
