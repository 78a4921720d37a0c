// SPDX-License-Identifier: Apache-2.0
//
// Projections: the parts of an item that its paths lead to, as an item of their
// own. Pure functions.
#pragma once

#include <string>

#include "model/expression/path.h"
#include "model/item_view.h"

namespace pallet::model::expression {

// Canonical bytes. What the item does not have is left out, maps and lists that
// would be empty without it too. The elements of a list move together in their
// order; paths into one element meet in it. REQUIRES: the paths are apart.
std::string Project(const PathTree& paths, ItemView item);

}  // namespace pallet::model::expression
