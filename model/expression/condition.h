// SPDX-License-Identifier: Apache-2.0
//
// Conditions and filters, asked of stored bytes: the paths of the expression are
// found in one pass, nothing else of the item is decoded. Pure functions.
#pragma once

#include "model/expression/ast.h"
#include "model/item_view.h"

namespace pallet::model::expression {

// Whether the item meets the condition. An item that is not there is empty.
//
// `=` asks for the same type and value. `<>` is its opposite, and so true of
// what is missing. Every other comparison of something missing, of different
// types, or of a type without order, is false; so is a function of a value that
// it is not made for. AND and OR stop at the first operand that decides.
bool Matches(const Expression& condition, ItemView item);

}  // namespace pallet::model::expression
