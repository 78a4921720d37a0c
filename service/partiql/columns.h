// SPDX-License-Identifier: Apache-2.0
//
// Columns: the list of a SELECT. A path is shown by its last name and what
// follows it: a.b[0] as an attribute "b[0]". Where there are such paths the
// statement reads whole attributes, and the values are picked out of them.
//
// Values; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/expression/path.h"
#include "model/item_view.h"
#include "model/partiql/statement.h"

namespace pallet::service::partiql {

class Columns {
 public:
  // No paths: everything. kValidation if two of them are shown by one name.
  static absl::StatusOr<Columns> Create(
      const std::vector<model::partiql::Path>& paths);

  // The attributes to read, each once, in the order of the list. Empty: all.
  const std::vector<std::string>& attributes() const { return attributes_; }

  // Whether an item of these attributes is not yet what is shown.
  bool picks() const { return picks_; }
  // A canonical item of the columns that the item has.
  std::string Pick(model::ItemView item) const;

 private:
  struct Column {
    std::string name;
    uint32_t path = 0;  // number in tree_
  };

  std::vector<std::string> attributes_;
  bool picks_ = false;
  model::expression::PathTree tree_;
  std::vector<Column> columns_;  // by name
};

}  // namespace pallet::service::partiql
