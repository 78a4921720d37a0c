// SPDX-License-Identifier: Apache-2.0
//
// Freshness in the JSON protocol: headers, because DynamoDB's requests and
// responses have no members for it.
//
//   x-pallet-position: B64[,B64]       on the answer of a write, what it is named
//   x-pallet-consistency: strong       on a read: see every write answered before
//   x-pallet-positions: B64[,B64]      see these writes
//   x-pallet-max-staleness-ms: N       lag by no more than that
//   x-pallet-wait-ms: N                wait no longer than that
//
// They mean what the members of pallet.v1.Freshness mean. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/json/http.h"

namespace pallet::service::json {

inline constexpr char kPositionHeader[] = "x-pallet-position";

// Appends what the headers of `request` say to the encoded message: as its field
// `number`, which is a Freshness. Nothing if there are no such headers, or if
// `number` is 0: such an operation reads nothing. kValidation for values that
// make no sense.
absl::Status AppendFreshness(const HttpRequest& request, uint32_t number,
                             std::string* encoded);

// A line for the head of the answer, from the fields `number` of an encoded
// response; empty if it has none, or if `number` is 0.
std::string PositionLine(uint32_t number, absl::string_view encoded);

}  // namespace pallet::service::json
