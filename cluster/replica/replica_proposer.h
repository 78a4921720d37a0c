// SPDX-License-Identifier: Apache-2.0
//
// ReplicaProposer: decides the writes of the partitions that are led here, and
// makes of what they do proposals.
//
// A thread takes what waits in the inbox, and lets the writes of each partition
// decide over what is visible and what is on its way: each led partition has an
// evaluator of its own, since partitions commit apart from each other. A
// proposal is what a handful of writes to one partition does; their answers are
// told when it is applied here.
//
// What holds:
//   1. A write is answered after all that it saw is applied, whatever it says.
//      One that does nothing and saw nothing that is on its way is answered when
//      the replica is known to lead still.
//   2. Once a proposal did not happen, or nobody knows, nothing is evaluated upon
//      it: those that were do not happen either (their change seq or their term
//      says so), and the partition takes no writes until all are concluded.
//   3. Done is called exactly once per accepted write.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/thread.h"
#include "cluster/replica/replica_view.h"
#include "storage/admission.h"
#include "storage/applier.h"
#include "storage/batch.h"
#include "storage/entry.h"
#include "storage/evaluator.h"
#include "storage/inbox.h"
#include "storage/partition_table.h"
#include "storage/pipeline_observer.h"

namespace pallet::cluster {

// A partition that is led here, in one term, until something goes wrong.
struct LedPartition {
  ReplicaViewPtr view;
  uint64_t term = 0;
  // The number of the last proposal that is visible.
  std::atomic<uint64_t> published{0};
  std::atomic<bool> broken{false};
  std::atomic<uint64_t> open{0};  // proposals that are not concluded

  // Of the proposer's thread.
  storage::Evaluator evaluator;
  uint64_t epoch = 0;
  uint64_t chain = 0;             // raft_records.h
  storage::ChangeSeq change_seq;  // with all evaluated
  uint64_t last_number = 0;
  std::deque<std::shared_ptr<struct Proposed>> kept;  // the evaluator looks at
};

enum class Conclusion {
  kHappened,
  kDidNotHappen,
  kUnknown,
};

struct Proposed {
  std::shared_ptr<LedPartition> partition;
  uint64_t number = 0;  // of the partition's, from 1
  storage::Batch batch;
  std::string effects;  // empty: to be answered only
};
using ProposedPtr = std::shared_ptr<Proposed>;

class ReplicaProposer {
 public:
  // All borrowed; they outlive this.
  struct Parts {
    storage::Applier* applier = nullptr;
    storage::PartitionTable* partitions = nullptr;
    storage::Admission* admission = nullptr;
    storage::PipelineObserver* observer = nullptr;
    // Null if there is no such replica here.
    std::function<ReplicaViewPtr(storage::PartitionId)> view = {};
    // Takes it on its way; it is concluded later, once, on any thread.
    std::function<void(ProposedPtr)> propose = {};
    std::function<absl::Status()> health = {};
  };

  ReplicaProposer(Parts parts, storage::Inbox::Bounds bounds)
      : parts_(std::move(parts)), bounds_(bounds), inbox_(bounds) {}
  ReplicaProposer(const ReplicaProposer&) = delete;
  ~ReplicaProposer() { Stop(); }

  void Start();
  // Takes no more; decides what was taken; ends the thread.
  void Stop();

  absl::Status Submit(std::unique_ptr<storage::RowWrite> write);
  void Conclude(Proposed& proposed, Conclusion conclusion);
  // A frame is in the log: whatever waited to join the next batch may go.
  void OnFrame() { inbox_.LeaveSync(); }

  uint64_t writes() const { return writes_.load(); }
  uint64_t batches() const { return batches_.load(); }
  const storage::Inbox& inbox() const { return inbox_; }

 private:
  void Work();
  std::shared_ptr<LedPartition> Led(storage::PartitionId id,
                                    absl::Status* why_not);
  // Returns what is to be proposed; null if all were answered. Writes for which
  // there was no room in the batch come to be in `rest`.
  ProposedPtr Evaluate(storage::PartitionId id,
                       std::vector<storage::BatchWrite> writes,
                       std::vector<storage::BatchWrite>* rest);
  storage::Room RoomFor(const std::vector<storage::BatchWrite>& writes,
                        const storage::Batch& batch);
  static void Refuse(std::vector<storage::BatchWrite>& writes,
                     const absl::Status& why);

  const Parts parts_;
  const storage::Inbox::Bounds bounds_;
  storage::Inbox inbox_;
  std::atomic<uint64_t> writes_{0};
  std::atomic<uint64_t> batches_{0};

  // Of the thread.
  std::map<storage::PartitionId, std::shared_ptr<LedPartition>> led_;
  storage::EntryBuilder entry_;
  Thread thread_;
};

// The partition is not led by this replica (now). Nothing was done.
absl::Status NotLedHere(storage::PartitionId partition, ReplicaId leader);
// True for such an error, and for that of a write of which it is known that it
// did not happen; the leader as far as it is known, or ReplicaId().
bool IsNotLedHere(const absl::Status& status, ReplicaId* leader);

}  // namespace pallet::cluster
