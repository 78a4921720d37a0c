// SPDX-License-Identifier: Apache-2.0
#include "gsi/follower.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/status_macros.h"
#include "gsi/change_reader.h"
#include "gsi/trim.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;

constexpr absl::Duration kWhenIdle = absl::Seconds(1);
constexpr absl::Duration kAfterError = absl::Milliseconds(20);
constexpr absl::Duration kAfterErrorAtMost = absl::Seconds(1);
// A cursor that is so far behind what is known is kept without being idle.
constexpr uint64_t kCursorSlack = 4096;

ChangeSeq CursorOfChannel(const Channel& channel) {
  return ChangeSeq(channel.cursor.load(std::memory_order_acquire));
}

bool IsSettledChannel(const Channel& channel) {
  return CursorOfChannel(channel).value() >= channel.settled_at.load();
}

void Move(ChangeSeq seq, Channel* channel) {
  channel->cursor.store(seq.value(), std::memory_order_release);
}

}  // namespace

Follower::Follower(const Source& source, Options options)
    : source_(source),
      options_(std::move(options)),
      backfill_(source, options_.observer) {}

absl::Status Follower::SetTable(TopologyPtr table) {
  absl::MutexLock lock(&run_);
  table_ = std::move(table);
  begun_ = false;
  return Begin();
}

absl::Duration Follower::Run() {
  absl::MutexLock lock(&run_);
  const absl::StatusOr<absl::Duration> next = Step();
  if (next.ok()) {
    failures_ = 0;
    return *next;
  }
  if (failures_++ == 0) {
    options_.logger->Warning(
        "gsi.step_failed",
        {{"partition", source_.id.value()}, {"error", next.status()}});
  }
  return std::min(kAfterErrorAtMost, kAfterError * failures_);
}

absl::StatusOr<absl::Duration> Follower::Step() {
  if (table_ == nullptr) return absl::InfiniteDuration();
  if (!begun_) RETURN_IF_ERROR(Begin());
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  ASSIGN_OR_RETURN(absl::Duration next, FollowChanges(info.change_seq));
  ASSIGN_OR_RETURN(const absl::Duration after_fill, Fill());
  next = std::min(next, after_fill);
  NoteFilled(std::max(info.change_seq, backfill_.newest()));
  if (next <= absl::ZeroDuration()) return next;
  ASSIGN_OR_RETURN(const absl::Duration after_tidying, TidyUp());
  return std::min(next, after_tidying);
}

// --- A table that is new or has changed ---

absl::Status Follower::Begin() {
  RETURN_IF_ERROR(backfill_.Load());
  RETURN_IF_ERROR(backfill_.Attach(*table_));
  RETURN_IF_ERROR(MakeChannels());
  begun_ = true;
  return absl::OkStatus();
}

absl::Status Follower::MakeChannels() {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  std::map<storage::PartitionId, ChannelPtr> old;
  {
    absl::MutexLock lock(&state_);
    for (const ChannelPtr& channel : channels_)
      old[channel->target.id] = channel;
  }
  std::vector<ChannelPtr> channels;
  for (const IndexTopology& index : table_->indexes) {
    for (const Target& target : index.targets) {
      ChannelPtr channel = std::move(old[target.id]);
      if (channel == nullptr) {
        channel = std::make_shared<Channel>();
        channel->index = index.id;
        channel->target = target;
        RETURN_IF_ERROR(target.store->Read(
            [&](storage::ReadTransaction& read) -> absl::Status {
              ASSIGN_OR_RETURN(channel->durable,
                               ReadCursor(read, target.id, source_.id));
              return absl::OkStatus();
            }));
        Move(channel->durable, channel.get());
        if (channel->durable < info.change_seq) {
          channel->unknown_until = info.change_seq.value();
          channel->settled_at = info.change_seq.value();
        }
      }
      channels.push_back(std::move(channel));
    }
  }
  absl::MutexLock lock(&state_);
  channels_ = std::move(channels);
  backfill_states_ = backfill_.states();
  std::erase_if(rates_,
                [&](const auto& rate) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_) {
                  return !backfill_states_.contains(rate.first);
                });
  done_at_.clear();
  return absl::OkStatus();
}

// --- Changes ---

std::vector<Channel*> Follower::ReadyChannels(ChangeSeq head,
                                              absl::Duration* next) const {
  const absl::Duration now = options_.clock->Monotonic();
  std::vector<Channel*> ready;
  absl::MutexLock lock(&state_);
  for (const ChannelPtr& channel : channels_) {
    if (CursorOfChannel(*channel) >= head ||
        options_.switch_of(channel->index).paused) {
      continue;
    }
    if (channel->retry_at > now) {
      *next = std::min(*next, channel->retry_at - now);
      continue;
    }
    ready.push_back(channel.get());
  }
  return ready;
}

