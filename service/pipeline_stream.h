// SPDX-License-Identifier: Apache-2.0
//
// PipelineStream: one ItemService.Pipeline stream.
//
// A frame's operations are dispatched one after the other on the thread gRPC
// reads on; answers come on any thread, are gathered, and leave when no write
// is under way. So a lone answer leaves at once, and under load frames grow by
// themselves.
//
// Flow control. An operation holds a slot, and its request and then its answer
// count as bytes, from dispatch until its answer has been written. When slots
// or bytes are used up the rest of the frame waits and nothing more is read:
// HTTP/2 then holds the client back.
//
// Invariants:
//   1. Each operation that was read is answered once, unless the client went.
//   2. The stream is finished only when no operation is running and nothing is
//      being written: an answer always finds its stream.
//   3. At most one thread dispatches (pumping_), one write and one read are
//      under way. gRPC's functions are called without the lock, by the thread
//      that set the flag which keeps the stream from being finished meanwhile.
//   4. A stream that ends with SHUTTING_DOWN has started no operation that it
//      did not answer.
//
//   gRPC's thread (read, write done)   | any thread (answer)
//   -----------------------------------|--------------------------------------
//   take a slot, dispatch, again       | gather; while pumping leave the flush
//   stop pumping, Advance()            | to the pump, else Advance()
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "service/front_end.h"
#include "service/message_bytes.h"
#include "service/pipeline_frame.h"

namespace pallet::service {

class PipelineStream final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public DrainableStream,
      public std::enable_shared_from_this<PipelineStream> {
 public:
  static grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Start(
      StreamMetrics* metrics, FrontEnd* front_end,
      grpc::CallbackServerContext* context);

  PipelineStream(StreamMetrics* metrics, FrontEnd* front_end);
  PipelineStream(const PipelineStream&) = delete;
  PipelineStream& operator=(const PipelineStream&) = delete;

  void Drain() override;

 private:
  struct Running;  // an operation under way
  class Answer;    // its Reply

  // A frame of answers and what it gives back when it has been written.
  struct OutFrame {
    std::string bytes;
    uint32_t results = 0;
    uint64_t counted_bytes = 0;
  };

  // Dispatches what there is room for, then advances.
  void Pump();
  // Reads one more operation and takes a slot for it; stops pumping if there is
  // none or no room. After a frame that cannot be read further none comes: what
  // runs is answered, then the stream ends.
  bool TakeNext(PipelineOperation* next);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Dispatch(const PipelineOperation& operation);

  void Answered(std::unique_ptr<Running> running,
                absl::StatusOr<std::string> result);
  void Gather(const Running& running, absl::string_view bytes, bool ok)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseFrame() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropAnswers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Starts the write, the read or the end that the state allows now.
  void Advance();
  bool AdvanceOnce();
  bool TakeWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  StreamMetrics* const metrics_;
  FrontEnd* const front_end_;
  std::atomic<bool> cancelled_{false};

  // The pump's, or the reader's while none pumps.
  grpc::ByteBuffer read_buffer_;
  MessageBytes frame_;
  std::optional<PipelineFrameReader> reader_;
  CallContext call_;
  absl::Duration stream_deadline_;
  absl::Duration frame_start_;
  // The writer's.
  grpc::ByteBuffer write_buffer_;

  absl::Mutex mutex_;
  bool pumping_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool starting_read_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_done_ ABSL_GUARDED_BY(mutex_) = false;   // no more frames will come
  bool frame_left_ ABSL_GUARDED_BY(mutex_) = false;  // reader_ has operations
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  uint32_t running_ ABSL_GUARDED_BY(mutex_) = 0;  // dispatched, not answered
  uint32_t unsent_ ABSL_GUARDED_BY(mutex_) = 0;   // answered, not written
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;    // of both
  PipelineFrameWriter gathered_ ABSL_GUARDED_BY(mutex_);
  std::deque<OutFrame> frames_ ABSL_GUARDED_BY(mutex_);  // closed, unsent
  OutFrame sending_ ABSL_GUARDED_BY(mutex_);             // under way

  std::shared_ptr<PipelineStream> self_;  // until OnDone
};

}  // namespace pallet::service
