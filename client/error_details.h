// SPDX-License-Identifier: Apache-2.0
//
// Errors as they come from the service, as a Status with reason and details.
//
// A detail travels as a payload of the Status under its type URL
// ("type.googleapis.com/<message>"), value: the encoded message. The reason is
// where model::ReasonOf finds it. Pure functions.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pallet {

// The Status that `encoded`, a google.rpc.Status, stands for. kInternal if it
// is none, or says that all is well.
absl::Status DecodeErrorDetails(absl::string_view encoded);

// The same from code and message alone, for an error of the transport or of a
// service that sends no details.
absl::Status TransportError(absl::StatusCode code, absl::string_view message);

}  // namespace pallet
