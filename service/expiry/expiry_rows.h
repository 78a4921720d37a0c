// SPDX-License-Identifier: Apache-2.0
//
// When items expire (docs/adr/0019-time-to-live.md): side rows of a partition, in
// the order of time, that the decision of each write keeps in step with its items.
//
//   pass   := 0x01 | done u8 | next row key    -- how far the items that were
//             there before the time to live have been read; empty: from the first
//   expiry := 0x01
//
// Their keys are in storage/side_rows.h. Rows of a time to live that the table
// does not have any more are left over, and to be deleted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "cluster/partition_map.h"
#include "service/handlers/index_rows.h"
#include "storage/store.h"

namespace pallet::service {

// Whether readers must not see the item, or the entry of an index that has the
// attribute. The clock is asked only for a table that hides what has expired.
bool IsHidden(const cluster::Table& table, absl::string_view item,
              Clock* clock);

// In the decision of the write that makes `before` to `after`. Nothing is written
// if it stays when it was, or if the partition keeps no expiries by then.
void WriteExpiryRow(const cluster::Table& table, storage::PartitionId partition,
                    absl::string_view row_key,
                    const std::optional<ItemImage>& before,
                    const std::optional<ItemImage>& after,
                    storage::WriteContext& context);

struct ExpiryPass {
  bool done = false;
  std::string next_row_key = {};
};

std::string EncodeExpiryPass(const ExpiryPass& pass);
absl::StatusOr<ExpiryPass> DecodeExpiryPass(absl::string_view bytes);
// What an expiry holds.
std::string EncodeExpiry();

}  // namespace pallet::service
