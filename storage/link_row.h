// SPDX-License-Identifier: Apache-2.0
//
// Link rows and the keys behind them: the bytes of long_key.h's grammar, shared
// by what changes long keys (long_key.cc) and what walks them (row_cursor.cc).
// Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/bytes.h"
#include "storage/checked_value.h"
#include "storage/key_codec.h"
#include "storage/lmdb.h"

namespace pallet::storage {

// A physical key this long is a link; a shorter one is a row.
inline constexpr size_t kLinkKeyBytes = lmdb::kMaxKeyBytes;

// keyspace | hash | link id
inline constexpr size_t kLinkPrefixBytes = kRowKeyPrefixBytes + 8;

// What all long keys behind a link begin with. REQUIRES: `row_key` begins with
// keyspace and hash.
inline std::string LinkPrefix(absl::string_view row_key, uint64_t link) {
  CHECK_GE(row_key.size(), kRowKeyPrefixBytes);
  std::string prefix(row_key.substr(0, kRowKeyPrefixBytes));
  AppendU64(&prefix, link);
  return prefix;
}

inline std::string EncodeLink(uint64_t link) {
  std::string row("\x01\x01", 2);
  AppendU64(&row, link);
  return row;
}

inline absl::StatusOr<uint64_t> DecodeLink(DatabaseId id, absl::string_view key,
                                           absl::string_view value) {
  if (value.size() != 10 || value[0] != 1 || value[1] != 1) {
    return DamagedRow(id, key, "no link row");
  }
  return LoadU64(value.data() + 2);
}

}  // namespace pallet::storage
