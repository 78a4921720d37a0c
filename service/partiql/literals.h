// SPDX-License-Identifier: Apache-2.0
//
// From the literals and parameters of a PartiQL statement to encoded values.
// Pure functions; errors are kValidation.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "model/partiql/statement.h"

namespace pallet::service::partiql {

// Encoded AttributeValues, one for each question mark.
using Parameters = google::protobuf::RepeatedPtrField<std::string>;

// One for each, none too many.
absl::Status CheckParameters(const model::partiql::Statement& statement,
                             const Parameters& parameters);

// A canonical AttributeValue. REQUIRES: CheckParameters.
absl::StatusOr<std::string> CanonicalValueOf(
    const model::partiql::Literal& literal, const Parameters& parameters);

// What an INSERT puts: an encoded Item, not canonical yet. REQUIRES:
// CheckParameters.
absl::StatusOr<std::string> ItemOf(const model::partiql::Literal& literal,
                                   const Parameters& parameters);

}  // namespace pallet::service::partiql
