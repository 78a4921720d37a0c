// SPDX-License-Identifier: Apache-2.0
//
// What the side rows of indexes hold (storage/side_rows.h says where they lie).
//
//   change   := 0x01 | time i64 | row key bytes | old keys bytes
//   cursor   := 0x01 | change seq u64
//   backfill := 0x01 | done u8 | next row key bytes | items read u64 |
//               items skipped u64 | n u32 | (key bytes | reason bytes){n}
//   bytes    := varint length, then that many bytes
//
// Integers are big endian; times are microseconds since 1970. Old keys are the
// attributes of the item before the change that are in the key of some index, as
// a canonical item; empty if there was no item or it had none. The rows carry
// checksums, so a decode that fails is kDataLoss. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/ids.h"

namespace pallet::gsi {

struct ChangeView {
  absl::Time time;
  absl::string_view row_key;   // of the item
  absl::string_view old_keys;  // borrowed, as row_key
};

std::string EncodeChange(const ChangeView& change);
absl::StatusOr<ChangeView> DecodeChange(absl::string_view bytes);

std::string EncodeCursor(storage::ChangeSeq seq);
absl::StatusOr<storage::ChangeSeq> DecodeCursor(absl::string_view bytes);

// An item that could not be taken into an index.
struct SkippedItem {
  std::string key;  // a canonical item with the table's key
  std::string reason;

  friend bool operator==(const SkippedItem&, const SkippedItem&) = default;
};

inline constexpr size_t kMaxSkippedListed = 100;

// How far one index has been filled from one partition of its table.
struct BackfillState {
  bool done = false;
  std::string next_row_key = {};  // empty: from the beginning
  uint64_t items_read = 0;
  uint64_t items_skipped = 0;
  std::vector<SkippedItem> skipped = {};  // the first kMaxSkippedListed

  friend bool operator==(const BackfillState&, const BackfillState&) = default;
};

std::string EncodeBackfill(const BackfillState& state);
absl::StatusOr<BackfillState> DecodeBackfill(absl::string_view bytes);

}  // namespace pallet::gsi
