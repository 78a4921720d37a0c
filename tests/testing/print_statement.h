// SPDX-License-Identifier: Apache-2.0
//
// Turns a parsed PartiQL statement back into text. Parsing that again gives
// the same text; operands are in parentheses where they need them or not.
#pragma once

#include <string>

#include "model/partiql/statement.h"

namespace pallet::testing {

std::string Print(const model::partiql::Statement& statement);
std::string Print(const model::partiql::Term& term);
std::string Print(const model::partiql::Literal& literal);
std::string Print(const model::partiql::Path& path);

}  // namespace pallet::testing
