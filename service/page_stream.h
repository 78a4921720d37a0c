// SPDX-License-Identifier: Apache-2.0
//
// PageStream: one call of a server-streaming rpc. Pages come from a PageSource
// on the read pool, at the pace the client reads: one page is being written
// while the next is made, and there is never a third.
//
//   producing --page--> ready --(no write under way)--> writing --> (again)
//
// A source that has nothing yet is waited for, on no thread.
//
// Invariants: (1) Next() runs on one thread at a time. (2) The call is finished
// once, when nothing is producing or writing. (3) After cancellation, a failed
// write or Drain no new page is made.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "service/front_end.h"

namespace pallet::service {

class PageStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                         public DrainableStream,
                         public std::enable_shared_from_this<PageStream> {
 public:
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(
      const ServedOperation* operation, FrontEnd* front_end,
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request);

  PageStream(const ServedOperation* operation, FrontEnd* front_end);
  PageStream(const PageStream&) = delete;
  PageStream& operator=(const PageStream&) = delete;

  void Drain() override;

 private:
  void Open(const grpc::CallbackServerContext& context,
            const grpc::ByteBuffer& request);
  absl::StatusOr<std::unique_ptr<PageSource>> OpenSource(
      const grpc::CallbackServerContext& context,
      const grpc::ByteBuffer& request);

  // Ends the call with `status` unless it ends already; a page that waits to
  // be written is dropped.
  void End(const absl::Status& status);
  // Starts whatever the state allows now.
  void Advance();
  // Produces now or when the source is ready.
  void ProduceWhenReady();
  void OnReady();
  void Produce();
  void ProduceOnPool();
  void TryAgainLater();

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  const ServedOperation* const operation_;
  FrontEnd* const front_end_;
  StreamMetrics* const stream_metrics_;
  const absl::Duration start_;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<PageSource> source_;  // the producer's
  std::unique_ptr<grpc::Alarm> retry_;  // the producer's
  grpc::ByteBuffer writing_page_;       // the writer's

  absl::Mutex mutex_;
  bool producing_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // for the source
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;    // before it waited
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool wrote_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<std::string> ready_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);

  std::shared_ptr<PageStream> self_;  // until OnDone
};

}  // namespace pallet::service
