// SPDX-License-Identifier: Apache-2.0
//
// The records the load works on, as YCSB's: key `id`, ten fields of equal
// length, about `item_bytes` in all.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/random.h"
#include "client/value.h"

namespace pallet::bench {

inline constexpr char kTable[] = "bench";
inline constexpr int kFields = 10;

inline std::string RecordId(uint64_t number) {
  return absl::StrCat("user", absl::Dec(number, absl::kZeroPad12));
}

inline Item RecordKey(uint64_t number) {
  return Item{{"id", RecordId(number)}};
}

// Random letters, made once: a field is cut from them somewhere, so that
// making records takes nothing from what is measured.
inline absl::string_view CutText(size_t bytes, uint64_t where) {
  static constexpr size_t kPoolBytes = 1 << 20;
  static const std::string* const pool = [] {
    Random random(1);
    auto* text = new std::string(kPoolBytes, ' ');
    for (char& c : *text) c = static_cast<char>('a' + random.Below(26));
    return text;
  }();
  CHECK_LE(bytes, kPoolBytes / 2);
  return absl::string_view(*pool).substr(where % (kPoolBytes / 2), bytes);
}

inline Item Record(uint64_t number, size_t item_bytes, Random& random) {
  static constexpr std::array<absl::string_view, kFields> kNames = {
      "field0", "field1", "field2", "field3", "field4",
      "field5", "field6", "field7", "field8", "field9"};
  // Names and key take about 80 bytes.
  const size_t field = item_bytes > 180 ? (item_bytes - 80) / kFields : 10;
  const uint64_t where = random.Next();
  Item item;
  for (size_t i = 0; i < kFields; ++i) {
    item.Set(kNames[i], CutText(field, where + i * field));
  }
  item.Set("id", RecordId(number));
  return item;
}

}  // namespace pallet::bench
