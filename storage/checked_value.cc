// SPDX-License-Identifier: Apache-2.0
#include "storage/checked_value.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "model/errors.h"

// The same hash by the widest vectors the machine has: half the time for 1 KB.
#if defined(__x86_64__)
#include "xxh_x86dispatch.h"
#else
#include "xxhash.h"
#endif

namespace pallet::storage {
namespace {

constexpr size_t kChecksumBytes = 4;

uint32_t Checksum(absl::string_view key, absl::string_view value) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  const uint64_t mixed = XXH3_64bits(value.data(), value.size()) +
                         XXH3_64bits(key.data(), key.size()) * kOdd;
  return static_cast<uint32_t>(mixed >> 32) ^ static_cast<uint32_t>(mixed);
}

}  // namespace

absl::Status DamagedRow(DatabaseId id, absl::string_view key,
                        absl::string_view what) {
  return model::MakeError(
      model::Reason::kDataLoss,
      absl::StrCat("image database ", InfoOf(id).name, ", key with hash ",
                   absl::Hex(XXH3_64bits(key.data(), key.size())), ": ", what));
}

absl::StatusOr<absl::string_view> CheckValue(DatabaseId id,
                                             absl::string_view key,
                                             absl::string_view stored) {
  if (ABSL_PREDICT_FALSE(stored.size() < kChecksumBytes)) {
    return DamagedRow(id, key, "too short for a checksum");
  }
  const absl::string_view value = stored.substr(kChecksumBytes);
  if (ABSL_PREDICT_FALSE(LoadU32(stored.data()) != Checksum(key, value))) {
    return DamagedRow(id, key, "the checksum does not match");
  }
  return value;
}

absl::StatusOr<std::optional<absl::string_view>> GetChecked(
    const lmdb::Transaction& transaction, lmdb::Database database,
    DatabaseId id, absl::string_view key) {
  ASSIGN_OR_RETURN(const std::optional<absl::string_view> stored,
                   transaction.Get(database, key));
  if (!stored.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const absl::string_view value, CheckValue(id, key, *stored));
  return value;
}

absl::Status PutChecked(lmdb::WriteTransaction& transaction,
                        lmdb::Database database, absl::string_view key,
                        absl::string_view value) {
  ASSIGN_OR_RETURN(
      char* const room,
      transaction.Reserve(database, key, kChecksumBytes + value.size()));
  StoreU32(room, Checksum(key, value));
  std::memcpy(room + kChecksumBytes, value.data(), value.size());
  return absl::OkStatus();
}

}  // namespace pallet::storage
