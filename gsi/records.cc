// SPDX-License-Identifier: Apache-2.0
#include "gsi/records.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"

namespace pallet::gsi {
namespace {

constexpr uint8_t kFormat = 1;

absl::Status Damaged(absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat("a stored ", what, " is damaged"));
}

bool ConsumeFormat(absl::string_view* bytes) {
  uint8_t format = 0;
  return ConsumeU8(bytes, &format) && format == kFormat;
}

bool ConsumeString(absl::string_view* bytes, std::string* value) {
  absl::string_view view;
  if (!ConsumeBytes(bytes, &view)) return false;
  *value = std::string(view);
  return true;
}

}  // namespace

std::string EncodeChange(const ChangeView& change) {
  std::string bytes;
  bytes.reserve(16 + change.row_key.size() + change.old_keys.size());
  AppendU8(&bytes, kFormat);
  AppendU64(&bytes, static_cast<uint64_t>(absl::ToUnixMicros(change.time)));
  AppendBytes(&bytes, change.row_key);
  AppendBytes(&bytes, change.old_keys);
  return bytes;
}

absl::StatusOr<ChangeView> DecodeChange(absl::string_view bytes) {
  ChangeView change;
  uint64_t micros = 0;
  if (!ConsumeFormat(&bytes) || !ConsumeU64(&bytes, &micros) ||
      !ConsumeBytes(&bytes, &change.row_key) ||
      !ConsumeBytes(&bytes, &change.old_keys) || !bytes.empty()) {
    return Damaged("change");
  }
  change.time = absl::FromUnixMicros(static_cast<int64_t>(micros));
  return change;
}

std::string EncodeCursor(storage::ChangeSeq seq) {
  std::string bytes;
  AppendU8(&bytes, kFormat);
  AppendU64(&bytes, seq.value());
  return bytes;
}

absl::StatusOr<storage::ChangeSeq> DecodeCursor(absl::string_view bytes) {
  uint64_t seq = 0;
  if (!ConsumeFormat(&bytes) || !ConsumeU64(&bytes, &seq) || !bytes.empty()) {
    return Damaged("cursor");
  }
  return storage::ChangeSeq(seq);
}

std::string EncodeBackfill(const BackfillState& state) {
  std::string bytes;
  AppendU8(&bytes, kFormat);
  AppendU8(&bytes, state.done ? 1 : 0);
  AppendBytes(&bytes, state.next_row_key);
  AppendU64(&bytes, state.items_read);
  AppendU64(&bytes, state.items_skipped);
  AppendU32(&bytes, static_cast<uint32_t>(state.skipped.size()));
  for (const SkippedItem& item : state.skipped) {
    AppendBytes(&bytes, item.key);
    AppendBytes(&bytes, item.reason);
  }
  return bytes;
}

absl::StatusOr<BackfillState> DecodeBackfill(absl::string_view bytes) {
  BackfillState state;
  uint8_t done = 0;
  uint32_t listed = 0;
  if (!ConsumeFormat(&bytes) || !ConsumeU8(&bytes, &done) || done > 1 ||
      !ConsumeString(&bytes, &state.next_row_key) ||
      !ConsumeU64(&bytes, &state.items_read) ||
      !ConsumeU64(&bytes, &state.items_skipped) ||
      !ConsumeU32(&bytes, &listed) || listed > kMaxSkippedListed) {
    return Damaged("backfill");
  }
  state.done = done == 1;
  for (uint32_t i = 0; i < listed; ++i) {
    SkippedItem item;
    if (!ConsumeString(&bytes, &item.key) ||
        !ConsumeString(&bytes, &item.reason)) {
      return Damaged("backfill");
    }
    state.skipped.push_back(std::move(item));
  }
  if (!bytes.empty()) return Damaged("backfill");
  return state;
}

}  // namespace pallet::gsi
