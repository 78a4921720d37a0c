// SPDX-License-Identifier: Apache-2.0
#include "storage/row.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kNoFlags = 0;

}  // namespace

std::string EncodeRow(const RowView& row) {
  std::string bytes;
  bytes.reserve(kRowHeaderBytes + row.item.size());
  AppendU8(&bytes, kFormat);
  AppendU8(&bytes, kNoFlags);
  AppendU64(&bytes, row.change_seq.value());
  AppendU32(&bytes, row.item_size);
  bytes.append(row.item.data(), row.item.size());
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
