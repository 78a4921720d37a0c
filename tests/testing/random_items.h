// SPDX-License-Identifier: Apache-2.0
//
// Random writes to an IndexedTable.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "tests/testing/indexed_table.h"

namespace pallet::testing {

inline TestItem RandomItem(Random& random, int keys) {
  TestItem item;
  item.pk = absl::StrCat("item-", random.Below(keys));
  if (!random.OneIn(5)) item.a = absl::StrCat("a", random.Below(4));
  if (!random.OneIn(5)) item.b = random.Below(5);
  if (!random.OneIn(4)) item.c = absl::StrCat("c", random.Below(3));
  item.c_is_number = random.OneIn(20);
  item.v = random.Bytes(random.Below(100));
  for (char& byte : item.v) byte = static_cast<char>('a' + (byte & 15));
  return item;
}

inline absl::Status WriteOne(Random& random, int keys, IndexedTable& table) {
  if (random.OneIn(4)) {
    return table.Delete(absl::StrCat("item-", random.Below(keys)));
  }
  return table.Put(RandomItem(random, keys));
}

}  // namespace pallet::testing
