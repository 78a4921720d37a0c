// SPDX-License-Identifier: Apache-2.0
//
// The two ends of a snapshot on its way: one chunk at a time, each sent again
// until it is answered. Parts of ReplicaLoop; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cluster/raft/replica_doors.h"

namespace pallet::cluster {

// A snapshot nobody has heard of for so many ticks is given up.
inline constexpr uint32_t kSnapshotPatience = 30;

class OutgoingSnapshot {
 public:
  // `number` is the sender's own and never used again; `message` goes behind
  // the last chunk.
  OutgoingSnapshot(uint64_t number, const RaftMessage& message,
                   std::unique_ptr<SnapshotReader> reader);

  // The chunk that is due: the first, the next one, or the last one again.
  Packet Chunk() const;

  // A chunk was answered. False if it is not the one that waits for it.
  [[nodiscard]] bool Taken(uint64_t snapshot, uint64_t sequence);
  bool done() const { return done_; }

  // One that is done is given up as well: so long it holds the log.
  enum class Patience { kWait, kSendAgain, kGiveUp };
  Patience Tick();

  // Where it begins: the log is needed from here on.
  uint64_t index() const { return message_.snapshot; }

 private:
  uint64_t number_;
  RaftMessage message_;
  std::unique_ptr<SnapshotReader> reader_;
  uint64_t sequence_ = 0;
  std::string chunk_;
  bool last_ = false;
  bool done_ = false;
  uint32_t ticks_ = 0;  // since the chunk was sent first
};

// What came in of one snapshot.
struct IncomingSnapshot {
  ReplicaId from;
  uint64_t number = 0;
  uint64_t next = 0;  // chunk
  bool whole = false;
  std::string message;  // whole: to be offered to the library
  uint32_t ticks = 0;   // since the last chunk
};

}  // namespace pallet::cluster
