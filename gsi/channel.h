// SPDX-License-Identifier: Apache-2.0
//
// Channel: the way of the changes of one lineage to one partition of an index,
// in order. And SendAll, which sends what several channels have to say at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gsi/entries.h"
#include "gsi/index_batch.h"
#include "gsi/step.h"
#include "gsi/topology.h"
#include "storage/ids.h"

namespace pallet::gsi {

struct Channel {
  uint64_t index = 0;
  Target target;
  // What the target has: in its row.
  storage::ChangeSeq durable;
  // What it is known to have: nothing between `durable` and here matters to it.
  // Read by any thread, moved by the follower.
  std::atomic<uint64_t> cursor{0};
  EarlyEntries early = {};
  // The head of the lineage when the channel was made behind it. What was put
  // early before that is not remembered.
  uint64_t unknown_until = 0;
  // From here on that does not matter any more: the newest state of any row that
  // was read while the cursor was before unknown_until.
  std::atomic<uint64_t> settled_at{0};
  // What became of the last batch is not known: it may be there.
  bool in_doubt = false;
  int failures = 0;  // since the last success
  absl::Duration retry_at = -absl::InfiniteDuration();
};

// A batch or chunk is about to be sent that was read in states up to `newest`.
void NoteRead(storage::ChangeSeq newest, Channel* channel);

// What a channel sends.
struct Shipment {
  Channel* channel = nullptr;
  IndexBatch batch;
  IndexBatchWrite::Outcome outcome = {};
};

// Sends all, waits for all, and fills in the outcomes.
void SendAll(std::vector<Shipment>& shipments,
             const StepObserver& observer = nullptr);

// After an error: waits longer and longer, up to a second.
void BackOff(absl::Duration now, Channel* channel);

}  // namespace pallet::gsi
