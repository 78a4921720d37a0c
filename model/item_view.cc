// SPDX-License-Identifier: Apache-2.0
#include "model/item_view.h"

#include "base/check.h"

namespace pallet::model {

namespace internal {

void NotCanonical() {
  CHECK(false) << "a view met bytes that are not a canonical item";
  __builtin_unreachable();
}

}  // namespace internal

absl::string_view NameOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kString:
      return "S";
    case ValueKind::kNumber:
      return "N";
    case ValueKind::kBinary:
      return "B";
    case ValueKind::kStringSet:
      return "SS";
    case ValueKind::kNumberSet:
      return "NS";
    case ValueKind::kBinarySet:
      return "BS";
    case ValueKind::kMap:
      return "M";
    case ValueKind::kList:
      return "L";
    case ValueKind::kNull:
      return "NULL";
    case ValueKind::kBool:
      return "BOOL";
  }
  internal::NotCanonical();
}

}  // namespace pallet::model
