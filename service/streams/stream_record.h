// SPDX-License-Identifier: Apache-2.0
//
// What a partition keeps for the streams of its table (storage/side_rows.h): a
// record of each change, and of each stream how far it is kept.
//
//   record := 0x01 | time u64 | flags u8 | transaction bytes |
//             key bytes? | old image bytes? | new image bytes?
//   flags  := bits: 0 there was an item, 1 there is one, 2 done by the service,
//             3 has the old image, 4 has the new image
//   shard  := 0x01 | start u64 | closed u8 | end u64 | trimmed u64
//
// (big endian; time in microseconds since 1970; bytes as in base/bytes.h.) The
// key is there only if no image is. On disk since disk format 4. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/key.h"
#include "storage/ids.h"

namespace pallet::service {

// Views into the row. Items are canonical.
struct StreamRecordView {
  absl::Time time = {};
  bool was_there = false;              // before the change
  bool is_there = false;               // behind it
  bool by_service = false;             // not by a user: it has expired
  absl::string_view transaction = {};  // empty: of none
  absl::string_view key_item = {};     // empty: as the images have it
  std::optional<absl::string_view> old_image = {};
  std::optional<absl::string_view> new_image = {};
};

std::string EncodeStreamRecord(const StreamRecordView& record);
absl::StatusOr<StreamRecordView> DecodeStreamRecord(absl::string_view bytes);

// The key of the item that the record is about, as a canonical item.
absl::StatusOr<std::string> KeyItemOf(const model::KeySchema& key,
                                      const StreamRecordView& record);

// What a lineage has of a stream: the changes with start < seq <= end, but for
// those with seq <= trimmed.
struct Shard {
  storage::ChangeSeq start;
  std::optional<storage::ChangeSeq> end = {};  // nullopt: it is open
  storage::ChangeSeq trimmed = {};
};

std::string EncodeShard(const Shard& shard);
absl::StatusOr<Shard> DecodeShard(absl::string_view bytes);

}  // namespace pallet::service
