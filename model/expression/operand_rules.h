// SPDX-License-Identifier: Apache-2.0
//
// What operators and functions ask of their operands, as far
// as it can be said without an item: number, kind and literal types.
// Thread-safe: pure functions.
#pragma once

#include <optional>
#include <string>

#include "model/expression/ast.h"

namespace pallet::model::expression {

inline constexpr size_t kMaxInOperands = 100;  // the left one included

// Of several errors in an expression the one with the first of these is told;
// of several of the same kind, the first in the text.
enum class Fault {
  kOperators,    // more than 300
  kParentheses,  // redundant
  kSection,      // twice
  kUnknownFunction,
  kMisusedFunction,
  kReservedWord,
  kPath,       // nesting, list index
  kUndefined,  // placeholder
  kOverlap,
  kConflict,
  kOperandCount,
  kSameOperand,
  kOperandType,
};
inline constexpr size_t kFaults = 13;

struct Finding {
  Fault fault;
  std::string message;
};

// The first rule that `node`, just parsed, breaks. A value whose placeholder is
// undefined (null) breaks none.
std::optional<Finding> CheckOperands(const Expression& expression,
                                     const Node& node);

// The same for the value of ADD and DELETE.
std::optional<Finding> CheckAction(const Expression& expression,
                                   const Action& action);

}  // namespace pallet::model::expression
