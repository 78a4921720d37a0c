// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/replica_loop.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "cluster/raft/proposal.h"

namespace pallet::cluster {
namespace {

std::string ReadContext(uint64_t incarnation, uint64_t number) {
  std::string context;
  AppendU64(&context, incarnation);
  AppendU64(&context, number);
  return context;
}

// A commit index alone waits for no sync, unless it makes a change of members: a
// start must not forget that one, for the members it removes may be gone.
bool MustWait(const Ready& ready) {
  return ready.must_sync || ready.installed.has_value() ||
         std::any_of(ready.committed.begin(), ready.committed.end(),
                     [](const CommittedEntry& entry) {
                       return entry.members.has_value();
                     });
}

bool IsRemoved(const Members& members, ReplicaId replica) {
  return !members.voters.empty() && !members.Has(replica);
}

}  // namespace

ReplicaLoop::ReplicaLoop(Clock* clock, RaftLog* log, ReplicaState* state,
                         ReplicaTransport* transport,
                         const ReplicaLoopOptions& options)
    : clock_(clock),
      log_(log),
      state_(state),
      transport_(transport),
      options_(options) {}

void ReplicaLoop::Create(storage::PartitionId partition,
                         const ReplicaStart& start, bool fresh) {
  const auto [it, made] = replicas_.try_emplace(partition);
  CHECK(made) << "partition " << partition;
  Replica& replica = it->second;
  replica.id = start.replica;
  replica.term = start.hard.term;
  replica.applied = start.applied;
  replica.members = start.members;
  replica.removed = IsRemoved(start.members, start.replica);
  const bool silent = !fresh && options_.silence > absl::ZeroDuration();
  if (silent) replica.silent_until = clock_->Monotonic() + options_.silence;
  engine_.Create(partition, start, options_.timing, silent);
}

void ReplicaLoop::Drop(storage::PartitionId partition) {
  CHECK_EQ(replicas_.erase(partition), 1u) << "partition " << partition;
  for (auto& [number, batch] : batches_) {
    batch.erase(std::remove_if(batch.begin(), batch.end(),
                               [&](const Ready& ready) {
                                 return ready.partition == partition;
                               }),
                batch.end());
  }
  engine_.Drop(partition);
}

ReplicaLoop::Replica& ReplicaLoop::At(storage::PartitionId partition) {
  const auto it = replicas_.find(partition);
  CHECK(it != replicas_.end()) << "partition " << partition;
  return it->second;
}

const ReplicaLoop::Replica& ReplicaLoop::At(
    storage::PartitionId partition) const {
  const auto it = replicas_.find(partition);
  CHECK(it != replicas_.end()) << "partition " << partition;
  return it->second;
}

ReplicaStatus ReplicaLoop::Status(storage::PartitionId partition) const {
  const Replica& replica = At(partition);
  return {.replica = replica.id,
          .leader = replica.leader,
          .role = replica.role,
          .term = replica.term,
          .applied = replica.applied,
          .members = replica.members,
          .lease_until = replica.lease_until,
          .failed = replica.failed};
}

bool ReplicaLoop::Leads(const Replica& replica) const {
  return replica.role == Role::kLeader && !replica.failed && !replica.removed;
}

uint64_t ReplicaLoop::LeaderTerm(storage::PartitionId partition) const {
  const Replica& replica = At(partition);
  return Leads(replica) && replica.applied_term == replica.term ? replica.term
                                                                : 0;
}

bool ReplicaLoop::HasLease(storage::PartitionId partition,
                           uint64_t term) const {
  return term != 0 && term == LeaderTerm(partition) &&
         clock_->Monotonic() < At(partition).lease_until;
}

uint64_t ReplicaLoop::Propose(storage::PartitionId partition,
                              absl::string_view effects) {
  CHECK_NE(LeaderTerm(partition), 0u) << "partition " << partition;
  Replica& replica = At(partition);
  const uint64_t number = ++last_number_;
  replica.proposals_term = replica.term;
  replica.proposals.insert(number);
  engine_.Propose(partition, number,
                  EncodeProposal({.proposer = options_.incarnation,
                                  .number = number,
                                  .term = replica.term,
                                  .effects = effects}));
  return number;
}

uint64_t ReplicaLoop::Read(storage::PartitionId partition) {
  Replica& replica = At(partition);
  const uint64_t read = ++last_number_;
  replica.waiting.push_back(read);
  if (!replica.round) BeginRound(partition, &replica);
  return read;
}

void ReplicaLoop::BeginRound(storage::PartitionId partition, Replica* replica) {
  ReadRound& round = replica->round.emplace();
  round.number = ++last_number_;
  round.term = Leads(*replica) ? replica->term : 0;
  round.begun = clock_->Monotonic();
  round.reads.swap(replica->waiting);
  engine_.ReadIndex(partition, ReadContext(options_.incarnation, round.number));
}

absl::Status ReplicaLoop::ChangeMembers(
    storage::PartitionId partition, const std::vector<MemberChange>& changes) {
  Replica& replica = At(partition);
  if (LeaderTerm(partition) == 0) {
    return absl::FailedPreconditionError("this replica does not lead");
  }
  if (replica.change != 0 || replica.members.joint()) {
    return absl::FailedPreconditionError("another change is on its way");
  }
  std::set<ReplicaId> voters(replica.members.voters.begin(),
                             replica.members.voters.end());
  std::set<ReplicaId> named;
  for (const MemberChange& change : changes) {
    if (change.replica == ReplicaId() || !named.insert(change.replica).second) {
      return absl::FailedPreconditionError("a replica is named twice, or none");
    }
    if (change.kind == ChangeKind::kRemove &&
        !replica.members.Has(change.replica)) {
      return absl::FailedPreconditionError("no member is to be removed");
    }
    voters.erase(change.replica);
    if (change.kind == ChangeKind::kAddVoter) voters.insert(change.replica);
  }
  if (changes.empty() || !voters.contains(replica.id)) {
    return absl::FailedPreconditionError(
        "a leader stays a voter: transfer the leadership first");
  }
  ProposeChange(partition, &replica, changes);
  return absl::OkStatus();
}

void ReplicaLoop::ProposeChange(storage::PartitionId partition,
                                Replica* replica,
                                const std::vector<MemberChange>& changes) {
  replica->change = ++last_number_;
  replica->change_ticks = 0;
  engine_.Change(partition, replica->change, changes, "");
}

absl::Status ReplicaLoop::TransferLeadership(storage::PartitionId partition,
                                             ReplicaId to) {
  Replica& replica = At(partition);
  if (!Leads(replica) || to == replica.id || replica.members.joint() ||
      !replica.members.IsVoter(to)) {
    return absl::FailedPreconditionError("from a leader to another voter");
  }
  replica.transferred_term = replica.term;
  replica.lease_until = absl::ZeroDuration();
  engine_.Transfer(partition, to);
  return absl::OkStatus();
}

void ReplicaLoop::Campaign(storage::PartitionId partition) {
  const Replica& replica = At(partition);
  if (replica.failed || replica.removed || Leads(replica)) return;
  engine_.Campaign(partition);
}

void ReplicaLoop::Compact(storage::PartitionId partition, uint64_t index) {
  Replica& replica = At(partition);
  index = std::min(index, replica.applied);
  for (const auto& [to, snapshot] : replica.sending) {
    index = std::min(index, snapshot.index());
  }
  if (index == 0 || replica.failed) return;
  engine_.Compact(partition, index);
  log_->Compact(partition, index);
}

void ReplicaLoop::Tick() {
  for (auto& [partition, replica] : replicas_) {
    // Removed ones too: others may need their vote, which waits for ticks.
    if (!replica.failed) TickReplica(partition, &replica);
  }
}

void ReplicaLoop::TickReplica(storage::PartitionId partition,
                              Replica* replica) {
  if (replica->silent_until && clock_->Monotonic() >= *replica->silent_until) {
    replica->silent_until.reset();
    engine_.Speak(partition);
  }
  engine_.Tick(partition);
  const uint32_t patience = options_.timing.election_ticks;
  if (replica->round && ++replica->round->ticks > patience) {
    replica->waiting.insert(replica->waiting.begin(),
                            replica->round->reads.begin(),
                            replica->round->reads.end());
    replica->round.reset();
  }
  const bool leads = LeaderTerm(partition) != 0;
  if (!replica->round && (leads || !replica->waiting.empty())) {
    BeginRound(partition, replica);
  }
  // The library drops a change silently where it sees one that we do not.
  if (replica->change != 0 && ++replica->change_ticks > 2 * patience) {
    replica->change = 0;
  }
  if (leads && replica->members.joint() && replica->change == 0) {
    ProposeChange(partition, replica, {});
  }
  TickSnapshots(partition, replica);
}

void ReplicaLoop::TickSnapshots(storage::PartitionId partition,
                                Replica* replica) {
  for (auto it = replica->sending.begin(); it != replica->sending.end();) {
    OutgoingSnapshot& snapshot = it->second;
    const auto patience = snapshot.Tick();
    if (patience == OutgoingSnapshot::Patience::kSendAgain) {
      Packet packet = snapshot.Chunk();
      packet.partition = partition;
      packet.from = replica->id;
      transport_->Send(std::move(packet));
    }
    if (patience == OutgoingSnapshot::Patience::kGiveUp) {
      if (!snapshot.done()) engine_.SnapshotSent(partition, it->first, false);
      it = replica->sending.erase(it);
    } else {
      ++it;
    }
  }
  if (replica->receiving && !replica->receiving->whole &&
      ++replica->receiving->ticks > kSnapshotPatience) {
    replica->receiving.reset();
  }
}

void ReplicaLoop::Receive(const Packet& packet) {
  const auto it = replicas_.find(packet.partition);
  if (it == replicas_.end()) return;
  Replica& replica = it->second;
  if (packet.to != replica.id || replica.failed) return;
  switch (packet.kind) {
    case PacketKind::kMessage:
      return engine_.Step(packet.partition, packet.bytes);
    case PacketKind::kSnapshotChunk:
      return ReceiveChunk(packet, &replica);
    case PacketKind::kSnapshotTaken:
      return ReceiveTaken(packet, &replica);
  }
}

void ReplicaLoop::ReceiveChunk(const Packet& packet, Replica* replica) {
  std::optional<IncomingSnapshot>& incoming = replica->receiving;
  const bool known = incoming && incoming->from == packet.from &&
                     incoming->number == packet.snapshot;
  if (!known) {
    // What is whole waits for the library's word on it.
    if (packet.sequence != 0 || (incoming && incoming->whole)) return;
    incoming.emplace();
    incoming->from = packet.from;
    incoming->number = packet.snapshot;
    state_->BeginStaging(packet.partition);
  }
  if (packet.sequence > incoming->next) return;
  if (packet.sequence == incoming->next) {
    state_->Stage(packet.partition, packet.bytes);
    ++incoming->next;
    incoming->ticks = 0;
    incoming->whole = packet.last;
    incoming->message = packet.message;
  }
  Packet answer;
  answer.kind = PacketKind::kSnapshotTaken;
  answer.partition = packet.partition;
  answer.from = replica->id;
  answer.to = packet.from;
  answer.snapshot = packet.snapshot;
  answer.sequence = packet.sequence;
  transport_->Send(std::move(answer));
  OfferSnapshot(packet.partition, replica);
}

void ReplicaLoop::ReceiveTaken(const Packet& packet, Replica* replica) {
  const auto it = replica->sending.find(packet.from);
  if (it == replica->sending.end() ||
      !it->second.Taken(packet.snapshot, packet.sequence)) {
    return;
  }
  if (it->second.done()) {
    engine_.SnapshotSent(packet.partition, packet.from, true);
    return;
  }
  Packet next = it->second.Chunk();
  next.partition = packet.partition;
  next.from = replica->id;
  transport_->Send(std::move(next));
}

// Not while a Ready is out: whether the library takes it is to be known before
// anything else happens to the replica.
void ReplicaLoop::OfferSnapshot(storage::PartitionId partition,
                                Replica* replica) {
  if (!replica->receiving || !replica->receiving->whole || replica->out ||
      replica->installing) {
    return;
  }
  replica->installing = true;
  engine_.Step(partition, replica->receiving->message);
  offered_.push_back(partition);
}

void ReplicaLoop::Synced(uint64_t batch) {
  const auto it = batches_.begin();
  CHECK(it != batches_.end() && it->first == batch) << "batch " << batch;
  const std::vector<Ready> ready = std::move(it->second);
  batches_.erase(it);
  for (const Ready& one : ready) Finish(one);
}

void ReplicaLoop::Run() {
  while (!engine_.idle()) Take(engine_.Run());
}

void ReplicaLoop::Take(EngineOutput output) {
  std::vector<storage::PartitionId> offered;
  offered.swap(offered_);
  for (const Refusal& refusal : output.refused) {
    Replica& replica = At(refusal.partition);
    if (replica.change == refusal.number) replica.change = 0;
    if (replica.proposals.erase(refusal.number) == 1) {
      state_->ProposalRefused(refusal.partition, refusal.number);
    }
  }
  for (const GroupFailure& failure : output.failed) {
    Fail(failure.partition, &At(failure.partition), failure.reason);
  }
  std::vector<Ready> synced, waiting;
  for (Ready& ready : output.ready) {
    TakeReady(ready, &At(ready.partition));
    (MustWait(ready) ? waiting : synced).push_back(std::move(ready));
  }
  // What the library did not take is of no use.
  for (const storage::PartitionId partition : offered) {
    const auto it = replicas_.find(partition);
    if (it == replicas_.end() || it->second.out) continue;
    it->second.installing = false;
    it->second.receiving.reset();
  }
  if (!waiting.empty()) {
    const uint64_t batch = ++last_batch_;
    batches_[batch] = std::move(waiting);
    log_->Sync(batch);
  }
  for (const Ready& ready : synced) Finish(ready);
}

void ReplicaLoop::TakeReady(const Ready& ready, Replica* replica) {
  CHECK(!replica->out) << "partition " << ready.partition;
  replica->out = true;
  if (ready.role != Role::kLeader || ready.hard.term != replica->term) {
    replica->lease_until = absl::ZeroDuration();
    replica->change = 0;
    replica->sending.clear();
  }
  replica->role = ready.role;
  replica->leader = ready.leader;
  replica->term = ready.hard.term;
  if (ready.installed && !replica->installing) {
    return Fail(ready.partition, replica, "a snapshot came without its state");
  }
  if (!ready.installed && replica->installing) {
    replica->installing = false;
    replica->receiving.reset();
  }
  TakeReads(ready, replica);
  if (ready.installed || !ready.entries.empty() || ready.hard_changed) {
    log_->Append(ready.partition,
                 {.installed = ready.installed ? &*ready.installed : nullptr,
                  .entries = &ready.entries,
                  .hard = ready.hard_changed ? &ready.hard : nullptr});
  }
}

void ReplicaLoop::TakeReads(const Ready& ready, Replica* replica) {
  for (const ReadIndexAnswer& answer : ready.reads) {
    if (!replica->round ||
        answer.context !=
            ReadContext(options_.incarnation, replica->round->number)) {
      continue;
    }
    ReadRound round = std::move(*replica->round);
    replica->round.reset();
    if (Leads(*replica) && round.term == replica->term &&
        replica->transferred_term != replica->term) {
      replica->lease_until = round.begun + options_.lease;
    }
    if (!round.reads.empty()) {
      replica->confirmed.push_back({answer.index, std::move(round.reads)});
    }
    if (!replica->waiting.empty()) BeginRound(ready.partition, replica);
  }
}

void ReplicaLoop::Finish(const Ready& ready) {
  Replica& replica = At(ready.partition);
  if (replica.failed) return;
  if (ready.installed) {
    state_->InstallStaged(ready.partition, *ready.installed);
    replica.applied = ready.installed->index;
    replica.applied_term = ready.installed->term;
    replica.members = ready.installed->members;
    replica.installing = false;
    replica.receiving.reset();
  }
  SendAll(ready, &replica);
  ApplyAll(ready, &replica);
  if (replica.failed) return;
  engine_.Advance(ready.partition);
  replica.out = false;
  ServeReads(ready.partition, &replica);
  if (!Leads(replica) || replica.proposals_term != replica.term) {
    LoseProposals(ready.partition, &replica);
  }
  OfferSnapshot(ready.partition, &replica);
}

// Before anything of the Ready is applied: a snapshot names the state as it was.
void ReplicaLoop::SendAll(const Ready& ready, Replica* replica) {
  for (const RaftMessage& message : ready.messages) {
    Packet packet;
    if (message.snapshot > 0) {
      CHECK_EQ(message.snapshot, replica->applied);
      replica->sending.erase(message.to);
      const auto it =
          replica->sending
              .try_emplace(message.to, options_.incarnation + ++last_number_,
                           message, state_->OpenSnapshot(ready.partition))
              .first;
      packet = it->second.Chunk();
    } else {
      packet.to = message.to;
      packet.bytes = message.bytes;
    }
    packet.partition = ready.partition;
    packet.from = replica->id;
    transport_->Send(std::move(packet));
  }
}

void ReplicaLoop::ApplyAll(const Ready& ready, Replica* replica) {
  for (const CommittedEntry& entry : ready.committed) {
    CHECK_EQ(entry.index, replica->applied + 1) << ready.partition;
    if (entry.members) {
      state_->Apply(ready.partition, {.index = entry.index,
                                      .term = entry.term,
                                      .members = &*entry.members});
      replica->members = *entry.members;
      replica->change = 0;
    } else if (!ApplyEffects(entry, ready.partition, replica)) {
      return Fail(ready.partition, replica, "an entry is no proposal");
    }
    replica->applied = entry.index;
    replica->applied_term = entry.term;
  }
  if (!replica->removed && IsRemoved(replica->members, replica->id)) {
    replica->removed = true;
    state_->ReplicaRemoved(ready.partition);
  }
}

bool ReplicaLoop::ApplyEffects(const CommittedEntry& entry,
                               storage::PartitionId partition,
                               Replica* replica) {
  AppliedEntry applied = {.index = entry.index, .term = entry.term};
  Proposal proposal;
  if (!entry.data.empty()) {
    if (!DecodeProposal(entry.data, &proposal)) return false;
    const bool ours = proposal.proposer == options_.incarnation &&
                      replica->proposals.erase(proposal.number) == 1;
    if (proposal.term == entry.term) {
      applied.number = ours ? proposal.number : 0;
      applied.effects = proposal.effects;
    } else if (ours) {
      state_->ProposalRefused(partition, proposal.number);
    }
  }
  state_->Apply(partition, applied);
  return true;
}

void ReplicaLoop::ServeReads(storage::PartitionId partition, Replica* replica) {
  std::vector<Confirmed> confirmed;
  confirmed.swap(replica->confirmed);
  for (Confirmed& one : confirmed) {
    if (one.index > replica->applied) {
      replica->confirmed.push_back(std::move(one));
      continue;
    }
    for (const uint64_t read : one.reads) state_->ReadReady(partition, read);
  }
}

void ReplicaLoop::LoseProposals(storage::PartitionId partition,
                                Replica* replica) {
  if (replica->proposals.empty()) return;
  const uint64_t last = *replica->proposals.rbegin();
  replica->proposals.clear();
  state_->ProposalsLost(partition, last);
}

void ReplicaLoop::Fail(storage::PartitionId partition, Replica* replica,
                       const std::string& reason) {
  replica->failed = true;
  replica->sending.clear();
  LoseProposals(partition, replica);
  state_->ReplicaFailed(partition, reason);
}

}  // namespace pallet::cluster
