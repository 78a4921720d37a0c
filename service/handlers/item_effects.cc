// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_effects.h"

#include <cstdint>

#include "base/status_macros.h"
#include "gsi/change_writer.h"
#include "service/handlers/collection_size.h"

namespace pallet::service {
namespace {

// Whether its partition keeps changes for global indexes.
bool IsFollowed(const cluster::Table& table,
                const storage::WriteContext& context) {
  return context.schema_version() > 0 && !table.global_indexes.empty();
}

bool IsChange(const ItemTransition& transition) {
  const auto& [row_key, before, after, reports_units] = transition;
  if (before.has_value() != after.has_value()) return true;
  return before.has_value() && before->bytes != after->bytes;
}

}  // namespace

absl::StatusOr<UnitsByArm> WriteItem(const cluster::Table& table,
                                     storage::PartitionId partition,
                                     const ItemTransition& transition,
                                     Clock* clock,
                                     storage::WriteContext& context) {
  const auto& [row_key, before, after, reports_units] = transition;
  if (IsFollowed(table, context) && IsChange(transition)) {
    gsi::RecordChange(partition, context.change_seq(), clock->Now(), row_key,
                      before.has_value() ? before->bytes : absl::string_view(),
                      table.index_key_attributes, context);
  }
  if (after.has_value()) {
    context.Put(row_key, after->bytes, static_cast<uint32_t>(after->size));
  } else if (before.has_value()) {
    context.Delete(row_key);
  }
  UnitsByArm units;
  units.table = WriteUnits(before.has_value() ? before->size : 0,
                           after.has_value() ? after->size : 0);
  int64_t growth = static_cast<int64_t>(after.has_value() ? after->size : 0) -
                   static_cast<int64_t>(before.has_value() ? before->size : 0);
  WriteIndexRows(table, row_key, before, after, context, &units, &growth);
  RETURN_IF_ERROR(AddToCollection(table, partition, row_key, growth, context));
  if (reports_units || table.meters_global_indexes) {
    AddGlobalIndexUnits(table, before, after, &units);
  }
  return units;
}

}  // namespace pallet::service
