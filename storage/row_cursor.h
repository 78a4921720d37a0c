// SPDX-License-Identifier: Apache-2.0
//
// The cursor over rows with keys of any length: it walks `items`, and where it
// meets a link it walks what is behind that in `long_keys` (long_key.h).
#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "storage/lmdb.h"
#include "storage/long_key.h"
#include "storage/read_ahead.h"
#include "storage/store.h"

namespace pallet::storage {

// Rows with begin <= key < end; an empty end is the end of the database. Must
// be gone before the transaction, and before its next change.
std::unique_ptr<RowCursor> OpenRowCursor(const lmdb::Transaction& transaction,
                                         const RowDatabases& databases,
                                         absl::string_view begin,
                                         absl::string_view end,
                                         std::unique_ptr<ReadAhead> read_ahead);

}  // namespace pallet::storage
