// SPDX-License-Identifier: Apache-2.0
//
// Position: the name of a write, given in its reply, for reads that must see
// it. Opaque to clients:
//
//   position := 0x01 | table u64 | lineage u64 | change seq u64   (big endian)
//
// Pure functions.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/partition_map.h"
#include "storage/ids.h"

namespace pallet::service {

struct Position {
  cluster::TableId table;
  storage::PartitionId lineage;
  storage::ChangeSeq seq;

  friend bool operator==(const Position&, const Position&) = default;
};

std::string EncodePosition(const Position& position);

// kValidation for bytes that no write has replied.
absl::StatusOr<Position> DecodePosition(absl::string_view bytes);

}  // namespace pallet::service
