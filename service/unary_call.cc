// SPDX-License-Identifier: Apache-2.0
#include "service/unary_call.h"

#include <utility>

#include "model/errors.h"
#include "service/dropped_reply.h"
#include "service/grpc_status.h"
#include "service/message_bytes.h"

namespace pallet::service {

// The Reply of a call: one pointer, so that it needs no memory of its own.
class UnaryCall::Answer {
 public:
  explicit Answer(UnaryCall* call) : call_(call) {}
  Answer(Answer&& other) noexcept
      : call_(std::exchange(other.call_, nullptr)) {}
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (call_ != nullptr) call_->Finish(DroppedReply(call_->operation_->name));
  }

  void operator()(absl::StatusOr<std::string> result) {
    std::exchange(call_, nullptr)->Finish(std::move(result));
  }

 private:
  UnaryCall* call_;
};

grpc::ServerUnaryReactor* UnaryCall::Start(const ServedOperation* operation,
                                           FrontEnd* front_end,
                                           grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) {
  auto call = std::make_shared<UnaryCall>(operation, front_end, response);
  call->self_ = call;
  call->Run(*context, *request);
  // gRPC calls OnDone only after it has been given the reactor.
  return call.get();
}

UnaryCall::UnaryCall(const ServedOperation* operation, FrontEnd* front_end,
                     grpc::ByteBuffer* response)
    : operation_(operation),
      front_end_(front_end),
      response_(response),
      start_(front_end->clock->Monotonic()) {}

void UnaryCall::Run(const grpc::CallbackServerContext& context,
                    const grpc::ByteBuffer& request) {
  const bool entered = front_end_->gate.Enter();
  operation_->metrics->Started();
  if (!entered) {
    return Finish(model::MakeError(model::Reason::kShuttingDown,
                                   "The node is shutting down"));
  }
  if (operation_->run == nullptr) return Finish(RpcNotBuilt(operation_->name));
  absl::StatusOr<MessageBytes> bytes = MessageBytes::Of(request);
  if (!bytes.ok()) return Finish(bytes.status());
  CallContext call;
  call.clock = front_end_->clock;
  call.deadline = DeadlineOf(context, start_, front_end_->grpc.max_deadline,
                             front_end_->clock);
  call.cancelled = std::shared_ptr<const std::atomic<bool>>(self_, &cancelled_);
  (*operation_->run)(bytes->view(), call, Answer(this));
}

void UnaryCall::Finish(absl::StatusOr<std::string> result) {
  operation_->metrics->Finished(result.status().code(),
                                front_end_->clock->Monotonic() - start_);
  if (!result.ok()) {
    return grpc::ServerUnaryReactor::Finish(ToGrpcStatus(result.status()));
  }
  grpc::ByteBuffer response = WrapMessage(*std::move(result));
  response_->Swap(&response);
  grpc::ServerUnaryReactor::Finish(grpc::Status::OK);
}

}  // namespace pallet::service
