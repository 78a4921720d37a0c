// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"

namespace pallet::simulation {
namespace {

using cluster::AppliedEntry;
using cluster::RaftRecord;
using cluster::ReplicaLoop;
using cluster::ReplicaLoopOptions;

constexpr size_t kRowsInAChunk = 2;

std::string EncodeEffects(uint64_t seq, const std::string& key,
                          const std::string& value) {
  std::string out;
  AppendU64(&out, seq);
  AppendBytes(&out, key);
  AppendBytes(&out, value);
  return out;
}

}  // namespace

// chunk := change seq u64 | rows varint | (key bytes | value bytes){rows}
//          | newer through u64       -- in the last
class Machine::Reader final : public cluster::SnapshotReader {
 public:
  explicit Reader(const State* state)
      : state_(state), change_seq_(state->change_seq) {}

  std::string Next(bool* last) override {
    auto row = state_->rows.upper_bound(after_);
    std::string rows;
    size_t count = 0;
    for (; row != state_->rows.end() && count < kRowsInAChunk; ++row, ++count) {
      AppendBytes(&rows, row->first);
      AppendBytes(&rows, row->second);
      after_ = row->first;
    }
    *last = row == state_->rows.end();
    std::string chunk;
    AppendU64(&chunk, change_seq_);
    AppendVarint(&chunk, count);
    chunk += rows;
    if (*last) {
      AppendU64(&chunk, std::max(state_->applied, state_->serves_from));
    }
    return chunk;
  }

