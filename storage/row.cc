// SPDX-License-Identifier: Apache-2.0
#include "storage/row.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kNoFlags = 0;

}  // namespace

void EncodeRowTo(const RowView& row, char* out) {
  out[0] = kFormat;
  out[1] = kNoFlags;
  StoreU64(out + 2, row.change_seq.value());
  StoreU32(out + 10, row.item_size);
  if (row.item.empty()) return;
  std::memcpy(out + kRowHeaderBytes, row.item.data(), row.item.size());
}

std::string EncodeRow(const RowView& row) {
  std::string bytes(kRowHeaderBytes + row.item.size(), '\0');
  EncodeRowTo(row, bytes.data());
  return bytes;
}

absl::StatusOr<RowView> DecodeRow(absl::string_view bytes) {
  if (ABSL_PREDICT_FALSE(bytes.size() < kRowHeaderBytes ||
                         bytes[0] != kFormat || bytes[1] != kNoFlags)) {
    return model::MakeError(
        model::Reason::kDataLoss,
        absl::StrCat("a row of ", bytes.size(), " bytes has a format or flags ",
                     "this version does not know"));
  }
  return RowView{.change_seq = ChangeSeq(LoadU64(bytes.data() + 2)),
                 .item_size = LoadU32(bytes.data() + 10),
                 .item = bytes.substr(kRowHeaderBytes)};
}

}  // namespace pallet::storage
