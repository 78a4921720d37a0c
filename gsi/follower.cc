// SPDX-License-Identifier: Apache-2.0
#include "gsi/follower.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "gsi/change_reader.h"
#include "gsi/trim.h"
#include "model/errors.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;

constexpr absl::Duration kWhenIdle = absl::Seconds(1);
constexpr absl::Duration kAfterError = absl::Milliseconds(20);
constexpr absl::Duration kAfterErrorAtMost = absl::Seconds(1);
constexpr absl::Duration kWhileInLine = absl::Milliseconds(5);
// Changes that an index which is being filled may lack when a chunk is begun,
// and how long it is waited for at first if it lacks more.
constexpr uint64_t kSmallBacklog = 4096;
constexpr absl::Duration kFirstRest = absl::Seconds(1);
// Of a round that has grown: bytes of rows that are read, and of entries that
// are sent before the next index is looked at.
constexpr uint64_t kMostRoundBytes = uint64_t{8} << 20;
constexpr uint64_t kBytesAtOnce = uint64_t{8} << 20;
// A cursor that is so far behind what is known is kept without being idle.
constexpr uint64_t kCursorSlack = 4096;

ChangeSeq CursorOfChannel(const Channel& channel) {
  return ChangeSeq(channel.cursor.load(std::memory_order_acquire));
}

bool IsSettledChannel(const Channel& channel) {
  return CursorOfChannel(channel).value() >= channel.settled_at.load();
}

// Neighbours share pages on their way. No two have one key.
void SortByKey(std::vector<Mutation>* mutations) {
  std::sort(mutations->begin(), mutations->end(),
            [](const Mutation& a, const Mutation& b) {
              return a.row_key < b.row_key;
            });
}

uint64_t BytesOf(const std::vector<Mutation>& mutations) {
  uint64_t bytes = 0;
  for (const Mutation& mutation : mutations) {
    bytes += mutation.row_key.size() + mutation.bytes.size();
  }
  return bytes;
}

void Move(ChangeSeq seq, Channel* channel) {
  channel->cursor.store(seq.value(), std::memory_order_release);
}

}  // namespace

