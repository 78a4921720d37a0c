// SPDX-License-Identifier: Apache-2.0
#include "service/streams/stream_record.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/item_view.h"

namespace pallet::service {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kWasThere = 1;
constexpr uint8_t kIsThere = 2;
constexpr uint8_t kByService = 4;
constexpr uint8_t kHasOldImage = 8;
constexpr uint8_t kHasNewImage = 16;
constexpr uint8_t kAllFlags = 31;

absl::Status Damaged(absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat("a stored ", what, " is damaged"));
}

bool ConsumeFormat(absl::string_view* bytes) {
  uint8_t format = 0;
  return ConsumeU8(bytes, &format) && format == kFormat;
}

uint8_t FlagsOf(const StreamRecordView& record) {
  uint8_t flags = 0;
  if (record.was_there) flags |= kWasThere;
  if (record.is_there) flags |= kIsThere;
  if (record.by_service) flags |= kByService;
  if (record.old_image.has_value()) flags |= kHasOldImage;
  if (record.new_image.has_value()) flags |= kHasNewImage;
  return flags;
}

bool ConsumeImage(bool is_there, absl::string_view* bytes,
                  std::optional<absl::string_view>* image) {
  if (!is_there) return true;
  return ConsumeBytes(bytes, &image->emplace());
}

}  // namespace

std::string EncodeStreamRecord(const StreamRecordView& record) {
  const absl::string_view old_image = record.old_image.value_or("");
  const absl::string_view new_image = record.new_image.value_or("");
  std::string bytes;
  bytes.reserve(48 + record.transaction.size() + record.key_item.size() +
                old_image.size() + new_image.size());
  AppendU8(&bytes, kFormat);
  AppendU64(&bytes, static_cast<uint64_t>(absl::ToUnixMicros(record.time)));
  AppendU8(&bytes, FlagsOf(record));
  AppendBytes(&bytes, record.transaction);
  if (!record.old_image.has_value() && !record.new_image.has_value()) {
    AppendBytes(&bytes, record.key_item);
  }
  if (record.old_image.has_value()) AppendBytes(&bytes, old_image);
  if (record.new_image.has_value()) AppendBytes(&bytes, new_image);
  return bytes;
}

absl::StatusOr<StreamRecordView> DecodeStreamRecord(absl::string_view bytes) {
  StreamRecordView record;
  uint64_t micros = 0;
  uint8_t flags = 0;
  if (!ConsumeFormat(&bytes) || !ConsumeU64(&bytes, &micros) ||
      !ConsumeU8(&bytes, &flags) || flags > kAllFlags ||
      !ConsumeBytes(&bytes, &record.transaction)) {
    return Damaged("stream record");
  }
  record.time = absl::FromUnixMicros(static_cast<int64_t>(micros));
  record.was_there = (flags & kWasThere) != 0;
  record.is_there = (flags & kIsThere) != 0;
  record.by_service = (flags & kByService) != 0;
  const bool has_image = (flags & (kHasOldImage | kHasNewImage)) != 0;
  if ((!has_image && !ConsumeBytes(&bytes, &record.key_item)) ||
      !ConsumeImage((flags & kHasOldImage) != 0, &bytes, &record.old_image) ||
      !ConsumeImage((flags & kHasNewImage) != 0, &bytes, &record.new_image) ||
      !bytes.empty()) {
    return Damaged("stream record");
  }
  return record;
}

absl::StatusOr<std::string> KeyItemOf(const model::KeySchema& key,
                                      const StreamRecordView& record) {
  if (!record.old_image.has_value() && !record.new_image.has_value()) {
    return std::string(record.key_item);
  }
  const model::ItemView item(record.new_image.has_value() ? *record.new_image
                                                          : *record.old_image);
  const absl::StatusOr<model::Key> value = model::KeyOfItem(key, item);
  if (!value.ok()) return Damaged("stream record");
  return model::EncodeKeyItem(key, *value);
}

std::string EncodeShard(const Shard& shard) {
  std::string bytes;
  AppendU8(&bytes, kFormat);
  AppendU64(&bytes, shard.start.value());
  AppendU8(&bytes, shard.end.has_value() ? 1 : 0);
  AppendU64(&bytes, shard.end.value_or(storage::ChangeSeq(0)).value());
  AppendU64(&bytes, shard.trimmed.value());
  return bytes;
}

absl::StatusOr<Shard> DecodeShard(absl::string_view bytes) {
  uint64_t start = 0, end = 0, trimmed = 0;
  uint8_t closed = 0;
  if (!ConsumeFormat(&bytes) || !ConsumeU64(&bytes, &start) ||
      !ConsumeU8(&bytes, &closed) || closed > 1 || !ConsumeU64(&bytes, &end) ||
      !ConsumeU64(&bytes, &trimmed) || !bytes.empty()) {
    return Damaged("shard");
  }
  Shard shard{storage::ChangeSeq(start), std::nullopt,
              storage::ChangeSeq(trimmed)};
  if (closed == 1) shard.end = storage::ChangeSeq(end);
  return shard;
}

}  // namespace pallet::service
