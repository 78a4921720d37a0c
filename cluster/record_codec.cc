// SPDX-License-Identifier: Apache-2.0
#include "cluster/record_codec.h"

#include <google/protobuf/message_lite.h>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "xxhash.h"

namespace pallet::cluster {
namespace {

constexpr uint8_t kEnvelopeFormat = 1;

uint64_t Checksum(absl::string_view key, absl::string_view bytes) {
  std::string sealed;
  sealed.reserve(sizeof(uint64_t) + key.size() + bytes.size());
  AppendU64(&sealed, key.size());
  absl::StrAppend(&sealed, key, bytes);
  return XXH3_64bits(sealed.data(), sealed.size());
}

absl::Status Damaged(absl::string_view what, absl::string_view how) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat(what, " is damaged: ", how));
}

}  // namespace

std::string EncodeRecord(absl::string_view key,
                         const google::protobuf::MessageLite& record) {
  const std::string bytes = record.SerializeAsString();
  std::string stored;
  AppendU8(&stored, kEnvelopeFormat);
  AppendU64(&stored, Checksum(key, bytes));
  return stored + bytes;
}

absl::Status DecodeRecord(absl::string_view what, absl::string_view key,
                          absl::string_view stored,
                          google::protobuf::MessageLite* record) {
  uint8_t format = 0;
  uint64_t checksum = 0;
  if (!ConsumeU8(&stored, &format)) return Damaged(what, "it is empty");
  RETURN_IF_ERROR(CheckFormat(what, format, kEnvelopeFormat));
  if (!ConsumeU64(&stored, &checksum)) return Damaged(what, "it is cut short");
  if (format == 0 || checksum != Checksum(key, stored)) {
    return Damaged(what, "its checksum is wrong");
  }
  if (!record->ParseFromArray(stored.data(), stored.size())) {
    return Damaged(what, "it is no such record");
  }
  return absl::OkStatus();
}

absl::Status CheckFormat(absl::string_view what, uint32_t format,
                         uint32_t newest_known) {
  if (format <= newest_known) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(what, " has format ", format,
                   ", and this version of pallet knows formats up to ",
                   newest_known, ": start a newer version"));
}

}  // namespace pallet::cluster
