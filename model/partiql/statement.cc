// SPDX-License-Identifier: Apache-2.0
#include "model/partiql/statement.h"

#include "absl/strings/str_cat.h"

namespace pallet::model::partiql {

std::string ToString(const Position& position) {
  return absl::StrCat(position.line, ":", position.column, ":",
                      position.length);
}

absl::string_view NameOf(Returning returning) {
  switch (returning) {
    case Returning::kAllOld:
      return "RETURNING ALL OLD *";
    case Returning::kModifiedOld:
      return "RETURNING MODIFIED OLD *";
    case Returning::kAllNew:
      return "RETURNING ALL NEW *";
    case Returning::kModifiedNew:
      return "RETURNING MODIFIED NEW *";
  }
  return "";
}

}  // namespace pallet::model::partiql
