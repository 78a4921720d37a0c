// SPDX-License-Identifier: Apache-2.0
#include "gsi/channel.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/synchronization/blocking_counter.h"

namespace pallet::gsi {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(2);
constexpr int kMostDoublings = 9;  // about a second

}  // namespace

void SendAll(std::vector<Shipment>& shipments, const StepObserver& observer) {
  absl::BlockingCounter left(static_cast<int>(shipments.size()));
  for (Shipment& shipment : shipments) {
    auto write = std::make_unique<IndexBatchWrite>(
        std::move(shipment.batch),
        [&left, &shipment, &observer](const IndexBatchWrite::Outcome& outcome) {
          Tell(observer, Step::kTaken);
          shipment.outcome = outcome;
          left.DecrementCount();
        });
    const absl::Status accepted =
        shipment.channel->target.store->Submit(std::move(write));
    if (accepted.ok()) continue;
    shipment.outcome.status = accepted;
    left.DecrementCount();
  }
  left.Wait();
}

void NoteRead(storage::ChangeSeq newest, Channel* channel) {
  if (channel->cursor.load() >= channel->unknown_until) return;
  channel->settled_at.store(
      std::max(channel->settled_at.load(), newest.value()));
}

void BackOff(absl::Duration now, Channel* channel) {
  const int doublings = std::min(channel->failures, kMostDoublings);
  ++channel->failures;
  channel->retry_at = now + kFirstRetry * (1 << doublings);
}

}  // namespace pallet::gsi
