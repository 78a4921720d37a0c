// SPDX-License-Identifier: Apache-2.0
#include "service/partiql/next_token.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"
#include "service/crypto.h"
#include "service/json/base64.h"

namespace pallet::service::partiql {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kBindingBytes = 16;
constexpr size_t kChecksumBytes = 8;

std::string ChecksumOf(absl::string_view binding, absl::string_view place) {
  return Sha256(absl::StrCat(binding, place)).substr(0, kChecksumBytes);
}

}  // namespace

std::string BindingOf(absl::string_view statement, const Parameters& parameters,
                      uint64_t table_id) {
  std::string bound;
  AppendU64(&bound, table_id);
  AppendBytes(&bound, statement);
  for (const std::string& parameter : parameters) {
    AppendBytes(&bound, parameter);
  }
  return Sha256(bound).substr(0, kBindingBytes);
}

std::string EncodeNextToken(absl::string_view binding, const Place& place) {
  std::string place_bytes;
  AppendVarint(&place_bytes, place.partition);
  AppendBytes(&place_bytes, place.key);
  std::string token;
  AppendU8(&token, kFormat);
  absl::StrAppend(&token, binding, ChecksumOf(binding, place_bytes),
                  place_bytes);
  std::string text(json::Base64Size(token.size()), '\0');
  json::EncodeBase64(token, text.data());
  return text;
}

absl::StatusOr<Place> DecodeNextToken(absl::string_view binding,
                                      absl::string_view token) {
  const absl::Status invalid = model::ValidationError("Invalid NextToken");
  std::string bytes;
  if (!json::DecodeBase64(token, &bytes).ok()) return invalid;
  absl::string_view rest = bytes;
  uint8_t format = 0;
  if (!ConsumeU8(&rest, &format) || format != kFormat ||
      rest.size() < kBindingBytes + kChecksumBytes) {
    return invalid;
  }
  const absl::string_view bound = rest.substr(0, kBindingBytes);
  const absl::string_view checksum = rest.substr(kBindingBytes, kChecksumBytes);
  rest.remove_prefix(kBindingBytes + kChecksumBytes);
  if (ChecksumOf(bound, rest) != checksum) return invalid;
  if (bound != binding) {
    return model::ValidationError("NextToken does not match request");
  }
  Place place;
  absl::string_view key;
  if (!ConsumeVarint(&rest, &place.partition) || !ConsumeBytes(&rest, &key) ||
      !rest.empty()) {
    return invalid;
  }
  place.key = std::string(key);
  return place;
}

}  // namespace pallet::service::partiql
