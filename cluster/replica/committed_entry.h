// SPDX-License-Identifier: Apache-2.0
//
// From a committed entry to what it does to a partition: the same on every
// replica, and at every start. Pure functions.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cluster/replica/raft_records.h"
#include "storage/batch.h"

namespace pallet::cluster {

// Adds to `partition`, a kRows record of `batch`, what the effects do, and moves
// `replica` on; the bytes are copied into the batch. False, and nothing is
// added, if they were evaluated upon another state than the partition is in: of
// another range epoch or change seq, or upon effects that did not happen.
// kDataLoss if they are no effects.
absl::StatusOr<bool> AddEffects(absl::string_view effects,
                                ReplicaRecord* replica,
                                storage::PartitionBatch* partition,
                                storage::Batch* batch);

// A partition that is a replica, in a batch of its own or with others: its
// record so far, or a new one that begins with `before`.
storage::PartitionBatch* RecordIn(storage::Batch* batch,
                                  const storage::PartitionState& before);

}  // namespace pallet::cluster
