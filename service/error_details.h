// SPDX-License-Identifier: Apache-2.0
//
// How an error looks to a client: google.rpc.Status with details, the same in
// grpc-status-details-bin of a call and in PipelineResult.error.
//
//   always          ErrorInfo{reason, domain "pallet", metadata{dynamodb}}
//   VALIDATION      BadRequest
//   THROTTLING      QuotaFailure, RetryInfo
//   *_NOT_FOUND, *_IN_USE, *_EXISTS   ResourceInfo
//   CONDITIONAL_CHECK_FAILED          PreconditionFailure
//
// Whoever makes the error can add to it: a payload of the absl::Status whose
// key is "type.googleapis.com/<message>" (operation.h, kDetailPrefix) becomes a
// detail as it is, in the place of the default one of its type. Pure functions.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pallet::service {

// "pallet", the ErrorInfo.domain of all our errors.
extern const absl::string_view kErrorDomain;

// What a client is told to wait before it tries again after THROTTLING.
inline constexpr absl::Duration kThrottlingDelay = absl::Milliseconds(50);

// Trailers are limited to 8 KiB by default, in base 64; a larger detail (an
// item) is left out of a call's trailers, not out of a Pipeline result. Of a
// cancelled transaction first the items, then the messages of the reasons.
inline constexpr size_t kMaxTrailerDetails = 4096;
inline constexpr size_t kMaxTrailerMessage = 1024;

// The encoded google.rpc.Status. REQUIRES: !status.ok().
std::string EncodeError(const absl::Status& status);

// What EncodeError was given, with all its details; kInternal if these bytes are
// no error of ours.
absl::Status DecodeError(absl::string_view bytes);

// The same, small enough for the trailers of a call.
std::string EncodeErrorForTrailers(const absl::Status& status);

// `message` cut for the grpc-message trailer, at a character.
absl::string_view TrailerMessage(absl::string_view message);

}  // namespace pallet::service
