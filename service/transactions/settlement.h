// SPDX-License-Identifier: Apache-2.0
//
// Settlement: the last phase of a transaction over several partitions: all that
// it has locked is applied, or all is released. What has been decided happens,
// whatever the stores say at the moment: a part that a store has no room for is
// tried again until it is through.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "cluster/partition_host.h"
#include "service/transactions/part_decision.h"

namespace pallet::service {

// Rows of one partition that a transaction has locked.
struct LockedPart {
  cluster::TablePtr table;
  const cluster::TablePartition* partition = nullptr;  // of the table
  std::vector<std::string> row_keys;
  size_t bytes = 0;  // of what applying writes; for admission
};

// Calls a function some time later, on a thread of its own. When the node stops
// it is called at once, and told so.
using RunLater =
    std::function<void(absl::AnyInvocable<void(bool is_stopping)>)>;

enum class Verdict { kApply, kRelease };

class Settlement : public std::enable_shared_from_this<Settlement> {
 public:
  struct PartEnd {
    storage::ChangeSeq change_seq;  // the last change of the partition
    std::vector<UnitsByArm> units;  // of each row, if applied
  };
  struct End {
    // Not OK: some of it waits for the next start, since a store fails.
    absl::Status status;
    std::vector<PartEnd> parts;
  };
  using Done = absl::AnyInvocable<void(End)>;

  // REQUIRES: `parts` is not empty. Every row counts in the host's lock filter,
  // and is taken out of it. `done` is called once, on this thread or a store's.
  static void Start(cluster::PartitionHost* host, RunLater run_later,
                    std::vector<LockedPart> parts, LockOwner owner,
                    Verdict verdict, Done done);

  Settlement(const Settlement&) = delete;

 private:
  Settlement(cluster::PartitionHost* host, RunLater run_later,
             std::vector<LockedPart> parts, LockOwner owner, Verdict verdict,
             Done done);

  void Submit(size_t part);
  absl::Status Decide(size_t part, storage::WriteContext& context);
  void OnDecided(size_t part, const absl::Status& status);
  // `settled`: its locks are gone.
  void OnEnd(size_t part, bool settled, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  cluster::PartitionHost* const host_;
  const RunLater run_later_;
  const std::vector<LockedPart> parts_;
  const LockOwner owner_;
  const Verdict verdict_;

  absl::Mutex mutex_;
  size_t open_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  // Each is written by the decision of its part, and read behind the last.
  std::vector<PartEnd> ends_;
  Done done_;
};

}  // namespace pallet::service
