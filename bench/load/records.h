// SPDX-License-Identifier: Apache-2.0
//
// The records the load works on, as YCSB's: key `id`, ten fields of equal
// length, about `item_bytes` in all.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_format.h"
#include "base/random.h"
#include "client/value.h"

namespace pallet::bench {

inline constexpr char kTable[] = "bench";
inline constexpr int kFields = 10;

inline std::string RecordId(uint64_t number) {
  return absl::StrFormat("user%012d", number);
}

inline Item RecordKey(uint64_t number) {
  return Item{{"id", RecordId(number)}};
}

inline std::string FieldText(size_t bytes, Random& random) {
  std::string text(bytes, ' ');
  for (char& c : text) c = static_cast<char>('a' + random.Below(26));
  return text;
}

inline Item Record(uint64_t number, size_t item_bytes, Random& random) {
  Item item = RecordKey(number);
  // Names and key take about 80 bytes.
  const size_t field = item_bytes > 180 ? (item_bytes - 80) / kFields : 10;
  // One random text serves all fields, shifted: cheap, and still distinct.
  const std::string text = FieldText(field + kFields, random);
  for (int i = 0; i < kFields; ++i) {
    item.Set(absl::StrFormat("field%d", i), text.substr(i, field));
  }
  return item;
}

}  // namespace pallet::bench
