// SPDX-License-Identifier: Apache-2.0
//
// Turns a parsed expression back into a request's text and maps. Parsing them
// again gives an equal tree.
#pragma once

#include <map>
#include <string>

#include "model/expression/ast.h"

namespace pallet::testing {

struct PrintedExpression {
  std::string text;
  std::map<std::string, std::string> names;
  std::map<std::string, std::string> values;
};

PrintedExpression Print(const model::expression::Expression& expression);

bool SameTree(const model::expression::Expression& a,
              const model::expression::Expression& b);

}  // namespace pallet::testing
