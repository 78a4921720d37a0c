// SPDX-License-Identifier: Apache-2.0
//
// Checked values: every value of an image carries a checksum.
//
//   stored := checksum u32 | value
//
// The checksum is over key and value (XXH3-64 of each, mixed and folded), so it
// also notices a sound value under a wrong key. Pure but for the transaction
// handed in. On disk since format 1.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/databases.h"
#include "storage/lmdb.h"

namespace pallet::storage {

// The value in `stored`, or kDataLoss naming the database and a hash of the
// key.
absl::StatusOr<absl::string_view> CheckValue(DatabaseId id,
                                             absl::string_view key,
                                             absl::string_view stored);

absl::StatusOr<std::optional<absl::string_view>> GetChecked(
    const lmdb::Transaction& transaction, lmdb::Database database,
    DatabaseId id, absl::string_view key);

absl::Status PutChecked(lmdb::WriteTransaction& transaction,
                        lmdb::Database database, absl::string_view key,
                        absl::string_view value);

// kDataLoss: `what` is wrong with that key of that database.
absl::Status DamagedRow(DatabaseId id, absl::string_view key,
                        absl::string_view what);

}  // namespace pallet::storage