Follower::Follower(const Source& source, Options options)
    : source_(source),
      options_(std::move(options)),
      backfill_(source, options_.chunk, options_.chunk_slots,
                options_.observer) {}

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
  // A chunk waits for room in an inbox; whatever else it is, others may go first.
  if (model::ReasonOf(next.status()) != model::Reason::kThrottling) {
    backfill_.Drop();
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
  ASSIGN_OR_RETURN(const absl::Duration after_fill, Fill(info.change_seq));
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
    if (CursorOfChannel(*channel) >= head || backfill_.Holds(channel->index) ||
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
  uint64_t& growth = growth_[leaders_turn_ ? 1 : 0];
  leaders_turn_ = !leaders_turn_;
  const absl::Duration delay = options_.switch_of(chosen.index).delay;
  const ChangeSeq after = CursorOfChannel(chosen);

  ReadLimits limits;
  limits.changes = options_.round_changes * growth;
  limits.bytes = std::min(limits.bytes * growth, kMostRoundBytes);
  if (delay > absl::ZeroDuration()) {
    limits.not_after = options_.clock->Now() - delay;
  }
  ASSIGN_OR_RETURN(const Changes changes, ReadChanges(source_, after, limits));
  Tell(options_.observer, Step::kChangesRead);
  // Who is far behind reads much at once: a row that changed often is put once.
  growth = changes.more ? std::min(2 * growth, options_.round_growth) : 1;
  std::vector<Channel*> taking;
  for (Channel* channel : ready) {
    const ChangeSeq cursor = CursorOfChannel(*channel);
    if (cursor >= after && cursor < changes.through &&
        options_.switch_of(channel->index).delay == delay) {
      taking.push_back(channel);
    }
  }
  if (!taking.empty()) {
    RunRound(changes, taking);
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

void Follower::RunRound(const Changes& changes,
                        const std::vector<Channel*>& channels) {
  std::map<storage::PartitionId, Channel*> taking;
  for (Channel* channel : channels) {
    taking[channel->target.id] = channel;
    NoteRead(changes.newest, channel);
  }
  Outgoing outgoing;
  for (const IndexTopology& index : table_->indexes) {
    std::vector<TargetPlan> plans(index.targets.size());
    bool takes_part = false;
    for (size_t i = 0; i < plans.size(); ++i) {
      const auto at = taking.find(index.targets[i].id);
      if (at == taking.end()) continue;
      takes_part = plans[i].takes_part = true;
      plans[i].cursor = CursorOfChannel(*at->second);
      plans[i].early = &at->second->early;
      plans[i].settled = HasOneEntryOfEach(*at->second);
    }
    if (!takes_part) continue;
    PlanChanges(index, table_->hash_seed, changes, absl::MakeSpan(plans));
    for (size_t i = 0; i < plans.size(); ++i) {
      if (!plans[i].takes_part) continue;
      Channel* const channel = taking[index.targets[i].id];
      if (plans[i].mutations.empty()) {
        Move(changes.through, channel);  // nothing there matters to it
        Remember(&plans[i].early_after, &channel->early);
        continue;
      }
      SortByKey(&plans[i].mutations);
      Shipment shipment;
      shipment.channel = channel;
      shipment.batch = {channel->target.id, source_.id, channel->durable,
                        changes.through, std::move(plans[i].mutations)};
      outgoing.bytes += BytesOf(shipment.batch.mutations);
      outgoing.shipments.push_back(std::move(shipment));
      outgoing.plans.push_back(std::move(plans[i]));
    }
    if (outgoing.bytes >= kBytesAtOnce) Send(&outgoing);
  }
  Send(&outgoing);
}

void Follower::Send(Outgoing* outgoing) {
  if (outgoing->shipments.empty()) return;
  Tell(options_.observer, Step::kBeforeSend);
  SendAll(outgoing->shipments, options_.observer);
  Tell(options_.observer, Step::kSent);
  for (size_t i = 0; i < outgoing->shipments.size(); ++i) {
    Conclude(outgoing->shipments[i], &outgoing->plans[i]);
  }
  *outgoing = Outgoing();
}

void Follower::Conclude(Shipment& shipment, TargetPlan* plan) {
  Channel* const channel = shipment.channel;
  const IndexBatchWrite::Outcome& outcome = shipment.outcome;
  channel->in_doubt = !outcome.status.ok() && !absl::IsAborted(outcome.status);
  if (outcome.status.ok()) {
    channel->durable = outcome.cursor;
    Move(outcome.cursor, channel);
    channel->failures = 0;
    Remember(&plan->early_after, &channel->early);
    return;
  }
  if (absl::IsAborted(outcome.status)) {
    // Somebody else has followed the lineage; it is known how far, but not what
    // was put early.
    channel->durable = outcome.cursor;
    Move(outcome.cursor, channel);
    channel->early.clear();
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

absl::StatusOr<absl::Duration> Follower::Fill(ChangeSeq head) {
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
  if (jobs.empty()) {
    backfill_.Drop();
    rest_until_ = -absl::InfiniteDuration();
    return absl::InfiniteDuration();
  }
  const bool had_chunk = backfill_.has_chunk();
  if (!had_chunk) {
    // What it puts for rows that have changes behind the cursor is remembered.
    if (rest_until_ == -absl::InfiniteDuration()) {
      rest_until_ = options_.clock->Monotonic() + kFirstRest;
    }
    const absl::Duration rest = RestBetweenChunks(head, jobs);
    if (rest > absl::ZeroDuration()) return rest;
  }
  NoteItemsRead(jobs);
  ASSIGN_OR_RETURN(const Backfill::Next next,
                   backfill_.Step(table_->hash_seed, jobs));
  NoteItemsRead(jobs);
  const absl::Duration now = options_.clock->Monotonic();
  if (!had_chunk) chunk_begun_ = now;
  if (had_chunk && !backfill_.has_chunk()) {
    rest_until_ = now + (now - chunk_begun_);
  }
  absl::MutexLock lock(&state_);
  backfill_states_ = backfill_.states();
  switch (next) {
    case Backfill::Next::kNothing:
      return absl::InfiniteDuration();
    case Backfill::Next::kMore:
      return absl::ZeroDuration();
    case Backfill::Next::kSlot:
      return kWhileInLine;
  }
  CHECK(false) << static_cast<int>(next);
}

absl::Duration Follower::RestBetweenChunks(
    ChangeSeq head, absl::Span<const Backfill::Job> jobs) const {
  for (const Backfill::Job& job : jobs) {
    for (const Channel* channel : job.channels) {
      if (head.value() <= CursorOfChannel(*channel).value() + kSmallBacklog) {
        continue;
      }
      return rest_until_ - options_.clock->Monotonic();
    }
  }
  return absl::ZeroDuration();
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

// By what its own row says: then no chunk that is still on its way is taken.
bool Follower::HasOneEntryOfEach(const Channel& channel) const {
  absl::MutexLock lock(&state_);
  const auto done = done_at_.find(channel.index);
  return done != done_at_.end() && channel.durable > done->second &&
         channel.durable.value() >= channel.settled_at.load() &&
         !channel.in_doubt;
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

}  // namespace pallet::gsi
