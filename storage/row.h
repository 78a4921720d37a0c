// SPDX-License-Identifier: Apache-2.0
//
// A stored row of the items database.
//
//   row := format u8 = 1 | flags u8 = 0 | change seq u64 | size u32 | item
//
// (big endian). The image adds a checksum over key and row and checks it on
// each read (image.h); here the bytes are sound. On disk since format 1.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/ids.h"

namespace pallet::storage {

inline constexpr size_t kRowHeaderBytes = 14;

struct RowView {
  ChangeSeq change_seq = {};
  uint32_t item_size = 0;  // by DynamoDB's rule, bytes
  absl::string_view item;  // canonical Item bytes; borrowed
};

std::string EncodeRow(const RowView& row);
// The same bytes, written to `out`: kRowHeaderBytes + row.item.size() of them.
void EncodeRowTo(const RowView& row, char* out);

// kDataLoss for a format this version does not know.
absl::StatusOr<RowView> DecodeRow(absl::string_view bytes);

}  // namespace pallet::storage
