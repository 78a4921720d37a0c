// SPDX-License-Identifier: Apache-2.0
//
// What zlib does for the door: checksums, packed requests and packed answers.
// Thread-safe: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pallet::service::json {

uint32_t Crc32(absl::string_view bytes);

// "gzip" or "deflate" (with or without zlib's header, as clients differ).
enum class Packing { kNone, kGzip, kDeflate };

// The packing a request's Content-Encoding names; kInvalidArgument for others.
absl::StatusOr<Packing> PackingOf(absl::string_view content_encoding);

// The packing to answer with, given Accept-Encoding: kNone if it takes none of
// ours.
Packing AcceptedPacking(absl::string_view accept_encoding);

// kOutOfRange if it unpacks to more than `limit` bytes, kInvalidArgument if it
// is not packed so. Never holds more than `limit` bytes.
absl::StatusOr<std::string> Unpack(Packing packing, absl::string_view bytes,
                                   size_t limit);

std::string Pack(Packing packing, absl::string_view bytes);

}  // namespace pallet::service::json
