// SPDX-License-Identifier: Apache-2.0
//
// The little of OpenSSL that signatures and fingerprints need. Thread-safe: pure functions.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace pallet::service {

std::string Sha256(absl::string_view bytes);  // 32 bytes
std::string HmacSha256(absl::string_view key, absl::string_view bytes);

// In small letters.
std::string Hex(absl::string_view bytes);

// Takes the same time for any two texts of one length.
bool EqualInConstantTime(absl::string_view a, absl::string_view b);

}  // namespace pallet::service
