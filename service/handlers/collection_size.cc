// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/collection_size.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/key_codec.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

constexpr uint8_t kFormat = 1;

std::string KeyOf(storage::PartitionId partition, absl::string_view row_key) {
  return storage::CollectionKey(partition,
                                storage::CollectionPrefixOf(row_key));
}

absl::StatusOr<uint64_t> Decode(absl::string_view bytes) {
  uint8_t format = 0;
  uint64_t size = 0;
  if (!ConsumeU8(&bytes, &format) || format != kFormat ||
      !ConsumeU64(&bytes, &size) || !bytes.empty()) {
    return model::MakeError(model::Reason::kDataLoss,
                            "the size of an item collection cannot be read");
  }
  return size;
}

absl::StatusOr<uint64_t> ReadSize(absl::string_view key,
                                  storage::RowReader& rows) {
  ASSIGN_OR_RETURN(const std::optional<storage::RowView> row, rows.Get(key));
  if (!row.has_value()) return 0;
  return Decode(row->item);
}

}  // namespace

absl::Status CheckCollectionRoom(const cluster::Table& table,
                                 storage::PartitionId partition,
                                 absl::string_view row_key,
                                 const std::optional<ItemImage>& before,
                                 const std::optional<ItemImage>& after,
                                 storage::RowReader& rows) {
  if (!table.keeps_collection_sizes || !after.has_value()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const uint64_t size,
                   ReadSize(KeyOf(partition, row_key), rows));
  // No entry is larger than its item: what it grows by need not be known
  // exactly while there is room for the most it could be.
  const uint64_t most = (1 + table.local_indexes.size()) * after->size;
  if (size + most <= kMaxCollectionBytes) return absl::OkStatus();
  const int64_t growth = CollectionGrowth(table, before, after);
  if (growth <= 0 ||
      size + static_cast<uint64_t>(growth) <= kMaxCollectionBytes) {
    return absl::OkStatus();
  }
  return model::MakeError(model::Reason::kItemCollectionSizeLimitExceeded,
                          "Collection size exceeded.");
}

absl::Status AddToCollection(const cluster::Table& table,
                             storage::PartitionId partition,
                             absl::string_view row_key, int64_t bytes,
                             storage::WriteContext& context) {
  if (!table.keeps_collection_sizes || bytes == 0) return absl::OkStatus();
  const std::string key = KeyOf(partition, row_key);
  ASSIGN_OR_RETURN(const uint64_t before, ReadSize(key, context));
  const uint64_t after = before + static_cast<uint64_t>(bytes);
  if (after > uint64_t{INT64_MAX}) {
    return model::MakeError(
        model::Reason::kDataLoss,
        "an item collection would have less than nothing in it");
  }
  if (after == 0) {
    context.DeleteSideRow(key);
    return absl::OkStatus();
  }
  std::string row;
  AppendU8(&row, kFormat);
  AppendU64(&row, after);
  context.PutSideRow(key, row);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> CollectionBytes(
    const cluster::Table& table, storage::PartitionId partition,
    absl::string_view row_key, storage::RowReader& rows) {
  if (!table.keeps_collection_sizes) return std::nullopt;
  return ReadSize(KeyOf(partition, row_key), rows);
}

}  // namespace pallet::service
