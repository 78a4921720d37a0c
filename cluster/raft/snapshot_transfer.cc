// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/snapshot_transfer.h"

#include <utility>

namespace pallet::cluster {
namespace {

constexpr uint32_t kTicksBetween = 3;

}  // namespace

OutgoingSnapshot::OutgoingSnapshot(uint64_t number, const RaftMessage& message,
                                   std::unique_ptr<SnapshotReader> reader)
    : number_(number), message_(message), reader_(std::move(reader)) {
  chunk_ = reader_->Next(&last_);
}

Packet OutgoingSnapshot::Chunk() const {
  Packet packet;
  packet.kind = PacketKind::kSnapshotChunk;
  packet.to = message_.to;
  packet.bytes = chunk_;
  packet.snapshot = number_;
  packet.sequence = sequence_;
  packet.last = last_;
  if (last_) packet.message = message_.bytes;
  return packet;
}

bool OutgoingSnapshot::Taken(uint64_t snapshot, uint64_t sequence) {
  if (snapshot != number_ || sequence != sequence_ || done_) return false;
  ticks_ = 0;
  if (last_) {
    done_ = true;
    return true;
  }
  ++sequence_;
  chunk_ = reader_->Next(&last_);
  return true;
}

OutgoingSnapshot::Patience OutgoingSnapshot::Tick() {
  if (++ticks_ >= kSnapshotPatience) return Patience::kGiveUp;
  return !done_ && ticks_ % kTicksBetween == 0 ? Patience::kSendAgain
                                               : Patience::kWait;
}

}  // namespace pallet::cluster
