// SPDX-License-Identifier: Apache-2.0
//
// NextToken: where a SELECT goes on, bound to its statement, parameters and
// table. Opaque to clients; in base64.
//
//   token    := 0x01 binding:16 checksum:8 place
//   place    := varint of the partition value to go on with, bytes of the key
//               behind which to go on: an encoded Item, or nothing
//   binding  := the first bytes of SHA-256 of what the token is for
//   checksum := those of SHA-256 of the binding and the place
//
// The checksum finds damage; it is no protection against who makes tokens of
// his own, and whoever may run the statement may read all it finds.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/partiql/literals.h"

namespace pallet::service::partiql {

inline constexpr size_t kMaxNextToken = 32768;

struct Place {
  uint64_t partition = 0;  // number of the partition's value
  std::string key = {};    // an encoded Item; empty: from its start
};

// Of a statement over a table of that id.
std::string BindingOf(absl::string_view statement, const Parameters& parameters,
                      uint64_t table_id);

std::string EncodeNextToken(absl::string_view binding, const Place& place);

// kValidation: "Invalid NextToken", or "NextToken does not match request".
absl::StatusOr<Place> DecodeNextToken(absl::string_view binding,
                                      absl::string_view token);

}  // namespace pallet::service::partiql
