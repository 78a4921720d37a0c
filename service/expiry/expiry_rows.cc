// SPDX-License-Identifier: Apache-2.0
#include "service/expiry/expiry_rows.h"

#include "base/bytes.h"
#include "model/errors.h"
#include "model/expiry.h"
#include "model/item_view.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

constexpr uint8_t kFormat = 1;

std::optional<int64_t> ExpiryOf(const std::optional<ItemImage>& item,
                                absl::string_view attribute) {
  if (!item.has_value()) return std::nullopt;
  return model::ExpiryOf(model::ItemView(item->bytes), attribute);
}

}  // namespace

bool IsHidden(const cluster::Table& table, absl::string_view item,
              Clock* clock) {
  const std::optional<cluster::TimeToLive>& time_to_live = table.time_to_live;
  if (!time_to_live.has_value() || !time_to_live->hides_expired) return false;
  const auto expiry =
      model::ExpiryOf(model::ItemView(item), time_to_live->attribute);
  return expiry.has_value() && model::HasExpired(*expiry, clock->Now());
}

void WriteExpiryRow(const cluster::Table& table, storage::PartitionId partition,
                    absl::string_view row_key,
                    const std::optional<ItemImage>& before,
                    const std::optional<ItemImage>& after,
                    storage::WriteContext& context) {
  const std::optional<cluster::TimeToLive>& time_to_live = table.time_to_live;
  if (!time_to_live.has_value()) return;
  if (context.schema_version() < time_to_live->id) return;
  const auto old_expiry = ExpiryOf(before, time_to_live->attribute);
  const auto new_expiry = ExpiryOf(after, time_to_live->attribute);
  // An item from before the time to live may have no row yet: the pass sees to it.
  if (old_expiry == new_expiry) return;
  if (new_expiry.has_value()) {
    context.PutSideRow(
        storage::ExpiryKey(partition, time_to_live->id,
                           static_cast<uint64_t>(*new_expiry), row_key),
        EncodeExpiry());
  }
  if (old_expiry.has_value()) {
    context.DeleteSideRow(storage::ExpiryKey(partition, time_to_live->id,
                                             static_cast<uint64_t>(*old_expiry),
                                             row_key));
  }
}

std::string EncodeExpiryPass(const ExpiryPass& pass) {
  std::string bytes;
  AppendU8(&bytes, kFormat);
  AppendU8(&bytes, pass.done ? 1 : 0);
  bytes += pass.next_row_key;
  return bytes;
}

absl::StatusOr<ExpiryPass> DecodeExpiryPass(absl::string_view bytes) {
  uint8_t format = 0, done = 0;
  if (!ConsumeU8(&bytes, &format) || format != kFormat ||
      !ConsumeU8(&bytes, &done) || done > 1) {
    return model::MakeError(model::Reason::kDataLoss,
                            "how far a time to live has come cannot be read");
  }
  return ExpiryPass{done == 1, std::string(bytes)};
}

std::string EncodeExpiry() {
  return std::string(1, static_cast<char>(kFormat));
}

}  // namespace pallet::service
