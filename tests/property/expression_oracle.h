// SPDX-License-Identifier: Apache-2.0
//
// A second, slow reading of expressions over plain trees: every path is looked
// up by itself, every action is applied by itself, in the plainest way that
// SEMANTICS 2.2 can be said. The product's code has no part in it but the
// parser and the numbers.
#pragma once

#include <optional>
#include <string>

#include "model/expression/ast.h"
#include "tests/testing/item_tree.h"

namespace pallet::testing {

bool OracleMatches(const model::expression::Expression& condition,
                   const TreeItem& item);

TreeItem OracleProject(const std::vector<model::expression::Path>& paths,
                       const TreeItem& item);

// nullopt: the update is refused.
std::optional<TreeItem> OracleUpdate(
    const model::expression::Expression& update, const TreeItem& item);

}  // namespace pallet::testing
