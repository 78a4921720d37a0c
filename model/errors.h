// SPDX-License-Identifier: Apache-2.0
//
// The closed list of reasons a request can fail for, and one table that maps
// each to its gRPC code, its DynamoDB name and whether a repeat can help.
// A Status made here carries its reason as a payload; tests compare code and
// reason, never message text. Thread-safe: pure functions.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pallet::model {

enum class Reason {
  kValidation,  // the request breaks a rule of the API
  kConditionalCheckFailed,
  kTransactionCanceled,    // its code may also be kAborted (a repeat can help)
  kTransactionConflict,    // the item is part of a transaction under way
  kTransactionInProgress,  // one of the same token
  kIdempotentParameterMismatch,
  kResourceNotFound,
  kResourceInUse,  // the table is not in a state that allows it
  kTableAlreadyExists,
  kDuplicateItem,  // an INSERT of an item that is there
  kLimitExceeded,  // an account or table limit
  kItemCollectionSizeLimitExceeded,
  kExpiredIterator,    // of a stream: it was made too long ago
  kTrimmedDataAccess,  // what was asked for is not kept any more
  kThrottling,         // a queue or a configured rate is full
  kProvisionedThroughputExceeded,
  kNotBuilt,        // an rpc or field this version does not have yet
  kStorageFull,     // no room in the map or on the disk
  kStoreFenced,     // the store refuses until a new start
  kDataLoss,        // damaged data; never repaired silently
  kOutcomeUnknown,  // the write may or may not have happened
  kShuttingDown,
  kCancelled,
  kDeadlineExceeded,
  kInternal,
};

struct ReasonInfo {
  Reason reason;
  absl::string_view name;           // ErrorInfo.reason: "RESOURCE_NOT_FOUND"
  absl::string_view dynamodb_name;  // "ResourceNotFoundException"
  absl::StatusCode code;            // numerically the gRPC code
  // A repeat of the same request may succeed, and did nothing the first time.
  bool retryable;
};

// All reasons, in the order of the enum.
absl::Span<const ReasonInfo> AllReasons();
const ReasonInfo& InfoOf(Reason reason);

// A status with the reason's code and the reason attached.
absl::Status MakeError(Reason reason, absl::string_view message);

// Messages are cut at this many bytes (at a character): they quote the user's
// input and must fit a trailer.
inline constexpr size_t kMaxMessageBytes = 2048;

// Short for MakeError(Reason::kValidation, message): a text that every
// operation reports as it is.
absl::Status ValidationError(absl::string_view message);

// A validation error that writes (PutItem, UpdateItem, ...) report inside the
// envelope "1 validation error detected: " and reads report bare
// The text given here is the bare one.
absl::Status EnvelopedValidationError(absl::string_view message);

// For writes: puts the envelope around an EnvelopedValidationError, once. Any
// other status, OK too, comes back as it is.
absl::Status WithEnvelope(absl::Status status);

// The same error in other words: its reason, and its envelope if it waits for
// one. REQUIRES: !status.ok().
absl::Status WithMessage(const absl::Status& status, absl::string_view message);

// The same error under another code, for a reason that has two.
// REQUIRES: !status.ok().
absl::Status WithCode(const absl::Status& status, absl::StatusCode code);

// The reason attached by MakeError; kInternal for any other error.
// REQUIRES: !status.ok().
Reason ReasonOf(const absl::Status& status);

}  // namespace pallet::model
