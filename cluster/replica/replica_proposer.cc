// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/replica_proposer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "cluster/replica/raft_records.h"
#include "model/errors.h"
#include "storage/batch_records.h"

namespace pallet::cluster {
namespace {

using model::Reason;
using storage::BatchWrite;
using storage::PartitionId;

constexpr char kNotLedHere[] = "pallet.cluster/not-led-here";
// An entry is a message of the network: a few of them fit one.
// So many chains fit in a term: each begins after a proposal was refused.
constexpr uint64_t kChainBits = 24;
constexpr uint64_t kBatchBytes = uint64_t{2} << 20;

void SetLeader(ReplicaId leader, absl::Status* status) {
  std::string payload;
  AppendU64(&payload, leader.value());
  status->SetPayload(kNotLedHere, absl::Cord(payload));
}

// Another attempt may fare better, here or elsewhere.
absl::Status DidNotHappen() {
  absl::Status status = model::MakeError(
      Reason::kThrottling,
      "the partition's leader is changing: the write did not happen");
  SetLeader(ReplicaId(), &status);
  return status;
}

absl::Status Unknown() {
  return model::MakeError(Reason::kOutcomeUnknown,
                          "the partition's leader changed while the write was "
                          "on its way: it may or may not happen");
}

absl::Status NoRoom() {
  return model::MakeError(Reason::kStorageFull,
                          "no room in the map or on the disk");
}

}  // namespace

absl::Status NotLedHere(PartitionId partition, ReplicaId leader) {
  absl::Status status = model::MakeError(
      Reason::kThrottling, absl::StrCat("partition ", partition.value(),
                                        " is not led by this replica"));
  SetLeader(leader, &status);
  return status;
}

bool IsNotLedHere(const absl::Status& status, ReplicaId* leader) {
  const auto payload = status.GetPayload(kNotLedHere);
  if (!payload.has_value()) return false;
  const std::string bytes(*payload);
  absl::string_view view = bytes;
  uint64_t id = 0;
  if (!ConsumeU64(&view, &id)) return false;
  *leader = ReplicaId(id);
  return true;
}

void ReplicaProposer::Start() {
  thread_ = Thread("store-writer", [this] { Work(); });
}

void ReplicaProposer::Stop() {
  inbox_.Close();
  thread_.Join();
}

absl::Status ReplicaProposer::Submit(std::unique_ptr<storage::RowWrite> write) {
  RETURN_IF_ERROR(parts_.health());
  const PartitionId id = write->partition();
  const ReplicaViewPtr view = parts_.view(id);
  if (view == nullptr) {
    return model::MakeError(
        Reason::kResourceNotFound,
        absl::StrCat("partition ", id.value(), " is not in this store"));
  }
  if (view->serving_term.load(std::memory_order_acquire) == 0) {
    return NotLedHere(id, view->leader.load());
  }
  return inbox_.Add(std::move(write));
}

void ReplicaProposer::Work() {
  std::vector<BatchWrite> writes;
  std::unique_ptr<storage::ControlOperation> control;
  while (inbox_.Take(&writes, &control)) {
    std::map<PartitionId, std::vector<BatchWrite>> shares;
    for (BatchWrite& write : writes) {
      shares[write.write->partition()].push_back(std::move(write));
    }
    writes.clear();
    std::vector<ProposedPtr> proposals;
    std::vector<BatchWrite> rest;
    uint64_t syncing = 0;
    for (auto& [id, share] : shares) {
      ProposedPtr proposed = Evaluate(id, std::move(share), &rest);
      if (proposed == nullptr) continue;
      if (!proposed->effects.empty()) syncing += proposed->batch.writes.size();
      proposals.push_back(std::move(proposed));
    }
    inbox_.PutBack(&rest, 0);
    inbox_.LeaveEvaluation(syncing);
    for (ProposedPtr& proposed : proposals) {
      parts_.propose(std::move(proposed));
    }
  }
}

std::shared_ptr<LedPartition> ReplicaProposer::Led(PartitionId id,
                                                   absl::Status* why_not) {
  const ReplicaViewPtr view = parts_.view(id);
  const uint64_t term =
      view == nullptr ? 0 : view->serving_term.load(std::memory_order_acquire);
  std::shared_ptr<LedPartition>& led = led_[id];
  if (term == 0) {
    *why_not =
        NotLedHere(id, view == nullptr ? ReplicaId() : view->leader.load());
    return nullptr;
  }
  if (led != nullptr && led->term == term && led->view == view &&
      !led->broken.load(std::memory_order_acquire)) {
    return led;
  }
  if (led != nullptr && led->open.load(std::memory_order_acquire) > 0) {
    *why_not = DidNotHappen();
    return nullptr;
  }
  const std::optional<storage::PartitionState> state =
      parts_.partitions->Find(id);
  if (!state.has_value() || state->phase != storage::PartitionPhase::kServing) {
    *why_not = NotLedHere(id, ReplicaId());
    return nullptr;
  }
  auto fresh = std::make_shared<LedPartition>();
  fresh->view = view;
  fresh->term = term;
  fresh->evaluator.Load({*state});
  fresh->epoch = state->info.epoch;
  // Another life of this leader leads in another term.
  fresh->chain =
      led != nullptr && led->term == term ? led->chain + 1 : term << kChainBits;
  fresh->change_seq = state->info.change_seq;
  led = std::move(fresh);
  return led;
}

storage::Room ReplicaProposer::RoomFor(const std::vector<BatchWrite>& writes,
                                       const storage::Batch& batch) {
  uint64_t bytes = batch.arena.used_bytes();
  if (bytes == 0) {
    for (const BatchWrite& write : writes) bytes += write.write->byte_size();
  }
  const storage::Applier::Backlog backlog = parts_.applier->backlog();
  const storage::Room room = parts_.admission->Check(
      writes.size() + batch.row_count() + backlog.versions,
      bytes + backlog.bytes);
  if (room != storage::Room::kPlenty) parts_.observer->OnCheckpointDue();
  return room;
}

ProposedPtr ReplicaProposer::Evaluate(PartitionId id,
                                      std::vector<BatchWrite> writes,
                                      std::vector<BatchWrite>* rest) {
  absl::Status why_not = parts_.health();
  std::shared_ptr<LedPartition> led;
  if (why_not.ok()) led = Led(id, &why_not);
  if (led == nullptr) {
    Refuse(writes, why_not);
    return nullptr;
  }
  // The number first: what is read then shows at least that.
  const uint64_t published = led->published.load(std::memory_order_acquire);
  led->evaluator.Forget(published);
  while (!led->kept.empty() && led->kept.front()->number <= published) {
    led->kept.pop_front();
  }
  auto proposed = std::make_shared<Proposed>();
  proposed->partition = led;
  proposed->batch.Reset(led->last_number + 1);
  const storage::Room room = RoomFor(writes, proposed->batch);
  if (room > storage::Room::kDeletesOnly) {
    Refuse(writes, NoRoom());
    return nullptr;
  }
  proposed->batch.writes = std::move(writes);
  storage::Batch& batch = proposed->batch;
  const absl::Status read =
      parts_.applier->Read([&](storage::ReadTransaction& rows) -> absl::Status {
        const size_t decided = led->evaluator.Evaluate(
            batch, published,
            {kBatchBytes, room == storage::Room::kDeletesOnly}, rows);
        for (size_t i = decided; i < batch.writes.size(); ++i) {
          rest->push_back(std::move(batch.writes[i]));
        }
        batch.writes.resize(decided);
        return absl::OkStatus();
      });
  if (!read.ok()) {
    Refuse(batch.writes, read);
    return nullptr;
  }
  batches_.fetch_add(1, std::memory_order_relaxed);
  writes_.fetch_add(batch.writes.size(), std::memory_order_relaxed);
  led->open.fetch_add(1, std::memory_order_acq_rel);
  if (!batch.has_effects()) return proposed;
  const storage::PartitionBatch& record = batch.partitions().front();
  proposed->effects = EncodeEffects({led->epoch, led->change_seq, led->chain,
                                     led->last_number + 1,
                                     storage::EncodeEntry(record, &entry_)});
  proposed->number = ++led->last_number;
  led->change_seq = record.after.info.change_seq;
  led->evaluator.Adopt(batch);
  led->kept.push_back(proposed);
  return proposed;
}

void ReplicaProposer::Refuse(std::vector<BatchWrite>& writes,
                             const absl::Status& why) {
  for (BatchWrite& write : writes) write.write->Done(why);
  writes.clear();
}

void ReplicaProposer::Conclude(Proposed& proposed, Conclusion conclusion) {
  // A partition keeps its proposals: one that held on to it would keep both.
  const std::shared_ptr<LedPartition> partition = std::move(proposed.partition);
  LedPartition& led = *partition;
  if (conclusion != Conclusion::kHappened) {
    led.broken.store(true, std::memory_order_release);
  } else if (proposed.number != 0) {
    led.published.store(proposed.number, std::memory_order_release);
  }
  for (BatchWrite& write : proposed.batch.writes) {
    switch (conclusion) {
      case Conclusion::kHappened:
        write.write->Done(write.answer);
        break;
      case Conclusion::kDidNotHappen:
        write.write->Done(DidNotHappen());
        break;
      case Conclusion::kUnknown:
        write.write->Done(write.has_effects ? Unknown() : DidNotHappen());
        break;
    }
    write.write.reset();
  }
  led.open.fetch_sub(1, std::memory_order_acq_rel);
  inbox_.LeaveSync();
}

}  // namespace pallet::cluster
