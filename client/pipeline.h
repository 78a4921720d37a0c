// SPDX-License-Identifier: Apache-2.0
//
// Pipeline: many operations on one ItemService.Pipeline stream. Not installed.
//
//   Submit appends the operation to the frame that waits.
//   - no write in flight: the frame leaves at once;
//   - a write in flight: the frame grows until that write is done.
//   - called from the callback of an answer: the frame leaves when all answers
//     of that frame have been told, so that a closed loop keeps its batches.
//   Answers are matched by tag, in any order.
//
// Invariants:
//   1. An operation under way is in operations_ from Submit until its callback
//      is about to be called. A timer runs for armed_for_, which is no later
//      than the earliest of their deadlines; when it fires they are all looked
//      at, so that keeping them in order costs nothing while answers come.
//   2. Tags grow. Those a stream has written are one range, [begin, end); those
//      at and above the last stream's end wait and certainly were not sent.
//   3. One stream takes operations at a time. When one breaks, the operations
//      it wrote fail; those that wait go out on the next one, or fail too if
//      the service cannot be reached.
//   4. Only whoever set a stream's `writing` calls its Write. The hold on its
//      call is released once it is broken and nobody writes.
//
// An operation whose deadline passes while it waits is answered, yet may still
// be sent: kDeadlineExceeded promises nothing. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/grpc_calls.h"
#include "client/stub.h"

namespace pallet {

class Pipeline {
 public:
  // REQUIRES: `calls` and `clock` outlive it.
  Pipeline(GrpcCalls* calls, Clock* clock, size_t max_waiting_bytes)
      : calls_(*calls), clock_(*clock), max_waiting_bytes_(max_waiting_bytes) {}

  // `request` is the encoded request of the operation with this field number
  // in PipelineOperation; as Stub::Call otherwise.
  void Submit(int field, absl::string_view request, absl::Duration timeout,
              Stub::Done done);

  // Fails what is under way, and what comes. The stream itself is ended by
  // GrpcCalls::Shutdown, to be called next.
  void Shutdown();

 private:
  class Stream;
  using Tag = uint64_t;

  struct Operation {
    Stub::Done done;
    absl::Duration deadline;  // on the monotonic clock; infinite: none
  };
  // Encoded operations that leave together.
  struct Frame {
    std::string bytes;
    Tag end;  // the tag behind its last one
  };
  // The right and duty to write a frame.
  struct Turn {
    Stream* stream = nullptr;  // null: there is nothing to do
    bool is_new = false;       // the stream has not been started yet
    std::string frame;
  };

  // Puts the operation into the last frame that waits.
  void Append(Tag tag, int field, absl::string_view request,
              absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A turn, if a frame waits and nobody writes.
  Turn ClaimTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write(Turn turn) ABSL_LOCKS_EXCLUDED(mutex_);

  // What the streams tell.
  void OnWriteDone(Stream* stream);
  void OnFrame(absl::string_view frame);
  void OnBroken(Stream* stream, bool wrote);
  void OnStreamEnd(Stream* stream, const Failure& failure);

  // Null if the operation is no longer under way.
  Stub::Done Take(Tag tag) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Stub::Done> TakeRange(Tag begin, Tag end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes Expire run at `deadline`. REQUIRES: the caller set armed_for_ to it.
  void ArmTimer(absl::Duration deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells what is past its deadline. `armed_for` is that of the timer.
  void Expire(absl::Duration armed_for) ABSL_LOCKS_EXCLUDED(mutex_);

  GrpcCalls& calls_;
  Clock& clock_;
  const size_t max_waiting_bytes_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Takes operations; null: none does. Owned by itself, as gRPC's reactors are.
  Stream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Tag next_tag_ ABSL_GUARDED_BY(mutex_) = 1;
  Tag sent_end_ ABSL_GUARDED_BY(mutex_) = 1;
  std::deque<Frame> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<Tag, Operation> operations_ ABSL_GUARDED_BY(mutex_);
  // Invariant 1; infinite: no timer.
  absl::Duration armed_for_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
};

}  // namespace pallet
