// SPDX-License-Identifier: Apache-2.0
#include "service/position.h"

#include "base/bytes.h"
#include "model/errors.h"

namespace pallet::service {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kBytes = 25;

}  // namespace

std::string EncodePosition(const Position& position) {
  std::string bytes;
  bytes.reserve(kBytes);
  AppendU8(&bytes, kFormat);
  AppendU64(&bytes, position.table.value());
  AppendU64(&bytes, position.lineage.value());
  AppendU64(&bytes, position.seq.value());
  return bytes;
}

absl::StatusOr<Position> DecodePosition(absl::string_view bytes) {
  uint8_t format = 0;
  uint64_t table = 0, lineage = 0, seq = 0;
  if (!ConsumeU8(&bytes, &format) || format != kFormat ||
      !ConsumeU64(&bytes, &table) || !ConsumeU64(&bytes, &lineage) ||
      !ConsumeU64(&bytes, &seq) || !bytes.empty()) {
    return model::ValidationError(
        "One or more parameter values were invalid: a position is none that a "
        "write has returned");
  }
  return Position{cluster::TableId(table), storage::PartitionId(lineage),
                  storage::ChangeSeq(seq)};
}

}  // namespace pallet::service
