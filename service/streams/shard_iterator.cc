// SPDX-License-Identifier: Apache-2.0
#include "service/streams/shard_iterator.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"
#include "service/crypto.h"
#include "service/json/base64.h"

namespace pallet::service {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kMacBytes = 16;

std::string MacOf(absl::string_view payload, absl::string_view secret) {
  const std::string key = HmacSha256(secret, "shard iterator");
  return HmacSha256(key, payload).substr(0, kMacBytes);
}

std::string ToBase64(absl::string_view bytes) {
  std::string text(json::Base64Size(bytes.size()), '\0');
  json::EncodeBase64(bytes, text.data());
  return text;
}

absl::Status Invalid() {
  return model::ValidationError("Invalid ShardIterator");
}

}  // namespace

std::string EncodeShardIterator(const ShardIterator& iterator,
                                absl::string_view secret) {
  std::string bytes;
  AppendU8(&bytes, kFormat);
  AppendU64(&bytes, iterator.table.value());
  AppendU64(&bytes, iterator.stream);
  AppendU64(&bytes, iterator.lineage.value());
  AppendU64(&bytes, iterator.after.value());
  AppendU64(&bytes, static_cast<uint64_t>(absl::ToUnixMicros(iterator.issued)));
  bytes.append(iterator.table_name);
  bytes.append(MacOf(bytes, secret));
  return ToBase64(bytes);
}

absl::StatusOr<ShardIterator> DecodeShardIterator(absl::string_view text,
                                                  absl::string_view secret,
                                                  absl::Time now) {
  std::string bytes;
  if (!json::DecodeBase64(text, &bytes).ok() || bytes.size() < kMacBytes) {
    return Invalid();
  }
  absl::string_view payload(bytes.data(), bytes.size() - kMacBytes);
  const absl::string_view mac(bytes.data() + payload.size(), kMacBytes);
  if (!EqualInConstantTime(MacOf(payload, secret), mac)) return Invalid();
  uint8_t format = 0;
  uint64_t table = 0, stream = 0, lineage = 0, after = 0, issued = 0;
  if (!ConsumeU8(&payload, &format) || format != kFormat ||
      !ConsumeU64(&payload, &table) || !ConsumeU64(&payload, &stream) ||
      !ConsumeU64(&payload, &lineage) || !ConsumeU64(&payload, &after) ||
      !ConsumeU64(&payload, &issued)) {
    return Invalid();
  }
  ShardIterator iterator;
  iterator.table = cluster::TableId(table);
  iterator.stream = stream;
  iterator.lineage = storage::PartitionId(lineage);
  iterator.after = storage::ChangeSeq(after);
  iterator.issued = absl::FromUnixMicros(static_cast<int64_t>(issued));
  iterator.table_name = std::string(payload);
  if (iterator.issued + kShardIteratorLife < now) {
    return model::MakeError(
        model::Reason::kExpiredIterator,
        absl::StrCat("Iterator expired. The iterator was created at ",
                     absl::FormatTime(iterator.issued, absl::UTCTimeZone()),
                     "; its age exceeds the maximum age allowed of 15 "
                     "minutes"));
  }
  return iterator;
}

}  // namespace pallet::service
