// SPDX-License-Identifier: Apache-2.0
#include "service/streams/watch_token.h"

#include "base/bytes.h"
#include "model/errors.h"
#include "service/crypto.h"

namespace pallet::service {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kMacBytes = 16;

std::string MacOf(absl::string_view payload, absl::string_view secret) {
  const std::string key = HmacSha256(secret, "watch token");
  return HmacSha256(key, payload).substr(0, kMacBytes);
}

absl::Status Invalid() {
  return model::ValidationError(
      "One or more parameter values were invalid: the resume_token is none "
      "that a watch has returned");
}

bool ConsumePlace(absl::string_view* bytes, WatchPlace* place) {
  uint64_t lineage = 0, after = 0;
  uint8_t full = 0;
  absl::string_view copied;
  if (!ConsumeU64(bytes, &lineage) || !ConsumeU64(bytes, &after) ||
      !ConsumeU8(bytes, &full) || !ConsumeBytes(bytes, &copied)) {
    return false;
  }
  *place = {storage::PartitionId(lineage), storage::ChangeSeq(after),
            std::string(copied), full == 1};
  return true;
}

}  // namespace

std::string EncodeWatchToken(const WatchToken& token,
                             absl::string_view secret) {
  std::string bytes;
  AppendU8(&bytes, kFormat);
  AppendU64(&bytes, token.table.value());
  AppendU64(&bytes, token.stream);
  AppendU64(&bytes, token.filter);
  AppendU32(&bytes, static_cast<uint32_t>(token.places.size()));
  for (const WatchPlace& place : token.places) {
    AppendU64(&bytes, place.lineage.value());
    AppendU64(&bytes, place.after.value());
    AppendU8(&bytes, place.is_full ? 1 : 0);
    AppendBytes(&bytes, place.is_full ? absl::string_view() : place.copied);
  }
  bytes.append(MacOf(bytes, secret));
  return bytes;
}

absl::StatusOr<WatchToken> DecodeWatchToken(absl::string_view bytes,
                                            absl::string_view secret) {
  if (bytes.size() < kMacBytes) return Invalid();
  absl::string_view payload = bytes.substr(0, bytes.size() - kMacBytes);
  if (!EqualInConstantTime(MacOf(payload, secret),
                           bytes.substr(payload.size()))) {
    return Invalid();
  }
  uint8_t format = 0;
  uint64_t table = 0;
  uint32_t count = 0;
  WatchToken token;
  if (!ConsumeU8(&payload, &format) || format != kFormat ||
      !ConsumeU64(&payload, &table) || !ConsumeU64(&payload, &token.stream) ||
      !ConsumeU64(&payload, &token.filter) || !ConsumeU32(&payload, &count)) {
    return Invalid();
  }
  token.table = cluster::TableId(table);
  for (uint32_t i = 0; i < count; ++i) {
    WatchPlace place;
    if (!ConsumePlace(&payload, &place)) return Invalid();
    token.places.push_back(std::move(place));
  }
  return token;
}

}  // namespace pallet::service
