// SPDX-License-Identifier: Apache-2.0
//
// ReplicaView: what threads other than the loop's know of a replica. Written by
// the loop and the applier, read by anybody. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "cluster/raft/types.h"
#include "storage/ids.h"

namespace pallet::cluster {

struct ReplicaView {
  const storage::PartitionId partition;
  const ReplicaId replica;

  // The term in which it leads, and in which what is visible is the base for
  // what comes next; 0 if there is none. A lease holds until then, on the
  // clock's Monotonic, in nanoseconds. A strong read takes the term, opens its
  // transaction, and then looks at both again.
  std::atomic<uint64_t> serving_term{0};
  std::atomic<int64_t> lease_until{0};
  std::atomic<ReplicaId> leader{};

  // What serving_term is to be once the applier is there. Under `mutex`, and
  // serving_term is changed under it.
  absl::Mutex mutex;
  uint64_t coming_term ABSL_GUARDED_BY(mutex) = 0;

  ReplicaView(storage::PartitionId of, ReplicaId id)
      : partition(of), replica(id) {}

  bool HasLease(uint64_t term, absl::Duration now) const {
    return term != 0 && serving_term.load(std::memory_order_acquire) == term &&
           absl::ToInt64Nanoseconds(now) <
               lease_until.load(std::memory_order_acquire);
  }
};
using ReplicaViewPtr = std::shared_ptr<ReplicaView>;

}  // namespace pallet::cluster
