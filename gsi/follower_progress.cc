// SPDX-License-Identifier: Apache-2.0
//
// What a follower tells of how far it is.
#include <algorithm>
#include <optional>

#include "base/status_macros.h"
#include "gsi/change_reader.h"
#include "gsi/follower.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;

ChangeSeq CursorOfChannel(const Channel& channel) {
  return ChangeSeq(channel.cursor.load(std::memory_order_acquire));
}

}  // namespace

std::optional<ChangeSeq> Follower::CursorOf(storage::PartitionId target) const {
  absl::MutexLock lock(&state_);
  for (const ChannelPtr& channel : channels_) {
    if (channel->target.id == target) return CursorOfChannel(*channel);
  }
  return std::nullopt;
}

absl::StatusOr<LineageProgress> Follower::ProgressOf(uint64_t index) const {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  LineageProgress progress;
  progress.head = progress.cursor = info.change_seq.value();
  {
    absl::MutexLock lock(&state_);
    for (const ChannelPtr& channel : channels_) {
      if (channel->index != index) continue;
      progress.cursor =
          std::min(progress.cursor, CursorOfChannel(*channel).value());
    }
    const auto backfill = backfill_states_.find(index);
    if (backfill != backfill_states_.end()) {
      progress.backfill = backfill->second;
    }
    const auto rate = rates_.find(index);
    if (rate != rates_.end()) {
      progress.items_per_second =
          rate->second.PerSecond(options_.clock->Monotonic());
    }
  }
  if (progress.cursor == progress.head) return progress;
  ASSIGN_OR_RETURN(const std::optional<absl::Time> oldest,
                   TimeOfNextChange(source_, ChangeSeq(progress.cursor)));
  if (!oldest.has_value()) {
    progress.cursor = progress.head;  // what is left does not matter to indexes
    return progress;
  }
  progress.time_behind =
      std::max(absl::ZeroDuration(), options_.clock->Now() - *oldest);
  return progress;
}

Follower::Backlog Follower::backlog() const {
  Backlog backlog;
  const auto info = source_.store->Partition(source_.id);
  if (!info.ok()) return backlog;
  absl::MutexLock lock(&state_);
  for (const ChannelPtr& channel : channels_) {
    const uint64_t cursor = CursorOfChannel(*channel).value();
    const uint64_t head = info->change_seq.value();
    if (cursor < head && head - cursor > backlog.changes) {
      backlog = {head - cursor, channel->index};
    }
  }
  return backlog;
}

}  // namespace pallet::gsi