absl::StatusOr<absl::Duration> Follower::FollowChanges(ChangeSeq head) {
  absl::Duration next = absl::InfiniteDuration();
  const std::vector<Channel*> ready = ReadyChannels(head, &next);
  if (ready.empty()) return next;
  const auto by_cursor = [](const Channel* a, const Channel* b) {
    return CursorOfChannel(*a) < CursorOfChannel(*b);
  };
  const auto [last, first] =
      std::minmax_element(ready.begin(), ready.end(), by_cursor);
  const Channel& chosen = leaders_turn_ ? **first : **last;
  leaders_turn_ = !leaders_turn_;
  const absl::Duration delay = options_.switch_of(chosen.index).delay;
  const ChangeSeq after = CursorOfChannel(chosen);

  ReadLimits limits;
  limits.changes = options_.round_changes;
  if (delay > absl::ZeroDuration()) {
    limits.not_after = options_.clock->Now() - delay;
  }
  ASSIGN_OR_RETURN(const Changes changes, ReadChanges(source_, after, limits));
  Tell(options_.observer, Step::kChangesRead);
  std::vector<Channel*> taking;
  for (Channel* channel : ready) {
    const ChangeSeq cursor = CursorOfChannel(*channel);
    if (cursor >= after && cursor < changes.through &&
        options_.switch_of(channel->index).delay == delay) {
      taking.push_back(channel);
    }
  }
  if (!taking.empty()) {
    RETURN_IF_ERROR(RunRound(changes, taking));
    last_change_ = options_.clock->Monotonic();
    return absl::ZeroDuration();
  }
  // All of them wait for a change to be old enough.
  const absl::Duration wait = changes.next_time + delay - options_.clock->Now();
  const bool others_wait_too =
      std::any_of(ready.begin(), ready.end(), [&](const Channel* channel) {
        return CursorOfChannel(*channel) != after ||
               options_.switch_of(channel->index).delay != delay;
      });
  if (others_wait_too) next = std::min(next, absl::Milliseconds(1));
  return std::min(next, std::max(wait, absl::Milliseconds(1)));
}

absl::Status Follower::RunRound(const Changes& changes,
                                const std::vector<Channel*>& channels) {
  std::map<storage::PartitionId, Channel*> taking;
  for (Channel* channel : channels) {
    taking[channel->target.id] = channel;
    NoteRead(changes.newest, channel);
  }
  std::vector<Shipment> shipments;
  std::vector<TargetPlan> shipped;  // of each shipment
  for (const IndexTopology& index : table_->indexes) {
    std::vector<TargetPlan> plans(index.targets.size());
    bool takes_part = false;
    for (size_t i = 0; i < plans.size(); ++i) {
      const auto at = taking.find(index.targets[i].id);
      if (at == taking.end()) continue;
      takes_part = plans[i].takes_part = true;
      plans[i].cursor = CursorOfChannel(*at->second);
      plans[i].early = &at->second->early;
    }
    if (!takes_part) continue;
    PlanChanges(index, table_->hash_seed, changes, absl::MakeSpan(plans));
    for (size_t i = 0; i < plans.size(); ++i) {
      if (!plans[i].takes_part) continue;
      Channel* const channel = taking[index.targets[i].id];
      if (plans[i].mutations.empty()) {
        Move(changes.through, channel);  // nothing there matters to it
        Remember(plans[i], &channel->early);
        continue;
      }
      Shipment shipment;
      shipment.channel = channel;
      shipment.batch = {channel->target.id, source_.id, channel->durable,
                        changes.through, std::move(plans[i].mutations)};
      shipments.push_back(std::move(shipment));
      shipped.push_back(std::move(plans[i]));
    }
  }
  if (shipments.empty()) return absl::OkStatus();
  Tell(options_.observer, Step::kBeforeSend);
  SendAll(shipments, options_.observer);
  Tell(options_.observer, Step::kSent);
  for (size_t i = 0; i < shipments.size(); ++i) {
    Conclude(shipments[i], &shipped[i]);
  }
  return absl::OkStatus();
}

void Follower::Conclude(Shipment& shipment, TargetPlan* plan) {
  Channel* const channel = shipment.channel;
  const IndexBatchWrite::Outcome& outcome = shipment.outcome;
  if (outcome.status.ok()) {
    channel->durable = outcome.cursor;
    Move(outcome.cursor, channel);
    channel->failures = 0;
    Remember(*plan, &channel->early);
    return;
  }
  if (absl::IsAborted(outcome.status)) {
    // Somebody else has followed the lineage; it is known how far, but not what
    // was put early.
    channel->durable = outcome.cursor;
    Move(outcome.cursor, channel);
    const auto info = source_.store->Partition(source_.id);
    if (info.ok()) {
      channel->unknown_until = info->change_seq.value();
      NoteRead(info->change_seq, channel);
    }
  }
  if (channel->failures == 0) {
    options_.logger->Warning("gsi.batch_refused",
                             {{"partition", source_.id.value()},
                              {"index_partition", channel->target.id.value()},
                              {"error", outcome.status}});
  }
  BackOff(options_.clock->Monotonic(), channel);
}

