// SPDX-License-Identifier: Apache-2.0
//
// UnaryCall: one call of a unary rpc, bytes in and bytes out.
//
// The operation runs on gRPC's thread and answers on any. The object lives
// until gRPC is done with the call (OnDone) and nobody holds its cancel flag.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/front_end.h"

namespace pallet::service {

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // Runs the operation. `request` need live only until this returns,
  // `response` until the call is finished, the others as long as the server.
  static grpc::ServerUnaryReactor* Start(const ServedOperation* operation,
                                         FrontEnd* front_end,
                                         grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response);

  UnaryCall(const ServedOperation* operation, FrontEnd* front_end,
            grpc::ByteBuffer* response);
  UnaryCall(const UnaryCall&) = delete;
  UnaryCall& operator=(const UnaryCall&) = delete;

 private:
  class Answer;

  void Run(const grpc::CallbackServerContext& context,
           const grpc::ByteBuffer& request);
  void Finish(absl::StatusOr<std::string> result);

  void OnCancel() override { cancelled_ = true; }
  void OnDone() override {
    front_end_->gate.Leave();
    self_.reset();
  }
  // Our reactions are trivial: gRPC need not switch threads for them.
  bool InternalInlineable() override { return true; }

  const ServedOperation* const operation_;
  FrontEnd* const front_end_;
  grpc::ByteBuffer* const response_;
  const absl::Duration start_;
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<UnaryCall> self_;  // until OnDone
};

}  // namespace pallet::service
