// SPDX-License-Identifier: Apache-2.0
//
// The legacy parameters of a request (SEMANTICS 2.4), read into the same form as
// expressions. Of several faults the one of the first attribute by name is told.
// Pure functions.
#pragma once

#include "absl/status/status.h"
#include "service/handlers/item_language.h"

namespace pallet::service {

// REQUIRES: `parameters` have no expression.
absl::Status ParseLegacyParameters(const LanguageParameters& parameters,
                                   ItemLanguage* language);

}  // namespace pallet::service