 private:
  const State* state_;
  const uint64_t change_seq_;
  std::string after_;
};

Machine::Machine(int id, const Faults& faults, Surroundings* world)
    : id_(id),
      faults_(faults),
      world_(world),
      clock_rate_(0.96 + 0.08 * world->random()->Fraction()) {}

absl::Duration Machine::Monotonic() {
  return absl::Seconds(100 * (id_ + 1)) + world_->Now() * clock_rate_;
}

void Machine::Start() {
  CHECK(!up());
  ++life_;
  ReplicaLoopOptions options;
  options.incarnation = world_->random()->Next();
  options.timing = world_->Timing();
  if (faults_.lease_too_long) options.lease = absl::Seconds(4);
  if (faults_.votes_after_start) options.silence = absl::ZeroDuration();
  loop_ = std::make_unique<ReplicaLoop>(this, this, this, this, options);
  for (auto& [partition, group] : disk_.groups()) {
    group.staging.reset();  // a half snapshot
    Open(partition);
  }
}

void Machine::Open(PartitionId partition) {
  Recovered recovered = disk_.Recover(partition);
  states_[partition].state = std::move(recovered.state);
  loop_->Create(partition, recovered.start);
}

void Machine::Crash() {
  CHECK(up());
  loop_.reset();
  // Their clients are told nothing: they give up by themselves.
  states_.clear();
  disk_.Crash(world_->random());
}

void Machine::Wipe() {
  CHECK(!up());
  if (faults_.wiped_keeps_its_id) {
    for (auto& [partition, group] : disk_.groups()) {
      DiskGroup empty;
      empty.birth.replica = group.birth.replica;
      group = empty;
    }
    return;
  }
  for (const auto& [partition, group] : disk_.groups()) {
    world_->Dropped(group.birth.replica);
  }
  disk_ = SimDisk();
}

void Machine::Create(PartitionId partition, const ReplicaStart& start) {
  CHECK(disk_.groups().count(partition) == 0) << partition;
  disk_.groups()[partition].birth = start;
  if (up()) Open(partition);
}

void Machine::Drop(PartitionId partition) {
  world_->Dropped(ReplicaOf(partition));
  for (auto& [number, pending] : states_.at(partition).pending) {
    pending.done({Outcome::kUnknown, ""});
  }
  loop_->Drop(partition);
  states_.erase(partition);
  disk_.groups().erase(partition);
}

ReplicaId Machine::ReplicaOf(PartitionId partition) {
  return disk_.groups().at(partition).birth.replica;
}

void Machine::Checkpoint(PartitionId partition, uint64_t keep) {
  const State& state = states_.at(partition).state;
  disk_.Synced(disk_.appended());
  disk_.groups().at(partition).checkpoint = state;
  if (state.applied > keep) loop_->Compact(partition, state.applied - keep);
}

void Machine::Append(PartitionId partition, const RaftRecord& record) {
  DiskRecord written;
  written.entries = *record.entries;
  if (record.hard != nullptr && !faults_.hard_state_forgotten) {
    written.hard = *record.hard;
  }
  if (record.installed != nullptr) {
    written.installed = *record.installed;
    const std::optional<State>& staging = disk_.groups().at(partition).staging;
    CHECK(staging.has_value());
    written.staged = *staging;
    written.staged.applied = record.installed->index;
    written.staged.members = record.installed->members;
  }
  disk_.Append(partition, std::move(written));
}

void Machine::Sync(uint64_t batch) {
  Random* random = world_->random();
  const uint64_t through = disk_.appended();
  const auto own =
      absl::Milliseconds(random->Below(random->OneIn(50) ? 1500 : 10));
  synced_at_ = std::max(synced_at_, world_->Now() + own);  // in their order
  const absl::Duration delay = synced_at_ - world_->Now();
  const bool lies = faults_.messages_before_sync;
  world_->Later(id_, lies ? absl::ZeroDuration() : delay,
                [this, batch, through, lies] {
                  if (!lies) disk_.Synced(through);
                  loop_->Synced(batch);
                });
  if (lies) {
    world_->Later(id_, delay + absl::Milliseconds(500),
                  [this, through] { disk_.Synced(through); });
  }
}

void Machine::Compact(PartitionId partition, uint64_t index) {
  uint64_t& compacted = disk_.groups().at(partition).compacted;
  compacted = std::max(compacted, index);
}

void Machine::Send(cluster::Packet packet) {
  world_->Send(id_, std::move(packet));
}

std::string Machine::RowOf(const State& state, const std::string& key) const {
  const auto it = state.rows.find(key);
  return it == state.rows.end() ? "" : it->second;
}

void Machine::Execute(PartitionId partition, const Operation& operation,
                      Done done) {
  if (operation.kind == OperationKind::kGet) {
    Get(partition, operation.key, done);
  } else {
    Write(partition, operation, std::move(done));
  }
}

void Machine::Get(PartitionId partition, const std::string& key,
                  const Done& done) {
  uint64_t term = loop_->LeaderTerm(partition);
  const cluster::ReplicaStatus status = loop_->Status(partition);
  if (faults_.reads_before_first_entry &&
      status.role == cluster::Role::kLeader) {
    term = status.term;
  }
  if (term == 0) return ReadByIndex(partition, key, done);
  // Between the two halves of a read anything can happen.
  Random* const random = world_->random();
  uint64_t longest = random->OneIn(3) ? 400 : 1;
  if (random->OneIn(9) || faults_.lease_before_read) longest = 2800;
  const auto pause = absl::Milliseconds(random->Below(longest));
  if (faults_.lease_before_read) {
    if (!loop_->HasLease(partition, term)) {
      return ReadByIndex(partition, key, done);
    }
    world_->Later(id_, pause, [this, partition, key, done] {
      if (!Hosts(partition)) return;
      done({Outcome::kDone, RowOf(StateOf(partition), key)});
    });
    return;
  }
  const std::string found = RowOf(StateOf(partition), key);
  world_->Later(id_, pause, [this, partition, key, term, found, done] {
    if (!Hosts(partition)) return;
    if (loop_->HasLease(partition, term)) {
      done({Outcome::kDone, found});
    } else {
      ReadByIndex(partition, key, done);
    }
  });
}

void Machine::ReadByIndex(PartitionId partition, const std::string& key,
                          const Done& done) {
  const uint64_t read = loop_->Read(partition);
  states_.at(partition).reads[read] = done;
  states_.at(partition).read_keys[read] = key;
}

void Machine::ReadReady(PartitionId partition, uint64_t read) {
  Hosted& hosted = states_.at(partition);
  const auto it = hosted.reads.find(read);
  CHECK(it != hosted.reads.end()) << read;
  const Done done = std::move(it->second);
  const std::string key = hosted.read_keys.at(read);
  hosted.reads.erase(it);
  hosted.read_keys.erase(read);
  const State& state = hosted.state;
  if (state.applied < state.serves_from) {
    return done({Outcome::kDidNotHappen, ""});
  }
  done({Outcome::kDone, RowOf(state, key)});
}

void Machine::Write(PartitionId partition, const Operation& operation,
                    Done done) {
  Hosted& hosted = states_.at(partition);
  const uint64_t term = loop_->LeaderTerm(partition);
  if (term == 0 || hosted.draining) {
    return done({Outcome::kDidNotHappen, ""});
  }
  if (operation.kind == OperationKind::kCompare) {
    const auto over = hosted.overlay.find(operation.key);
    const std::string found = over != hosted.overlay.end()
                                  ? over->second
                                  : RowOf(hosted.state, operation.key);
    if (found != operation.expected) {
      // It may tell of writes that are not durable yet: it waits for them.
      if (!hosted.pending.empty()) {
        hosted.pending.rbegin()->second.followers.push_back(
            [found, done](bool happened) {
              if (happened) {
                done({Outcome::kFailed, found});
              } else {
                done({Outcome::kDidNotHappen, ""});
              }
            });
      } else if (loop_->HasLease(partition, term)) {
        done({Outcome::kFailed, found});
      } else {
        done({Outcome::kDidNotHappen, ""});
      }
      return;
    }
  }
  if (hosted.overlay_seq == 0) hosted.overlay_seq = hosted.state.change_seq + 1;
  const uint64_t seq = hosted.overlay_seq++;
  hosted.overlay[operation.key] = operation.value;
  const uint64_t number = loop_->Propose(
      partition, EncodeEffects(seq, operation.key, operation.value));
  hosted.pending[number] = {
      operation.key, operation.value, std::move(done), {}};
}

void Machine::Apply(PartitionId partition, const AppliedEntry& entry) {
  Hosted& hosted = states_.at(partition);
  State& state = hosted.state;
  bool happened = false;
  if (entry.members != nullptr) state.members = *entry.members;
  absl::string_view effects = entry.effects;
  if (!effects.empty()) {
    uint64_t seq = 0;
    absl::string_view key, value;
    CHECK(ConsumeU64(&effects, &seq) && ConsumeBytes(&effects, &key) &&
          ConsumeBytes(&effects, &value));
    // What it was evaluated on must be what it comes upon.
    happened = seq == state.change_seq + 1;
    if (happened) {
      state.rows[std::string(key)] = std::string(value);
      ++state.change_seq;
    }
  }
  state.applied = entry.index;
  world_->Applied(id_, partition, entry, state);
  if (entry.number != 0) {
    Answer(&hosted, entry.number,
           happened ? Outcome::kDone : Outcome::kDidNotHappen);
  }
}

void Machine::Answer(Hosted* hosted, uint64_t number, Outcome::Kind outcome) {
  const auto it = hosted->pending.find(number);
  if (it == hosted->pending.end()) return;
  const Pending pending = std::move(it->second);
  hosted->pending.erase(it);
  if (hosted->pending.empty() || outcome != Outcome::kDone) {
    hosted->overlay.clear();
    hosted->overlay_seq = 0;
    hosted->draining = !hosted->pending.empty();
  }
  pending.done({outcome, ""});
  for (const auto& follower : pending.followers) {
    follower(outcome == Outcome::kDone);
  }
}

void Machine::ProposalsLost(PartitionId partition, uint64_t number) {
  Hosted& hosted = states_.at(partition);
  while (!hosted.pending.empty() && hosted.pending.begin()->first <= number) {
    Answer(&hosted, hosted.pending.begin()->first, Outcome::kUnknown);
  }
}

void Machine::ProposalRefused(PartitionId partition, uint64_t number) {
  Answer(&states_.at(partition), number, Outcome::kDidNotHappen);
}

std::unique_ptr<cluster::SnapshotReader> Machine::OpenSnapshot(
    PartitionId partition) {
  return std::make_unique<Reader>(&states_.at(partition).state);
}

void Machine::BeginStaging(PartitionId partition) {
  disk_.groups().at(partition).staging.emplace();
}

void Machine::Stage(PartitionId partition, absl::string_view chunk) {
  State& staging = *disk_.groups().at(partition).staging;
  uint64_t count = 0;
  CHECK(ConsumeU64(&chunk, &staging.change_seq) &&
        ConsumeVarint(&chunk, &count));
  for (; count > 0; --count) {
    absl::string_view key, value;
    CHECK(ConsumeBytes(&chunk, &key) && ConsumeBytes(&chunk, &value));
    staging.rows[std::string(key)] = std::string(value);
  }
  if (!chunk.empty()) CHECK(ConsumeU64(&chunk, &staging.serves_from));
  if (faults_.snapshot_serves_early) staging.serves_from = 0;
  if (faults_.snapshot_in_place) {
    State& state = states_.at(partition).state;
    for (const auto& [key, value] : staging.rows) state.rows[key] = value;
  }
}

void Machine::InstallStaged(PartitionId partition, const SnapshotPoint& point) {
  State& state = states_.at(partition).state;
  std::optional<State>& staging = disk_.groups().at(partition).staging;
  CHECK(staging.has_value());
  state = *std::move(staging);
  staging.reset();
  state.applied = point.index;
  state.members = point.members;
}

void Machine::ReplicaFailed(PartitionId partition, const std::string& reason) {
  world_->Violation(absl::StrCat("replica ", ReplicaOf(partition).value(),
                                 " failed: ", reason));
}

}  // namespace pallet::simulation