// --- Backfill ---

absl::StatusOr<absl::Duration> Follower::Fill() {
  std::vector<Backfill::Job> jobs;
  {
    absl::MutexLock lock(&state_);
    size_t at = 0;
    for (const IndexTopology& index : table_->indexes) {
      Backfill::Job job;
      job.index = &index;
      for (size_t i = 0; i < index.targets.size(); ++i) {
        job.channels.push_back(channels_[at++].get());
      }
      if (!backfill_.IsDone(index.id) && !options_.switch_of(index.id).paused) {
        jobs.push_back(std::move(job));
      }
    }
  }
  if (jobs.empty()) return absl::InfiniteDuration();
  NoteItemsRead(jobs);
  ASSIGN_OR_RETURN(const bool more, backfill_.Step(table_->hash_seed, jobs));
  NoteItemsRead(jobs);
  absl::MutexLock lock(&state_);
  backfill_states_ = backfill_.states();
  return more ? absl::ZeroDuration() : absl::InfiniteDuration();
}

void Follower::NoteItemsRead(absl::Span<const Backfill::Job> jobs) {
  const absl::Duration now = options_.clock->Monotonic();
  absl::MutexLock lock(&state_);
  for (const Backfill::Job& job : jobs) {
    rates_[job.index->id].Note(now,
                               backfill_.states().at(job.index->id).items_read);
  }
}

void Follower::NoteFilled(ChangeSeq head) {
  absl::MutexLock lock(&state_);
  for (const IndexTopology& index : table_->indexes) {
    if (!done_at_.contains(index.id) && backfill_.IsDone(index.id)) {
      done_at_[index.id] = head;
    }
  }
}

bool Follower::HasFilled(uint64_t index) const {
  absl::MutexLock lock(&state_);
  const auto done = done_at_.find(index);
  if (done == done_at_.end()) return false;
  return std::all_of(channels_.begin(), channels_.end(),
                     [&](const ChannelPtr& channel) {
                       return channel->index != index ||
                              (CursorOfChannel(*channel) >= done->second &&
                               IsSettledChannel(*channel));
                     });
}

bool Follower::IsSettled(storage::PartitionId target) const {
  absl::MutexLock lock(&state_);
  return std::any_of(
      channels_.begin(), channels_.end(), [&](const ChannelPtr& channel) {
        return channel->target.id == target && IsSettledChannel(*channel);
      });
}

// --- Cursors without entries, and trimming ---

absl::StatusOr<absl::Duration> Follower::TidyUp() {
  const absl::Duration since = options_.clock->Monotonic() - last_change_;
  const bool idle = since >= kWhenIdle;
  KeepCursors(idle);
  ASSIGN_OR_RETURN(const bool trimmed, Trim(idle));
  if (trimmed) return absl::ZeroDuration();
  return idle ? absl::InfiniteDuration() : kWhenIdle - since;
}

void Follower::KeepCursors(bool idle) {
  std::vector<Shipment> shipments;
  std::vector<TargetPlan> nothing;
  {
    absl::MutexLock lock(&state_);
    for (const ChannelPtr& channel : channels_) {
      const ChangeSeq cursor = CursorOfChannel(*channel);
      const uint64_t ahead = cursor.value() - channel->durable.value();
      if (ahead == 0 || (!idle && ahead < kCursorSlack)) continue;
      Shipment shipment;
      shipment.channel = channel.get();
      shipment.batch = {channel->target.id, source_.id, channel->durable,
                        cursor};
      shipments.push_back(std::move(shipment));
      nothing.emplace_back();
    }
  }
  if (shipments.empty()) return;
  Tell(options_.observer, Step::kBeforeCursors);
  SendAll(shipments, options_.observer);
  Tell(options_.observer, Step::kCursorsKept);
  for (size_t i = 0; i < shipments.size(); ++i) {
    Conclude(shipments[i], &nothing[i]);
  }
}

absl::StatusOr<bool> Follower::Trim(bool idle) {
  ASSIGN_OR_RETURN(const storage::PartitionInfo info,
                   source_.store->Partition(source_.id));
  ChangeSeq through = info.change_seq;
  {
    absl::MutexLock lock(&state_);
    for (const ChannelPtr& channel : channels_) {
      through = std::min(through, channel->durable);
    }
  }
  if (through <= trimmed_) return false;
  if (!idle && through.value() - trimmed_.value() < kTrimmedAtOnce) {
    return false;
  }
  Tell(options_.observer, Step::kBeforeTrim);
  ASSIGN_OR_RETURN(trimmed_, TrimChanges(source_, through));
  Tell(options_.observer, Step::kTrimmed);
  return trimmed_ < through;
}

// --- Progress ---

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
