// SPDX-License-Identifier: Apache-2.0
#include "model/errors.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace pallet::model {
namespace {

// Payload of a Status: the reason's name.
constexpr absl::string_view kReasonUrl = "pallet/reason";
// Payload: present on a message that still waits for its envelope.
constexpr absl::string_view kEnvelopeUrl = "pallet/envelope";

using absl::StatusCode;

constexpr ReasonInfo kReasons[] = {
    {Reason::kValidation, "VALIDATION", "ValidationException",
     StatusCode::kInvalidArgument, false},
    {Reason::kConditionalCheckFailed, "CONDITIONAL_CHECK_FAILED",
     "ConditionalCheckFailedException", StatusCode::kFailedPrecondition, false},
    {Reason::kTransactionCanceled, "TRANSACTION_CANCELED",
     "TransactionCanceledException", StatusCode::kFailedPrecondition, false},
    {Reason::kTransactionConflict, "TRANSACTION_CONFLICT",
     "TransactionConflictException", StatusCode::kAborted, true},
    {Reason::kTransactionInProgress, "TRANSACTION_IN_PROGRESS",
     "TransactionInProgressException", StatusCode::kAborted, true},
    {Reason::kIdempotentParameterMismatch, "IDEMPOTENT_PARAMETER_MISMATCH",
     "IdempotentParameterMismatchException", StatusCode::kInvalidArgument,
     false},
    {Reason::kResourceNotFound, "RESOURCE_NOT_FOUND",
     "ResourceNotFoundException", StatusCode::kNotFound, false},
    {Reason::kResourceInUse, "RESOURCE_IN_USE", "ResourceInUseException",
     StatusCode::kFailedPrecondition, false},
    {Reason::kTableAlreadyExists, "TABLE_ALREADY_EXISTS",
     "ResourceInUseException", StatusCode::kAlreadyExists, false},
    {Reason::kDuplicateItem, "DUPLICATE_ITEM", "DuplicateItemException",
     StatusCode::kAlreadyExists, false},
    {Reason::kLimitExceeded, "LIMIT_EXCEEDED", "LimitExceededException",
     StatusCode::kResourceExhausted, true},
    {Reason::kItemCollectionSizeLimitExceeded,
     "ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED",
     "ItemCollectionSizeLimitExceededException", StatusCode::kOutOfRange,
     false},
    {Reason::kExpiredIterator, "EXPIRED_ITERATOR", "ExpiredIteratorException",
     StatusCode::kOutOfRange, false},
    {Reason::kTrimmedDataAccess, "TRIMMED_DATA_ACCESS",
     "TrimmedDataAccessException", StatusCode::kOutOfRange, false},
    {Reason::kThrottling, "THROTTLING", "ThrottlingException",
     StatusCode::kResourceExhausted, true},
    {Reason::kProvisionedThroughputExceeded, "PROVISIONED_THROUGHPUT_EXCEEDED",
     "ProvisionedThroughputExceededException", StatusCode::kResourceExhausted,
     true},
    {Reason::kNotBuilt, "NOT_BUILT", "UnknownOperationException",
     StatusCode::kUnimplemented, false},
    // Room does not come back by asking again.
    {Reason::kStorageFull, "STORAGE_FULL", "InternalServerError",
     StatusCode::kResourceExhausted, false},
    {Reason::kStoreFenced, "STORE_FENCED", "InternalServerError",
     StatusCode::kUnavailable, true},
    {Reason::kDataLoss, "DATA_LOSS", "InternalServerError",
     StatusCode::kDataLoss, false},
    {Reason::kOutcomeUnknown, "OUTCOME_UNKNOWN", "InternalServerError",
     StatusCode::kUnknown, false},
    {Reason::kShuttingDown, "SHUTTING_DOWN", "ServiceUnavailable",
     StatusCode::kUnavailable, true},
    {Reason::kCancelled, "CANCELLED", "InternalServerError",
     StatusCode::kCancelled, false},
    {Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", "InternalServerError",
     StatusCode::kDeadlineExceeded, false},
    {Reason::kInternal, "INTERNAL", "InternalServerError",
     StatusCode::kInternal, false},
};

// `message`, or as much of it as may be told, cut between two characters.
std::string Cut(absl::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  size_t end = kMaxMessageBytes - 3;
  while (end > 0 && (message[end] & 0xC0) == 0x80) --end;
  return absl::StrCat(message.substr(0, end), "...");
}

}  // namespace

absl::Span<const ReasonInfo> AllReasons() { return kReasons; }

const ReasonInfo& InfoOf(Reason reason) {
  const size_t index = static_cast<size_t>(reason);
  CHECK_LT(index, AllReasons().size());
  CHECK(kReasons[index].reason == reason);
  return kReasons[index];
}

absl::Status MakeError(Reason reason, absl::string_view message) {
  const ReasonInfo& info = InfoOf(reason);
  absl::Status status(info.code, Cut(message));
  status.SetPayload(kReasonUrl, absl::Cord(info.name));
  return status;
}

absl::Status ValidationError(absl::string_view message) {
  return MakeError(Reason::kValidation, message);
}

absl::Status EnvelopedValidationError(absl::string_view message) {
  absl::Status status = ValidationError(message);
  status.SetPayload(kEnvelopeUrl, absl::Cord());
  return status;
}

absl::Status WithEnvelope(absl::Status status) {
  if (!status.GetPayload(kEnvelopeUrl).has_value()) return status;
  return ValidationError(
      absl::StrCat("1 validation error detected: ", status.message()));
}

absl::Status WithMessage(const absl::Status& status,
                         absl::string_view message) {
  absl::Status result = MakeError(ReasonOf(status), message);
  if (status.GetPayload(kEnvelopeUrl).has_value()) {
    result.SetPayload(kEnvelopeUrl, absl::Cord());
  }
  return result;
}

absl::Status WithCode(const absl::Status& status, absl::StatusCode code) {
  absl::Status result(code, status.message());
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  return result;
}

Reason ReasonOf(const absl::Status& status) {
  CHECK(!status.ok());
  const absl::optional<absl::Cord> name = status.GetPayload(kReasonUrl);
  if (!name.has_value()) return Reason::kInternal;
  for (const ReasonInfo& info : kReasons) {
    if (*name == info.name) return info.reason;
  }
  return Reason::kInternal;
}

}  // namespace pallet::model
