// SPDX-License-Identifier: Apache-2.0
//
// Base 64 as DynamoDB takes and gives it: the standard alphabet, padded, no
// line breaks, and the unused bits of the last character zero. Pure functions.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pallet::service::json {

// Characters that `size` bytes take.
constexpr size_t Base64Size(size_t size) { return (size + 2) / 3 * 4; }

// Writes Base64Size(bytes.size()) characters and returns the one behind them.
char* EncodeBase64(absl::string_view bytes, char* out);

// Appends what `text` stands for; the error says what is wrong with it.
absl::Status DecodeBase64(absl::string_view text, std::string* out);

}  // namespace pallet::service::json
