// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/item_effects.h"

#include <cstdint>

#include "base/check.h"
#include "base/status_macros.h"
#include "gsi/change_writer.h"
#include "service/expiry/expiry_rows.h"
#include "service/handlers/collection_size.h"
#include "service/streams/stream_record.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

// Whether its partition keeps changes for global indexes.
bool IsFollowed(const cluster::Table& table,
                const storage::WriteContext& context) {
  return context.schema_version() > 0 && !table.global_indexes.empty();
}

bool IsChange(const ItemTransition& transition) {
  const auto& before = transition.before;
  const auto& after = transition.after;
  if (before.has_value() != after.has_value()) return true;
  return before.has_value() && before->bytes != after->bytes;
}

void RecordInStream(const cluster::Table& table,
                    const cluster::TableStream& stream,
                    storage::PartitionId partition,
                    const ItemTransition& transition, absl::Time now,
                    storage::WriteContext& context) {
  const auto& before = transition.before;
  const auto& after = transition.after;
  StreamRecordView record = {.time = now,
                             .was_there = before.has_value(),
                             .is_there = after.has_value(),
                             .by_service = transition.by_service,
                             .transaction = transition.transaction};
  if (stream.keeps_old_image && before.has_value()) {
    record.old_image = before->bytes;
  }
  if (stream.keeps_new_image && after.has_value()) {
    record.new_image = after->bytes;
  }
  std::string key_item;
  if (!record.old_image.has_value() && !record.new_image.has_value()) {
    const absl::string_view item =
        after.has_value() ? after->bytes : before->bytes;
    const auto key = model::KeyOfItem(table.key, model::ItemView(item));
    CHECK(key.ok()) << key.status();
    key_item = model::EncodeKeyItem(table.key, *key);
    record.key_item = key_item;
  }
  context.PutSideRow(
      storage::StreamRecordKey(partition, stream.id, context.change_seq()),
      EncodeStreamRecord(record));
}

}  // namespace

absl::StatusOr<UnitsByArm> WriteItem(const cluster::Table& table,
                                     storage::PartitionId partition,
                                     const ItemTransition& transition,
                                     Clock* clock,
                                     storage::WriteContext& context) {
  const absl::string_view row_key = transition.row_key;
  const auto& before = transition.before;
  const auto& after = transition.after;
  const bool is_followed = IsFollowed(table, context);
  const cluster::TableStream* const stream =
      table.StreamAt(context.schema_version());
  if ((is_followed || stream != nullptr) && IsChange(transition)) {
    const absl::Time now = clock->Now();
    if (is_followed) {
      gsi::RecordChange(
          partition, context.change_seq(), now, row_key,
          before.has_value() ? before->bytes : absl::string_view(),
          table.index_key_attributes, context);
    }
    if (stream != nullptr) {
      RecordInStream(table, *stream, partition, transition, now, context);
    }
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
  WriteExpiryRow(table, partition, row_key, before, after, context);
  RETURN_IF_ERROR(AddToCollection(table, partition, row_key, growth, context));
  if (transition.reports_units || table.meters_global_indexes) {
    AddGlobalIndexUnits(table, before, after, &units);
  }
  return units;
}

}  // namespace pallet::service
