// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace pallet::model {

// True if the bytes are well formed UTF-8: no overlong forms, no surrogates,
// nothing above U+10FFFF (what protobuf asks of a string). Pure.
bool IsValidUtf8(absl::string_view text);

// How many characters well formed UTF-8 has. Pure.
size_t CountUtf8Characters(absl::string_view text);

}  // namespace pallet::model
